"""pods/log over WebSocket, as dashboards in browsers follow it."""

from __future__ import annotations

import base64

import pytest
import trio
from proxying_world import PATIENCE, PODS, UPGRADE, World
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Request,
    TextMessage,
)

LOG = f"{PODS}/web/log"


class LogSocket:
    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.protocol: str | None = None
        self.messages: list[TextMessage | BytesMessage] = []
        self.closed: int | None = None
        self.ws = WSConnection(ConnectionType.CLIENT)

    @classmethod
    async def open(cls, world: World, path: str, protocols: list[str]) -> LogSocket:
        found = cls(await world.connect())
        request = Request(host="a", target=path, subprotocols=protocols)
        await found.stream.send_all(found.ws.send(request))
        return found

    async def until(self, text: str) -> None:
        """The log has this, or the socket is closed."""
        with trio.fail_after(PATIENCE):
            while self.closed is None and text not in self.text():
                data = bytes(await self.stream.receive_some(65536))
                assert data
                self.ws.receive_data(data)
                for event in self.ws.events():
                    if isinstance(event, AcceptConnection):
                        self.protocol = event.subprotocol
                    elif isinstance(event, TextMessage | BytesMessage):
                        self.messages.append(event)
                    elif isinstance(event, CloseConnection):
                        self.closed = event.code

    def text(self) -> str:
        return b"".join(
            base64.b64decode(message.data) if isinstance(message, TextMessage) else message.data
            for message in self.messages
        ).decode()


@pytest.mark.parametrize(
    ("protocols", "chosen", "kind"),
    [
        ([], None, BytesMessage),
        (["binary.k8s.io"], "binary.k8s.io", BytesMessage),
        (["base64.binary.k8s.io"], "base64.binary.k8s.io", TextMessage),
        (["x", "base64.binary.k8s.io", "binary.k8s.io"], "base64.binary.k8s.io", TextMessage),
    ],
)
async def test_a_log_is_read_to_its_end(
    world: World, protocols: list[str], chosen: str | None, kind: type[object]
) -> None:
    socket = await LogSocket.open(world, LOG, protocols)
    await socket.until("more than there is")
    assert (socket.protocol, socket.closed) == (chosen, 1000)
    assert socket.text() == "one\ntwo\n"
    assert {type(message) for message in socket.messages} == {kind}
    assert not socket.messages[0].data  # the log was found
    await world.kubelet.until_closed()


async def test_a_log_is_followed_until_the_client_leaves(world: World) -> None:
    socket = await LogSocket.open(world, f"{LOG}?follow=true", ["base64.binary.k8s.io"])
    await socket.until("two\n")
    world.kubelet.say("three")
    await socket.until("three\n")
    await socket.stream.send_all(socket.ws.send(CloseConnection(1000)))
    await socket.until("more than there is")
    assert socket.closed == 1000
    await world.kubelet.until_closed()


async def test_subprotocols_that_nobody_knows_are_refused(world: World) -> None:
    answer = await world.get(LOG, {**UPGRADE, "sec-websocket-protocol": "a, b"})
    assert answer.status == 403
    assert answer.message == (
        "requested protocol(s) are not supported: [a b]; "
        "supports [binary.k8s.io base64.binary.k8s.io]"
    )
    assert not world.kubelet.seen


async def test_what_is_no_websocket_is_refused(world: World) -> None:
    asked = {name: value for name, value in UPGRADE.items() if name != "sec-websocket-protocol"}
    answer = await world.get(LOG, {**asked, "sec-websocket-version": "8"})
    assert (answer.status, answer.message) == (400, "missing or bad WebSocket Version")
    assert answer.headers["sec-websocket-version"] == "13"
    del asked["sec-websocket-key"]
    answer = await world.get(LOG, asked)
    assert (answer.status, answer.message) == (400, "mismatch challenge/response")


async def test_errors_come_before_the_switch(world: World) -> None:
    answer = await world.get(f"{PODS}/none/log", UPGRADE)
    assert (answer.status, answer.message) == (404, 'pods "none" not found')
