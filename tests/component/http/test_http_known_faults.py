"""The nine ways in which a stock Hypercorn 0.18 loses requests, connections or its life."""

from __future__ import annotations

from pathlib import Path

import trio
from http_support import PATIENCE, H1Client, H2Client, connect, running, still_serves

BIG_WINDOW = 2**30


async def test_early_answer_with_more_data_arriving_keeps_the_connection(
    certificates: Path,
) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        stream = await client.request("/early", "POST", end=False)
        # Sent without looking at the answer, as a client in the middle of an upload does.
        raw = b"\x00\x03\xe8\x00\x00" + stream.to_bytes(4, "big") + b"x" * 1000
        for _ in range(20):
            await client.stream.send_all(raw)
        await client.until(lambda: stream in client.ended)
        assert client.status[stream] == 403
        await client.stream.send_all(raw)
        assert await client.get("/fast") == b"xxxxx"
        assert not client.goaways


async def test_a_connection_outlives_a_thousand_requests(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        watch = await client.request("/watch")
        for _ in range(1100):
            assert await client.get("/fast") == b"xxxxx"
        assert client.status[watch] == 200
        assert watch not in client.ended
        assert not client.goaways


async def test_an_unread_upload_does_not_stall_other_streams(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        await client.step()
        unread = await client.request("/never", "POST", end=False)
        for _ in range(15):
            await client.send_data(unread, b"x" * 16000)
        assert await client.get("/fast") == b"xxxxx"
        upload = await client.request("/echo", "POST", end=False)
        await client.send_data(upload, b"y" * 16000, end=True)
        assert await client.answer(upload) == b"y" * 16000


async def test_a_path_that_is_not_ascii_is_answered_400(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        stream = await client.request(b"/\xff\xfe")
        await client.answer(stream)
        assert client.status[stream] == 400
        assert await client.get("/fast") == b"xxxxx"
        h1 = await H1Client.open(server)
        await h1.send(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await h1.answer()).status == 400
        await still_serves(server)


async def test_a_stream_without_window_is_held_back_and_then_dropped(certificates: Path) -> None:
    async with running(certificates, write_timeout=0.5) as server:
        client = await H2Client.open(server)
        client.reading = False
        stream = await client.request("/flood")
        await client.until(lambda: len(client.data.get(stream, b"")) == 65535)
        # Neither more data nor an end: the stream waits, and keeps waiting only so long.
        await client.until(lambda: stream in client.reset)
        assert server.dispatcher.watchers == []
        assert len(client.data[stream]) == 65535
        client.h2.increment_flow_control_window(65535)
        await client.flush()
        assert await client.get("/fast") == b"xxxxx"


async def test_a_client_that_stops_reading_is_dropped_and_blocks_nobody(
    certificates: Path,
) -> None:
    async with running(certificates, write_timeout=0.5) as server:
        for protocol in ("h1", "h2"):
            server.dispatcher.watching = trio.Event()
            if protocol == "h1":
                stalled = await H1Client.open(server, receive_buffer=4096)
                await stalled.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
            else:
                other = await H2Client.open(server, receive_buffer=4096)
                other.h2.update_settings({4: BIG_WINDOW})
                other.h2.increment_flow_control_window(BIG_WINDOW)
                await other.request("/flood")
            with trio.fail_after(PATIENCE):
                await server.dispatcher.watching.wait()
                await still_serves(server)
                await server.dispatcher.until(lambda: not server.dispatcher.watchers)


async def test_shutdown_does_not_wait_for_a_stalled_client(certificates: Path) -> None:
    async with running(certificates, write_timeout=60, grace_period=0.2) as server:
        stalled = await H1Client.open(server, receive_buffer=4096)
        await stalled.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        with trio.fail_after(PATIENCE):
            await server.dispatcher.watching.wait()
            server.shutdown.set()
            await server.ended.wait()


async def test_a_watch_learns_that_its_client_left(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H2Client.open(server)
        streams = [await client.request("/watch") for _ in range(3)]
        await client.until(lambda: all(s in client.status for s in streams))
        client.h2.reset_stream(streams[0])
        await client.flush()
        await server.dispatcher.until(lambda: len(server.dispatcher.watchers) == 2)
        await client.stream.transport_stream.aclose()
        await server.dispatcher.until(lambda: not server.dispatcher.watchers)


async def test_a_byte_after_a_websocket_upgrade_kills_nothing(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bKdPyn3u98cTfZJSh4TNeQ==\r\n\r\nx"
        )
        while await client.more():
            pass
        await still_serves(server)


async def test_garbage_after_the_last_request_kills_nothing(certificates: Path) -> None:
    async with running(certificates) as server:
        client = await H1Client.open(server)
        await client.send(b"GET /never HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await client.send(b"GARBAGE\r\n\r\n")
        server.dispatcher.release.set()
        assert (await client.answer()).body == b"late"
        assert await client.closed()
        await still_serves(server)


async def test_a_broken_handshake_kills_nothing(certificates: Path) -> None:
    async with running(certificates, handshake_timeout=0.3) as server:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""):
            raw = await trio.open_tcp_stream("127.0.0.1", server.port)
            await raw.send_all(junk)
            with trio.fail_after(PATIENCE):
                try:
                    while await raw.receive_some(1000):
                        pass
                except trio.BrokenResourceError:
                    pass
        await (await connect(server, ["h2"])).transport_stream.aclose()
        await still_serves(server)


async def test_http_without_tls_is_told_so(certificates: Path) -> None:
    async with running(certificates) as server:
        for method in ("GET", "POST", "HEAD"):
            raw = await trio.open_tcp_stream("127.0.0.1", server.port)
            await raw.send_all(f"{method} /api HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = b""
            with trio.fail_after(PATIENCE):
                while more := await raw.receive_some(1000):
                    answer += more
            status, _, text = answer.partition(b"\r\n\r\n")
            assert status == b"HTTP/1.0 400 Bad Request"
            assert text == b"Client sent an HTTP request to an HTTPS server.\n"
        await still_serves(server)
