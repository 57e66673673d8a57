"""Watches over WebSocket, as browsers open them."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trio
from websocket_client import MAPS, opened
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from kapiserver.testing import APIServer

Ask = Callable[..., Any]
BEARER = "base64url.bearer.authorization.k8s.io."
WATCH = f"{MAPS}?watch=true&fieldSelector=metadata.name%21%3Dkube-root-ca.crt"
ONE = f"{MAPS}?watch=true&fieldSelector=metadata.name%3Da"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_each_event_is_a_message(server: APIServer, ask: Ask) -> None:
    for name in "ab":
        ask("POST", MAPS, config_map(name))
    async with opened(server, WATCH, protocols=["base64.binary.k8s.io"]) as socket:
        assert socket.protocol == "base64.binary.k8s.io"
        assert await socket.events(2) == [("ADDED", "a"), ("ADDED", "b")]
        ask("POST", MAPS, config_map("c", text="line\nline\u2028line"))
        ask("DELETE", f"{MAPS}/a")
        assert (await socket.events(4))[2:] == [("ADDED", "c"), ("DELETED", "a")]
        assert isinstance(socket.messages[2], str)
        assert json.loads(socket.messages[2])["object"]["data"]["text"] == "line\nline\u2028line"


@pytest.mark.parametrize("path", [f"/api/v1/watch{MAPS[7:]}/a", ONE])
async def test_one_object_is_watched(server: APIServer, ask: Ask, path: str) -> None:
    ask("POST", MAPS, config_map("a"))
    async with opened(server, path) as socket:
        assert socket.protocol is None
        ask("POST", MAPS, config_map("b"))
        ask("DELETE", f"{MAPS}/a")
        assert await socket.events(2) == [("ADDED", "a"), ("DELETED", "a")]


async def test_what_the_client_sends_is_discarded_but_pings_are_answered(
    server: APIServer, ask: Ask
) -> None:
    async with opened(server, WATCH) as socket:
        await socket.send(TextMessage("hello?"))
        await socket.send(BytesMessage(b"x" * 1_000_000))
        await socket.send(Ping(b"there?"))
        while not socket.pongs:
            assert await socket.read()
        assert socket.pongs == [b"there?"]
        ask("POST", MAPS, config_map("a"))
        assert await socket.events(1) == [("ADDED", "a")]


async def test_the_client_may_leave(server: APIServer) -> None:
    async with opened(server, WATCH) as socket:
        await socket.send(CloseConnection(1001))
        assert await socket.until_closed() == 1001
        assert not await socket.read()


async def test_a_watch_that_is_over_is_closed(server: APIServer, ask: Ask) -> None:
    ask("POST", MAPS, config_map("a"))
    path = f"{WATCH}&timeoutSeconds=1&allowWatchBookmarks=true"
    async with opened(server, path) as socket:
        assert await socket.until_closed() == 1000
        kinds = [kind for kind, _ in await socket.events(2)]
        assert (kinds[0], set(kinds[1:])) == ("ADDED", {"BOOKMARK"})


async def test_protobuf_comes_in_binary_messages_without_frames(
    server: APIServer, ask: Ask
) -> None:
    for name in "ab":
        ask("POST", MAPS, config_map(name))
    accept = {"accept": "application/vnd.kubernetes.protobuf"}
    async with opened(server, WATCH, headers=accept) as socket:
        ask("POST", MAPS, config_map("c"))
        messages = await socket.until(3)
        for message in messages:
            assert isinstance(message, bytes)
            assert message.startswith(b"\x0a\x05ADDED\x12")
            assert message.count(b"k8s\x00") == 1


async def test_tables_are_watched(server: APIServer, ask: Ask) -> None:
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with opened(server, WATCH, headers=accept) as socket:
        for name in "ab":
            ask("POST", MAPS, config_map(name))
        tables = [json.loads(message)["object"] for message in await socket.until(2)]
    assert [table["rows"][0]["cells"][0] for table in tables] == ["a", "b"]
    assert tables[0]["columnDefinitions"]
    assert not tables[1]["columnDefinitions"]


async def test_a_reader_that_stalls_misses_nothing_and_holds_nobody_up(
    server: APIServer, ask: Ask
) -> None:
    """More than all buffers between the two hold: the watch goes on from the log."""
    count, data = 120, "x" * 100_000
    async with opened(server, WATCH) as slow, opened(server, WATCH) as quick:
        async with trio.open_nursery() as nursery:

            async def write() -> None:
                for number in range(count):
                    body = config_map(f"m{number:03}", text=data)
                    await trio.to_thread.run_sync(ask, "POST", MAPS, body)

            nursery.start_soon(write)
            expected = [("ADDED", f"m{number:03}") for number in range(count)]
            assert await quick.events(count) == expected
        assert await slow.events(count) == expected
        ask("POST", MAPS, config_map("last"))
        for socket in (slow, quick):
            assert (await socket.events(count + 1))[-1] == ("ADDED", "last")


async def test_what_cannot_be_watched_is_an_ordinary_error(server: APIServer) -> None:
    async with opened(server, "/api/v1/nothing?watch=true") as socket:
        assert socket.refusal is not None
        assert socket.refusal[0] == 404
    async with opened(server, f"{MAPS}?watch=true&labelSelector=%3D%3D") as socket:
        assert socket.refusal is not None
        assert socket.refusal[0] == 400
        assert json.loads(socket.refusal[2])["kind"] == "Status"


async def test_a_list_is_no_watch_whatever_is_asked(server: APIServer) -> None:
    async with opened(server, MAPS) as socket:
        assert socket.refusal is not None
        assert socket.refusal[0] == 200
        assert json.loads(socket.refusal[2])["kind"] == "ConfigMapList"


# -- tokens of browsers ---------------------------------------------------------------------------


ADA, JANE = "ada's ÿ token", "jane's token"


def encoded(token: str) -> str:
    return BEARER + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def stranger(server: APIServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca))


async def test_a_token_may_be_a_subprotocol_and_is_not_echoed(server: APIServer, ask: Ask) -> None:
    for protocols in ([encoded(ADA), "v1.binary"], ["v1.binary", encoded(ADA)]):
        async with opened(server, WATCH, protocols=protocols, context=stranger(server)) as socket:
            assert (socket.refusal, socket.protocol) == (None, "v1.binary")
            ask("POST", MAPS, config_map("a"))
            assert await socket.events(1) == [("ADDED", "a")]
            ask("DELETE", f"{MAPS}/a")


async def test_the_token_says_who_asks(server: APIServer) -> None:
    async with opened(
        server, WATCH, protocols=[encoded(JANE), "a"], context=stranger(server)
    ) as socket:
        assert socket.refusal is not None
        assert socket.refusal[0] == 403
        assert 'User "jane" cannot watch' in json.loads(socket.refusal[2])["message"]


@pytest.mark.parametrize(
    "protocols",
    [
        [encoded(ADA)],  # nothing that could be echoed
        [encoded(ADA), encoded(ADA), "a"],
        [encoded("nobody's"), "a"],
        [encoded(ADA) + "=", "a"],
        [BEARER + "!!!", "a"],
        [BEARER + "_w", "a"],  # not UTF-8
    ],
)
async def test_malformed_tokens_are_refused(server: APIServer, protocols: list[str]) -> None:
    async with opened(server, WATCH, protocols=protocols, context=stranger(server)) as socket:
        assert socket.refusal is not None
        assert socket.refusal[0] == 401
