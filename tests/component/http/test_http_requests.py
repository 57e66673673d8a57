"""Ordinary requests over both protocols."""

from __future__ import annotations

import gc
import gzip
from pathlib import Path

import orjson
import pytest
from http_support import H1Client, H2Client, running


async def test_h1_answers_inline_and_in_a_task(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        assert (await client.get("/fast")).body == b"xxxxx"
        await client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"hello")
        assert (await client.get("/fast")).body == b"xxxxx"


async def test_h2_answers_inline_and_in_a_task(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        assert await client.get("/fast") == b"xxxxx"
        stream = await client.request("/echo", "POST", end=False)
        await client.send_data(stream, b"hello", end=True)
        assert await client.answer(stream) == b"hello"
        assert client.headers[stream][b"content-length"] == b"5"
        assert await client.get("/fast") == b"xxxxx"


async def test_request_facts_are_the_same_for_both_protocols(certificates: Path) -> None:
    async with running(certificates) as server:
        h1 = await H1Client.open(server, certificate="client")
        await h1.get("/ec%68o?a=%20b", headers=b"X-Thing: 1\r\n")
        h2 = await H2Client.open(server, certificate="client")
        await h2.get("/ec%68o?a=%20b", headers=[(b"x-thing", b"1")])
        for request in server.dispatcher.seen:
            assert (request.path, request.query) == ("/echo", b"a=%20b")
            assert request.header(b"x-thing") == b"1"
            assert request.header(b"host") in (b"a", b"localhost")
            assert request.connection.peer_certificate is not None
            assert request.connection.client is not None
        assert [r.http_version for r in server.dispatcher.seen] == ["1.1", "2"]


@pytest.mark.parametrize("size", [100_000, 1_000_000, 5_000_000])
async def test_large_inline_answer_arrives_whole(certificates: Path, size: int) -> None:
    async with running(certificates) as server:
        h1 = await H1Client.open(server)
        assert len((await h1.get(f"/fast?{size}")).body) == size
        h2 = await H2Client.open(server)
        assert len(await h2.get(f"/fast?{size}")) == size


async def test_list_of_chunks_arrives_whole_plain_and_compressed(certificates: Path) -> None:
    expected = b"".join(b"%08d" % i + b"y" * 992 for i in range(3000))
    async with running(certificates) as server:
        h1 = await H1Client.open(server)
        h2 = await H2Client.open(server)
        plain = await h1.get("/big?3000x1000")
        assert plain.body == expected
        assert plain.headers[b"vary"] == b"accept-encoding"
        assert await h2.get("/big?3000x1000") == expected
        packed = await h1.get("/big?3000x1000", headers=b"Accept-Encoding: gzip, br\r\n")
        assert packed.headers[b"content-encoding"] == b"gzip"
        assert gzip.decompress(packed.body) == expected
        accept = [(b"accept-encoding", b"gzip")]
        assert gzip.decompress(await h2.get("/big?3000x1000", headers=accept)) == expected
        small = await h1.get("/big?10x1000", headers=b"Accept-Encoding: gzip\r\n")
        assert b"content-encoding" not in small.headers


async def test_fault_in_a_handler_is_a_500_status_and_the_connection_lives(
    certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(certificates) as server:
        h1 = await H1Client.open(server)
        for path in ("/boom", "/fast-boom", "/boom"):
            answer = await h1.get(path)
            status = orjson.loads(answer.body)
            assert (answer.status, status["reason"]) == (500, "InternalError")
            request_id = status["message"].rsplit(" ", 1)[1]
            assert request_id in caplog.text
        h2 = await H2Client.open(server)
        assert orjson.loads(await h2.get("/boom"))["code"] == 500
        assert orjson.loads(await h2.get("/fast-boom"))["code"] == 500
        assert await h2.get("/fast") == b"xxxxx"


async def test_requests_leave_no_work_for_the_garbage_collector(certificates: Path) -> None:
    async with running(certificates) as server:
        h1, h2 = await H1Client.open(server), await H2Client.open(server)
        paths = ["/fast", "/early", "/big?10x100", "/fast?300000"]

        async def ask_all() -> None:
            for path in paths:
                assert (await h1.get(path)).status in (200, 403)
                await h2.get(path)
            await h1.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            assert (await h1.answer()).body == b"hi"

        await ask_all()
        server.dispatcher.seen.clear()
        gc.collect()
        gc.disable()
        try:
            gc.set_debug(gc.DEBUG_SAVEALL)
            for _ in range(5):
                await ask_all()
            server.dispatcher.seen.clear()
            gc.collect()
            ours = [
                type(found).__name__
                for found in gc.garbage
                if type(found).__module__.startswith("kapiserver.")
            ]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert ours == []


async def test_answers_that_do_not_fit_the_socket_arrive_whole(certificates: Path) -> None:
    """Many answers at once, with less room in the server than one of them needs."""
    async with running(certificates, transport_buffer=20_000) as server:
        for size in (15_000, 19_900, 20_000, 100_000):
            client = await H2Client.open(server, receive_buffer=4096)
            client.h2.increment_flow_control_window(2**30)
            client.h2.update_settings({4: 2**30})
            await client.flush()
            streams = [await client.request(f"/fast?{size}") for _ in range(30)]
            for stream in streams:
                assert len(await client.answer(stream)) == size
            await client.stream.transport_stream.aclose()
