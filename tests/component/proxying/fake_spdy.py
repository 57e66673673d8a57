"""The kubelet's end of SPDY: commands on named streams, port-forwards to ports of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import trio

from kapiserver.proxying.spdy import Data, Framer, GoAway, Opened, Ping

Send = Callable[[bytes], Awaitable[None]]


CHANNELS = {"stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4}


class SpdyCommand:
    """Looks like a WebSocket with channels, so that commands need not know which it is."""

    def __init__(self, stream: trio.abc.Stream, early: bytes) -> None:
        self.stream = stream
        self._early = early
        self._framer = Framer()
        self._lock = trio.Lock()
        self.streams: dict[int, int] = {}
        self._waiting: list[bytes] = []

    async def ready(self, channels: int) -> None:
        """All streams have been opened."""
        await self._feed(self._early)
        while len(self.streams) < channels:
            await self._feed(bytes(await self.stream.receive_some(65536)))

    async def _feed(self, data: bytes) -> None:
        for event in self._framer.feed(data):
            if isinstance(event, Opened):
                self.streams[CHANNELS[event.headers["streamtype"]]] = event.stream
                async with self._lock:
                    await self.stream.send_all(self._framer.reply(event.stream, {}))
            elif isinstance(event, Data):
                channel = next(c for c, s in self.streams.items() if s == event.stream)
                if event.data:
                    self._waiting.append(bytes([channel]) + event.data)
                if event.fin:
                    self._waiting.append(bytes([255, channel]))
            elif isinstance(event, Ping):
                async with self._lock:
                    await self.stream.send_all(self._framer.ping(event.id))

    async def messages(self) -> AsyncIterator[bytes]:
        while True:
            while self._waiting:
                yield self._waiting.pop(0)
            data = bytes(await self.stream.receive_some(65536))
            if not data:
                return
            await self._feed(data)

    async def send(self, message: bytes) -> None:
        async with self._lock:
            await self.stream.send_all(self._framer.data(self.streams[message[0]], message[1:]))

    async def close(self) -> None:
        async with self._lock:
            for channel in (1, 2, 3):
                if channel in self.streams:
                    end = self._framer.data(self.streams[channel], b"", fin=True)
                    await self.stream.send_all(end)
            await self.stream.send_all(self._framer.go_away())


class PortForward:
    """In: SPDY bytes from anywhere. Each pair of streams is one TCP connection."""

    def __init__(self, send: Send) -> None:
        self._write = send
        self._framer = Framer()
        self._lock = trio.Lock()
        self._errors: dict[str, int] = {}
        self._pipes: dict[int, trio.MemorySendChannel[bytes]] = {}

    async def _send(self, make: Callable[[], bytes]) -> None:
        async with self._lock:
            await self._write(make())

    async def serve(self, incoming: AsyncIterator[bytes]) -> None:
        async with trio.open_nursery() as nursery:
            async for data in incoming:
                for event in self._framer.feed(data):
                    if isinstance(event, Opened):
                        await self._opened(event, nursery)
                    elif isinstance(event, Data):
                        await self._data(event)
                    elif isinstance(event, Ping):
                        number = event.id
                        await self._send(lambda number=number: self._framer.ping(number))  # type: ignore[misc]
                    elif isinstance(event, GoAway):
                        nursery.cancel_scope.cancel()
            nursery.cancel_scope.cancel()

    async def _opened(self, event: Opened, nursery: trio.Nursery) -> None:
        await self._send(lambda: self._framer.reply(event.stream, {}))
        request = event.headers["requestid"]
        if event.headers["streamtype"] == "error":
            self._errors[request] = event.stream
            return
        send, receive = trio.open_memory_channel[bytes](100)
        self._pipes[event.stream] = send
        port = int(event.headers["port"])
        nursery.start_soon(self._forward, event.stream, self._errors[request], port, receive)

    async def _data(self, event: Data) -> None:
        pipe = self._pipes.get(event.stream)
        if pipe is None:
            return
        if event.data:
            await pipe.send(event.data)
        if event.fin:
            await pipe.aclose()

    async def _forward(
        self, stream: int, error: int, port: int, pipe: trio.MemoryReceiveChannel[bytes]
    ) -> None:
        target = await trio.open_tcp_stream("127.0.0.1", port)
        async with target, trio.open_nursery() as nursery:

            async def up() -> None:
                async for data in pipe:
                    await target.send_all(data)

            nursery.start_soon(up)
            async for data in target:
                await self._send(lambda data=data: self._framer.data(stream, bytes(data)))  # type: ignore[misc]
            nursery.cancel_scope.cancel()
        await self._send(lambda: self._framer.data(stream, b"", fin=True))
        await self._send(lambda: self._framer.data(error, b"", fin=True))
