"""What one client may ask of the server, and what happens beyond."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import trio
from h2.errors import ErrorCodes
from http_support import (
    PATIENCE,
    H1Client,
    H2Client,
    TestDispatcher,
    connect,
    running,
    still_serves,
)
from test_http_h2_rules import (
    CONT,
    DATA,
    GET_FAST,
    GET_NEVER,
    GOAWAY,
    HEADERS,
    NEVER_POST,
    PING,
    RST,
    SETTINGS,
    Raw,
    frame,
    raw_client,
    u32,
)

from kapiserver.request import Request, Response

MAX_CONCURRENT_STREAMS = 3


async def test_h1_head_limits(certificates: Path) -> None:
    async with running(certificates) as server:
        for request, status in (
            (b"GET /fast?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            (b"GET /fast HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
            (b"GET /fast HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
            (b"GET /fast HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 30_000 + b"\r\n\r\n", 200),
        ):
            client = await H1Client.open(server)
            await client.send(request)
            assert (await client.answer()).status == status


async def test_h2_head_limits_leave_the_connection_alone(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        for path, headers, status in (
            ("/fast?" + "x" * 40_000, [], 414),
            ("/fast", [(b"x", b"x" * 20_000)] * 4, 431),
            ("/fast", [(b"x", b"y")] * 300, 431),
        ):
            stream = await client.request(path, headers=headers)
            await client.answer(stream)
            assert client.status[stream] == status
        assert await client.get("/fast") == b"xxxxx"


async def test_a_body_beyond_its_limit_is_413(certificates: Path) -> None:
    async with running(certificates) as server:
        h1 = await H1Client.open(server)
        await h1.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
        await h1.send(b"x" * 4_000_000)
        assert (await h1.answer()).status == 413
        await still_serves(server)


async def test_a_body_that_stops_is_given_up(certificates: Path) -> None:
    async with running(certificates, body_timeout=0.3) as server:
        h1 = await H1Client.open(server)
        await h1.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal")
        assert (await h1.answer()).status == 408
        h2 = await H2Client.open(server)
        stream = await h2.request("/echo", "POST", end=False)
        await h2.until(lambda: stream in h2.ended)
        assert h2.status[stream] == 408


async def test_a_head_that_stops_is_given_up(certificates: Path) -> None:
    async with running(certificates, header_timeout=0.3) as server:
        h1 = await H1Client.open(server)
        await h1.send(b"GET /fast HTTP/1.1\r\nHo")
        assert (await h1.answer()).status == 408
        assert await h1.closed()
        silent = Raw(await connect(server, ["h2"]))
        await silent.until(GOAWAY)
        async with raw_client(server) as half:
            await half.send(frame(HEADERS, 1, 1, GET_FAST))
            await half.until(GOAWAY)


async def test_idle_connections_are_closed_and_watches_are_not_idle(certificates: Path) -> None:
    async with running(certificates, idle_timeout=0.3) as server:
        watcher = await H2Client.open(server)
        watch = await watcher.request("/watch")
        h1, h2 = await H1Client.open(server), await H2Client.open(server)
        await h1.get("/fast")
        assert await h1.closed()
        await h2.until(lambda: h2.eof)
        assert h2.goaways[-1][1] == ErrorCodes.NO_ERROR
        assert await watcher.get("/fast") == b"xxxxx"
        assert watch not in watcher.ended


async def test_streams_are_few_until_the_client_is_known(certificates: Path) -> None:
    async with running(certificates, max_streams=20, max_streams_unauthenticated=5) as server:
        client = await H2Client.open(server)
        await client.until(lambda: MAX_CONCURRENT_STREAMS in client.settings)
        assert client.settings[MAX_CONCURRENT_STREAMS] == 5
        watches = [await client.request("/watch") for _ in range(4)]
        await client.get("/login")
        await client.until(lambda: client.settings[MAX_CONCURRENT_STREAMS] == 20)
        watches += [await client.request("/watch") for _ in range(15)]
        await client.until(lambda: all(w in client.status for w in watches))
        assert not client.reset


async def test_streams_beyond_the_limit_are_refused(certificates: Path) -> None:
    async with (
        running(certificates, max_streams=2, grace_period=0.1) as server,
        raw_client(server) as client,
    ):
        for stream in (1, 3, 5):
            await client.send(frame(HEADERS, 5, stream, GET_NEVER))
        _, code = await client.until(RST, 5)
        assert code == u32(ErrorCodes.REFUSED_STREAM)
        await client.ping()


async def test_an_unknown_client_is_sent_away_after_a_401(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        await client.get("/unauthorized")
        await client.until(lambda: client.eof)
        assert client.goaways[-1][1] == ErrorCodes.NO_ERROR
        known = await H2Client.open(server)
        await known.get("/login")
        await known.get("/unauthorized")
        assert await known.get("/fast") == b"xxxxx"


async def test_an_answer_may_send_its_client_away(certificates: Path) -> None:
    async def go(request: Request) -> Response:
        return Response(headers=[(b"connection", b"close")], body=b"bye")

    async with running(certificates, TestDispatcher(routes={"/go": go})) as server:
        h2 = await H2Client.open(server)
        watch = await h2.request("/watch")
        assert await h2.get("/go") == b"bye"
        assert h2.goaways[-1][1] == ErrorCodes.NO_ERROR
        assert watch not in h2.ended, "what is running is not cut"
        h2.h2.reset_stream(watch)
        await h2.flush()
        await h2.until(lambda: h2.eof)
        h1 = await H1Client.open(server)
        assert (await h1.get("/go")).headers[b"connection"] == b"close"
        assert await h1.closed()


async def expect_calm(client: Raw) -> None:
    _, payload = await client.until(GOAWAY)
    assert payload[4:8] == u32(ErrorCodes.ENHANCE_YOUR_CALM)


async def test_rapid_resets_end_the_connection(certificates: Path) -> None:
    async with running(certificates) as server:
        async with raw_client(server) as client:
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(expect_calm, client)
                    for stream in range(1, 10_001, 2):
                        pair = frame(HEADERS, 5, stream, GET_NEVER) + frame(RST, 0, stream, u32(8))
                        try:
                            await client.send(pair)
                        except trio.BrokenResourceError:
                            break
        await still_serves(server)


@pytest.mark.parametrize(
    "flood",
    [
        frame(HEADERS, 1, 1, GET_FAST) + frame(CONT, 0, 1, b"") * 100,
        frame(HEADERS, 1, 1, GET_FAST) + frame(CONT, 0, 1, b"\x00\x01a\x7f\x80\x7f" * 2000) * 30,
        frame(PING, 0, 0, b"12345678") * 50_000,
        frame(SETTINGS) * 50_000,
        NEVER_POST + frame(DATA, 0, 1) * 50_000,
    ],
    ids=["empty continuations", "endless block", "pings", "settings", "empty data"],
)
async def test_floods_end_the_connection(certificates: Path, flood: bytes) -> None:
    async with running(certificates, grace_period=0.1) as server:
        async with raw_client(server) as client, trio.open_nursery() as nursery:

            async def send() -> None:
                with suppress(trio.BrokenResourceError):
                    await client.send(flood)

            nursery.start_soon(send)
            await expect_calm(client)
        await still_serves(server)


async def test_more_connections_than_allowed_are_not_served(certificates: Path) -> None:
    async with running(certificates, max_connections=2) as server:
        first, second = await H1Client.open(server), await H1Client.open(server)
        with pytest.raises(trio.BrokenResourceError):
            await connect(server, ["h2"])
        assert (await first.get("/fast")).status == 200
        await second.stream.transport_stream.aclose()
        await first.get("/fast", headers=b"Connection: close\r\n")
        assert await first.closed()
        await still_serves(server)


async def test_one_busy_connection_leaves_room_for_others(certificates: Path) -> None:
    """A client that always has requests waiting does not keep the server to itself."""
    dispatcher = TestDispatcher()
    async with running(certificates, dispatcher) as server, trio.open_nursery() as nursery:
        busy = Raw(await connect(server, ["http/1.1"]))

        async def ask() -> None:
            while True:
                await busy.send(b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n" * 500)

        async def read() -> None:
            with suppress(trio.BrokenResourceError):  # our own end of it was cut off
                while await busy.stream.receive_some(65536):
                    pass

        nursery.start_soon(ask)
        nursery.start_soon(read)
        other = await H2Client.open(server)
        for _ in range(20):
            assert await other.get("/fast") == b"xxxxx"
        nursery.cancel_scope.cancel()
