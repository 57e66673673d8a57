"""Streams: many watchers of one event, slow ones among them."""

from __future__ import annotations

from pathlib import Path

import trio
from http_support import PATIENCE, H1Client, H2Client, TestDispatcher, running, still_serves

from kapiserver.request import Frame

EVENTS = [b'{"type":"ADDED","object":{"n":%d}}\n' % n for n in range(5)]


async def test_a_thousand_watchers_see_every_event_in_order(certificates: Path) -> None:
    dispatcher = TestDispatcher(wanted_watchers=1000)
    async with running(certificates, dispatcher, max_streams_unauthenticated=250) as server:
        h2_clients = [await H2Client.open(server) for _ in range(4)]
        watches = [[await client.request("/watch") for _ in range(225)] for client in h2_clients]
        h1_clients = [await H1Client.open(server) for _ in range(100)]
        for client in h1_clients:
            await client.send(b"GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
        with trio.fail_after(PATIENCE):
            await dispatcher.watching.wait()
        frames = [Frame(event) for event in EVENTS]
        for frame in frames:
            assert dispatcher.publish(frame) == 1000
            await trio.lowlevel.checkpoint()
        # Framed for HTTP/1.1 once, whatever the number of watchers.
        assert all(frame.chunked is not None for frame in frames)
        for client in h1_clients:
            assert (await client.head()).status == 200
            assert [await client.chunk() for _ in EVENTS] == EVENTS
        whole = b"".join(EVENTS)
        for h2, streams in zip(h2_clients, watches, strict=True):
            for stream in streams:
                await h2.until_data(stream, len(whole))
                assert h2.data[stream] == whole


async def test_a_slow_watcher_is_refused_more_and_the_others_go_on(certificates: Path) -> None:
    dispatcher = TestDispatcher(wanted_watchers=3)
    async with running(certificates, dispatcher, stream_buffer=100_000) as server:
        slow_h1 = await H1Client.open(server, receive_buffer=4096)
        await slow_h1.send(b"GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
        shared = await H2Client.open(server)
        slow_h2 = await shared.request("/watch")
        good = await H2Client.open(server)
        watch = await good.request("/watch")
        with trio.fail_after(PATIENCE):
            await dispatcher.watching.wait()
        event = b"e" * 10_000
        for count in range(1, 1000):
            taken = dispatcher.publish(Frame(event))
            await good.until_data(watch, count * len(event))
            if taken == 1:
                break
        assert taken == 1, "both slow watchers must have been refused"
        assert count < 900
        # The connection of the slow stream is still good for other requests.
        shared.h2.increment_flow_control_window(2**20)
        shared.reading = False
        await shared.flush()
        assert await shared.get("/fast") == b"xxxxx"
        assert slow_h2 not in shared.ended


async def test_a_watch_that_fails_is_cut_not_ended(certificates: Path) -> None:
    from kapiserver.request import Request, Response, ResponseStream

    async def broken(request: Request) -> Response:
        async def stream(out: ResponseStream) -> None:
            await out.send(b"half")
            raise RuntimeError("in the middle")

        return Response(stream=stream)

    async with running(certificates, TestDispatcher(routes={"/broken": broken})) as server:
        h2 = await H2Client.open(server)
        stream = await h2.request("/broken")
        await h2.until(lambda: stream in h2.reset)
        assert stream not in h2.ended
        h1 = await H1Client.open(server)
        await h1.send(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
        await h1.head()
        assert await h1.chunk() == b"half"
        assert await h1.closed()  # no last chunk: the client knows that this was not all
        await still_serves(server)


async def test_a_large_push_crosses_frames_and_windows(certificates: Path) -> None:
    async with running(certificates) as server:
        h2 = await H2Client.open(server)
        stream = await h2.request("/watch")
        with trio.fail_after(PATIENCE):
            await server.dispatcher.watching.wait()
        data = bytes(range(256)) * 1200  # more than the default window of 64 KiB
        assert server.dispatcher.publish(Frame(data)) == 1
        assert server.dispatcher.publish(Frame(b"tail")) == 1
        await h2.until_data(stream, len(data) + 4)
        assert h2.data[stream] == data + b"tail"
