"""The client knows what it does not know: not sent, answered, or lost after sending."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from chaos.client import Client, Lost, NotSent
from chaos.workload.session import classify, content
from kapiserver.pki import Authority

Handler = Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]


@asynccontextmanager
async def server(folder: Path, handler: Handler) -> AsyncIterator[Client]:
    """A TLS server that treats each connection with `handler`, and a client of it."""
    authority = Authority.create()
    authority.write(folder)
    authority.server("node-1", ["127.0.0.1"]).write(folder / "s.crt", folder / "s.key")
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(folder / "s.crt", folder / "s.key")
    theirs = ssl.create_default_context(cafile=str(folder / "ca.crt"))

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            await handler(stream)
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(
            0, ours, host="127.0.0.1", https_compatible=True
        )
        inner = listeners[0].transport_listener
        assert isinstance(inner, trio.SocketListener)
        port = inner.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        client = Client(f"https://127.0.0.1:{port}", theirs)
        with trio.fail_after(10):
            yield client
        await client.close()
        nursery.cancel_scope.cancel()


async def test_answers_come_back_whole_and_the_connection_is_used_again(tmp_path: Path) -> None:
    requests: list[bytes] = []

    async def handler(stream: trio.SSLStream[trio.SocketStream]) -> None:
        for answer in (b"first", b"second"):
            requests.append(bytes(await stream.receive_some()))
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
            await stream.send_all(head + answer[:3])
            await stream.send_all(answer[3:])

    async with server(tmp_path, handler) as client:
        assert await client.request("GET", "/a") == (200, b"first")
        assert await client.request("POST", "/b", b"body") == (200, b"second")
    assert requests[1].startswith(b"POST /b HTTP/1.1\r\n")
    assert requests[1].endswith(b"\r\n\r\nbody")


async def test_a_request_that_is_cut_off_is_lost_and_never_sent_again(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def handler(stream: trio.SSLStream[trio.SocketStream]) -> None:
        seen.append(bytes(await stream.receive_some()))
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async with server(tmp_path, handler) as client:
        with pytest.raises(Lost):
            await client.request("POST", "/a", b"x")
    assert len(seen) == 1


async def test_no_answer_in_time_is_lost(tmp_path: Path) -> None:
    async def handler(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    async with server(tmp_path, handler) as client:
        with pytest.raises(Lost, match="no answer"):
            await client.request("GET", "/a", timeout=0.1)


async def test_a_server_that_is_not_there_was_not_sent_anything() -> None:
    with trio.socket.socket() as probe:
        await probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = Client(f"https://127.0.0.1:{port}", ssl.create_default_context())
    with pytest.raises(NotSent):
        await client.request("POST", "/a", b"x")


async def test_a_stream_hands_over_pieces_as_they_come(tmp_path: Path) -> None:
    async def handler(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one\n", b"two\n"):
            await stream.send_all(b"%x\r\n%s\r\n" % (len(piece), piece))
        await stream.send_all(b"0\r\n\r\n")

    async with server(tmp_path, handler) as client:
        found = [piece async for _, piece in client.stream("/w", timeout=5, idle=5)]
    assert b"".join(found) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("action", "status", "reason", "outcome", "what"),
    [
        ("create", 409, "AlreadyExists", "fail", "exists"),
        ("update", 409, "Conflict", "fail", "conflict"),
        ("update", 404, "NotFound", "fail", "absent"),
        ("update", 504, "Timeout", "unknown", "504 text"),
        ("create", 500, "InternalError", "unknown", "500 text"),
        ("create", 503, "ServiceUnavailable", "fail", "503 text"),
        ("create", 429, "TooManyRequests", "fail", "429 text"),
        ("get", 504, "Timeout", "fail", "504 text"),
    ],
)
def test_answers_are_classed_by_what_they_say_about_the_effect(
    action: str, status: int, reason: str, outcome: str, what: str
) -> None:
    body = b'{"kind":"Status","reason":"%s","message":"text"}' % reason.encode()
    assert classify(action, status, body) == (outcome, what)


def test_an_answer_that_makes_no_sense_passes_no_check() -> None:
    assert content("get", b"{}") == (-1, "", ())
    assert content("list", b"not json") == (-1, "", ())
    assert classify("create", 502, b"<html>")[0] == "unknown"
