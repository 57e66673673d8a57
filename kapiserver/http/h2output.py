"""What an HTTP/2 connection has to say, gathered into few writes.

In: frames from the connection and its streams. Out: writes to the transport; turns for streams
whose data waits for the connection's window or for the socket, one frame each, round and round.
Keeps at most `transport_buffer` bytes beyond what one batch adds: a stream that finds it
`congested` keeps its data in its own bounded queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from . import h2frames as wire
from . import hpack

if TYPE_CHECKING:
    from .h2stream import H2Exchange
    from .transport import Transport

BATCH = 64 * 1024


class H2Output:
    """The sending half of one HTTP/2 connection."""

    def __init__(self, transport: Transport, limit: int) -> None:
        self.window = wire.DEFAULT_WINDOW
        self.max_frame = wire.MAX_FRAME
        self.blocked: dict[int, H2Exchange] = {}
        self.batching = False
        """While set, nothing is written unless it is much: a flush follows."""
        self.forget_table = False
        self._transport = transport
        self._limit = limit
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._resuming = False

    def emit(self, data: bytes, body: bytes | memoryview = b"") -> None:
        """Add frames to the next write."""
        self._parts.append(data)
        self._size += len(data)
        if body:
            self._parts.append(body)
            self._size += len(body)

    def flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(data)

    def flush_unless_batching(self) -> None:
        if not self.batching or self._size > BATCH:
            self.flush()

    def block_prefix(self) -> bytes:
        """What the next header block must begin with."""
        if self.forget_table:
            self.forget_table = False
            return hpack.FORGET_TABLE
        return b""

    @property
    def congested(self) -> bool:
        return self._transport.pending_size + self._size > self._limit

    def takes(self, size: int) -> bool:
        """Could this much go out now without running into a limit on the way?"""
        pending = self._transport.pending_size + self._size
        return size <= self.window and pending + size <= self._limit

    def wait_for_socket(self, exchange: H2Exchange) -> None:
        """`exchange` gets its turn when the socket has taken what waits for it."""
        self.blocked[exchange.sid] = exchange
        nursery = self._transport.nursery
        if not self._resuming and not self._transport.broken and nursery is not None:
            self._resuming = True
            nursery.start_soon(self._resume)

    async def _resume(self) -> None:
        try:
            while self.blocked and not self._transport.broken:
                self.flush()
                if self._transport.pending_size:
                    await self._transport.drained()
                else:
                    await trio.lowlevel.checkpoint()
                self.pump_blocked()
                if not self.congested:
                    break  # what is left waits for a window, whose update gives the turns
        finally:
            self._resuming = False
            self.flush()

    def pump_blocked(self) -> None:
        """One frame per stream and turn, until windows or the socket are full."""
        progress = bool(self.blocked)
        while progress and not self.congested:
            progress = False
            for exchange in list(self.blocked.values()):
                progress = exchange.pump(frames=1) or progress
