"""HTTP/1.1 as clients write it, well or badly."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from http_support import PATIENCE, H1Client, TestDispatcher, running, still_serves

from kapiserver.request import Request, Response

GET = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_pipelined_requests_are_answered_in_order(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        sizes = list(range(1, 101))
        await client.send(
            b"".join(b"GET /fast?%d HTTP/1.1\r\nHost: a\r\n\r\n" % size for size in sizes)
        )
        assert [len((await client.answer()).body) for _ in sizes] == sizes
        await client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
            + GET
            + b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo"
        )
        assert [(await client.answer()).body for _ in range(3)] == [b"one", b"xxxxx", b"two"]


async def test_a_request_may_arrive_byte_by_byte(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        for byte in b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + GET:
            await client.send(bytes((byte,)))
        assert (await client.answer()).body == b"hi"
        assert (await client.answer()).body == b"xxxxx"


async def test_chunked_bodies_and_their_trailers(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: evil\r\n\r\n" + GET
        )
        assert (await client.answer()).body == b"abcdefg"
        assert (await client.answer()).body == b"xxxxx"
        assert server.dispatcher.seen[0].header(b"x-trailer") is None


async def test_head_has_a_length_and_no_body(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        for path in ("/fast?70000", "/fast?300000"):
            answer = await client.get(path, "HEAD")
            assert answer.headers[b"content-length"] == path.partition("?")[2].encode()
        assert (await client.get("/watch", "HEAD")).status == 200
        assert (await client.get("/fast")).body == b"xxxxx"


async def test_expect_continue_is_answered_when_the_body_is_wanted(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        expect = b" HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        await client.send(b"POST /echo" + expect)
        assert (await client.head()).status == 100
        await client.send(b"hi")
        assert (await client.answer()).body == b"hi"
        # Not wanted: the final answer comes instead, and the connection ends, because the client
        # may or may not send the body now.
        await client.send(b"POST /early" + expect)
        assert (await client.answer()).status == 403
        assert await client.closed()


@pytest.mark.parametrize("version", [b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"])
async def test_close_is_kept(certificates: Path, version: bytes) -> None:
    async with running(certificates) as server:
        for path in (b"/fast", b"/echo"):
            client = await H1Client.open(server)
            await client.send(b"GET " + path + b" " + version + b"\r\nHost: a\r\n\r\n")
            answer = await client.answer()
            assert answer.status == 200
            assert answer.headers[b"connection"] == b"close"
            assert await client.closed()


async def test_a_stream_to_http_1_0_ends_with_the_connection(certificates: Path) -> None:
    async def stream_of_three(request: Request) -> Response:
        async def three(out: object) -> None:
            for _ in range(3):
                await out.send(b"abc")  # type: ignore[attr-defined]

        return Response(stream=three)

    dispatcher = TestDispatcher(routes={"/three": stream_of_three})
    async with running(certificates, dispatcher) as server:
        client = await H1Client.open(server)
        await client.send(b"GET /three HTTP/1.0\r\n\r\n")
        head = await client.head()
        assert b"transfer-encoding" not in head.headers
        while await client.more():
            pass
        assert client.buffer == b"abcabcabc"


async def test_small_unread_body_is_skipped_and_a_large_one_ends_the_connection(
    certificates: Path,
) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        head = b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        await client.send(head % 50_000)
        assert (await client.answer()).status == 403
        await client.send(b"x" * 50_000 + GET)
        assert (await client.answer()).body == b"xxxxx"
        await client.send(head % 50_000_000_000)
        last = await client.answer()
        assert (last.status, last.headers[b"connection"]) == (403, b"close")
        with trio.fail_after(PATIENCE), pytest.raises(trio.BrokenResourceError):
            await client.send_forever(b"x" * 100_000)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET fast HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /fast HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
async def test_bad_requests_are_refused_and_the_connection_ends(
    certificates: Path, request_bytes: bytes, status: int
) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(GET + request_bytes + GET)
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == status
        assert await client.closed()
        await still_serves(server)


async def test_absolute_form_targets(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(b"GET https://host:1/fast?3 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer()).body == b"xxx"


async def test_a_line_break_in_an_answers_header_never_leaves(certificates: Path) -> None:
    async def smuggle(request: Request) -> Response:
        return Response(headers=[(b"warning", b"x\r\nset-cookie: evil")], body=b"hello")

    async with running(certificates, TestDispatcher(routes={"/smuggle": smuggle})) as server:
        client = await H1Client.open(server)
        answer = await client.get("/smuggle")
        assert (answer.status, b"set-cookie" in answer.headers) == (500, False)
        await still_serves(server)


async def test_spdy_upgrades_arrive_as_plain_requests(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            b"Content-Length: 0\r\n\r\n" + GET
        )
        assert (await client.answer()).status == 200
        assert server.dispatcher.seen[0].header(b"upgrade") == b"SPDY/3.1"
        # What follows a refused upgrade is nobody's request.
        assert await client.closed()


async def test_a_client_that_leaves_cancels_its_request(certificates: Path) -> None:
    cancelled = trio.Event()

    async def wait(request: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with running(certificates, TestDispatcher(routes={"/wait": wait})) as server:
        client = await H1Client.open(server)
        await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.dispatcher.until(lambda: bool(server.dispatcher.seen))
        await client.stream.transport_stream.aclose()
        with trio.fail_after(PATIENCE):
            await cancelled.wait()


async def test_a_bad_body_under_a_running_answer_puts_no_second_head_into_it(
    certificates: Path,
) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(
            b"POST /watch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        assert (await client.head()).status == 200
        await client.send(b"not a chunk\r\n")
        assert await client.closed()
        await server.dispatcher.until(lambda: not server.dispatcher.watchers)
        await still_serves(server)
