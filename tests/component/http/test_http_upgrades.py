"""An answer that takes the connection over: bytes both ways, until either end is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from http_support import PATIENCE, H1Client, H2Client, TestDispatcher, connect, running

from kapiserver.request import Duplex, Frame, Request, Response, ResponseStream
from kapiserver.websockets import MessageForm, over_websocket

UPGRADE = (
    b"GET /api/tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bKdPyn3u98cTfZJSh4TNeQ==\r\n\r\n"
)
Run = Callable[[Duplex], Awaitable[None]]


def tunnel(run: Run) -> TestDispatcher:
    async def route(request: Request) -> Response:
        if not request.upgradable:
            return Response(400)
        upgrade = request.header(b"upgrade") or b""
        return Response(101, [(b"upgrade", upgrade)], upgrade=run, patient=True)

    return TestDispatcher(routes={"/api/tunnel": route})


async def echo(client: Duplex) -> None:
    while data := await client.receive():
        await client.send(data)


async def opened(client: H1Client, protocol: bytes = b"echo", early: bytes = b"") -> None:
    await client.send(UPGRADE % protocol + early)
    answer = await client.head()
    assert answer.status == 101
    assert answer.headers[b"upgrade"] == protocol
    assert answer.headers[b"connection"] == b"Upgrade"
    assert b"transfer-encoding" not in answer.headers


@pytest.mark.parametrize("protocol", [b"echo", b"websocket", b"SPDY/3.1"])
async def test_bytes_pass_both_ways(certificates: Path, protocol: bytes) -> None:
    async with running(certificates, tunnel(echo)) as server:
        client = await H1Client.open(server)
        await opened(client, protocol, early=b"early ")
        await client.send(b"and late")
        assert await client.exactly(14) == b"early and late"
        for size in (1, 100_000):
            await client.send(b"x" * size)
            assert await client.exactly(size) == b"x" * size


async def test_the_connection_ends_with_the_tunnel(certificates: Path) -> None:
    async def hello(client: Duplex) -> None:
        await client.send(b"hello")

    async with running(certificates, tunnel(hello)) as server:
        client = await H1Client.open(server)
        await opened(client)
        assert await client.exactly(5) == b"hello"
        assert not await client.more()


async def test_the_tunnel_ends_with_the_client(certificates: Path) -> None:
    ended = trio.Event()

    async def wait(client: Duplex) -> None:
        while await client.receive():
            pass
        ended.set()

    async with running(certificates, tunnel(wait)) as server:
        client = await H1Client.open(server)
        await opened(client)
        await trio.aclose_forcefully(client.stream)
        with trio.fail_after(PATIENCE):
            await ended.wait()


async def test_a_tunnel_is_told_when_the_server_stops(certificates: Path) -> None:
    async def leave(client: Duplex) -> None:
        await client.closed()
        await client.send(b"bye")

    async with running(certificates, tunnel(leave)) as server:
        client = await H1Client.open(server)
        await opened(client)
        server.shutdown.set()
        assert await client.exactly(3) == b"bye"
        assert not await client.more()


async def test_a_client_that_is_not_heard_is_held_back(certificates: Path) -> None:
    release = trio.Event()
    total = 0

    async def deaf(client: Duplex) -> None:
        nonlocal total
        await release.wait()
        while data := await client.receive():
            total += len(data)

    size = 32 * 1024 * 1024
    async with running(certificates, tunnel(deaf)) as server:
        client = await H1Client.open(server)
        await opened(client)
        with trio.move_on_after(1.0) as blocked:
            await client.send(b"x" * size)
        assert blocked.cancelled_caught  # far less than that fits between the two
        release.set()


async def test_a_client_may_stop_reading_for_a_while(certificates: Path) -> None:
    size = 16 * 1024 * 1024

    async def flood(client: Duplex) -> None:
        for _ in range(size // 65536):
            assert await client.send(b"x" * 65536)

    async with running(certificates, tunnel(flood), write_timeout=0.3) as server:
        client = await H1Client.open(server)
        await opened(client)
        await trio.sleep(1.0)  # longer than a client may usually take nothing
        got = len(client.buffer)
        client.buffer = b""
        while await client.more():
            got += len(client.buffer)
            client.buffer = b""
        assert got == size


async def test_a_client_whose_patience_is_not_asked_for_must_read(certificates: Path) -> None:
    """A watch over WebSocket: who takes nothing for long is cut off, as over HTTP."""
    cut = trio.Event()

    async def flood(client: Duplex) -> None:
        while await client.send(b"x" * 65536):
            pass
        assert not client.push(Frame(b"x"))
        cut.set()

    async def route(request: Request) -> Response:
        return Response(101, [(b"upgrade", b"echo")], upgrade=flood)

    dispatcher = TestDispatcher(routes={"/api/tunnel": route})
    async with running(certificates, dispatcher, write_timeout=0.3) as server:
        client = await H1Client.open(server)
        await opened(client)
        with trio.fail_after(PATIENCE):
            await cut.wait()


async def test_a_tunnel_takes_no_more_than_its_buffers_hold(certificates: Path) -> None:
    pushed: list[int] = []

    async def push(client: Duplex) -> None:
        while client.push(Frame(b"x" * 10_000)):
            pushed.append(10_000)
            client.flush()
        await client.closed()

    async with running(certificates, tunnel(push), stream_buffer=100_000) as server:
        client = await H1Client.open(server, receive_buffer=4096)
        await opened(client)
        await client.exactly(10_000)
        assert sum(pushed) < 50_000_000
        await client.exactly(sum(pushed) - 10_000)


async def test_a_websocket_is_closed_when_the_server_stops(certificates: Path) -> None:
    async def events(stream: ResponseStream) -> None:
        await stream.send(b"event\n")
        await stream.closed()

    lines = MessageForm(text=True, split=lambda data: (data,))
    async with running(certificates, tunnel(over_websocket(events, lines))) as server:
        client = await H1Client.open(server)
        await opened(client, b"websocket")
        assert await client.exactly(8) == b"\x81\x06event\n"
        server.shutdown.set()
        assert await client.exactly(4) == b"\x88\x02\x03\xe8"  # 1000
        assert not await client.more()


async def test_an_answer_to_an_upgrade_may_be_an_ordinary_one(certificates: Path) -> None:
    async def refuse(request: Request) -> Response:
        return Response(403, [], b"no")

    dispatcher = TestDispatcher(routes={"/api/tunnel": refuse})
    async with running(certificates, dispatcher) as server:
        client = await H1Client.open(server)
        await client.send(UPGRADE % b"echo" + b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await client.head()
        assert answer.status == 403
        assert await client.exactly(2) == b"no"
        assert not await client.more()
        assert [request.path for request in dispatcher.seen] == ["/api/tunnel"]


async def test_a_patient_stream_waits_for_its_reader(certificates: Path) -> None:
    """HTTP/2: a pager in front of a long log."""
    size = 4 * 1024 * 1024

    async def log(request: Request) -> Response:
        async def stream(out: ResponseStream) -> None:
            for _ in range(size // 65536):
                assert await out.send(b"x" * 65536)

        return Response(200, [], stream=stream, patient=True)

    dispatcher = TestDispatcher(routes={"/log": log})
    async with running(certificates, dispatcher, write_timeout=0.3) as server:
        client = H2Client(await connect(server, ["h2"]))
        client.h2.initiate_connection()
        await client.flush()
        sid = await client.request("/log")
        await client.flush()
        await trio.sleep(1.0)
        assert len(await client.answer(sid)) == size
