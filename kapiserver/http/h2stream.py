"""One HTTP/2 stream: an exchange, its two flow-control windows and its bounded send queue.

In: pushes, sends and finished answers. Out: HEADERS and DATA frames in the connection's output, as
far as the client's windows and the socket allow; the rest waits in `_queue`, at most
`stream_buffer` bytes of it, and goes out when the connection says so (`pump`).
"""

from __future__ import annotations

import logging
from collections import deque
from math import inf
from typing import TYPE_CHECKING

import trio
from h2.errors import ErrorCodes

from kapiserver.request import Frame, Headers

from . import date, hpack
from .h2frames import header_frames, rst_stream, window_update
from .limits import PIECE
from .stream import BODYLESS, Exchange

if TYPE_CHECKING:
    from .h2 import H2Protocol

log = logging.getLogger(__name__)

_DATA = b"\x00\x00"
_DATA_END = b"\x00\x01"
SEND_AHEAD = 2 * PIECE
"""`send` returns while at most this much of the stream waits for windows or the socket."""


class H2Exchange(Exchange):
    """A request on one stream of an HTTP/2 connection."""

    __slots__ = (
        "_ending",
        "_progress",
        "_queue",
        "_sid_bytes",
        "expected",
        "local_closed",
        "output",
        "protocol",
        "queued",
        "recv_credit",
        "recv_window",
        "sid",
        "window",
    )

    def __init__(self, protocol: H2Protocol, sid: int, window: int) -> None:
        super().__init__(protocol.front)
        self.protocol = protocol
        self.output = protocol.output
        self.sid = sid
        self.window = window  # what the client lets us send
        self.recv_window = protocol.front.config.upload_window
        self.recv_credit = 0
        self.expected: int | None = None  # content-length that has not arrived yet
        self.local_closed = False
        self.queued = 0
        self._queue: deque[bytes | memoryview] | None = None
        self._ending = False
        self._progress: trio.Event | None = None
        self._sid_bytes = sid.to_bytes(4, "big")

    def send_continue(self) -> None:
        if not self.started and not self.gone:
            block = hpack.encode(100, [])
            self.output.emit(header_frames(self.sid, block, False, self.output.max_frame))
            self.output.flush()

    def consumed(self, size: int) -> None:
        self.recv_credit += size
        if not self.body_done and self.recv_credit >= self.front.config.upload_window // 2:
            self.output.emit(window_update(self.sid, self.recv_credit))
            self.recv_window += self.recv_credit
            self.recv_credit = 0
            self.output.flush()

    def start(
        self, status: int, headers: Headers, body: bytes, *, end: bool, length: int | None
    ) -> None:
        if self.gone:
            return
        self.started, self.status = True, status
        own: list[tuple[bytes, bytes]] = []
        dated = False
        for pair in headers:
            if pair[0] == b"connection":
                if b"close" in pair[1].lower():
                    self.protocol.leave_soon()
            else:
                dated = dated or pair[0] == date.NAME
                own.append(pair)
        if not dated:
            own.append((date.NAME, date.now()))
        if length is not None and status not in BODYLESS:
            own.append((b"content-length", b"%d" % length))
        if not body or self.request.method == "HEAD" or status in BODYLESS:
            body = b""
        output = self.output
        try:
            block = output.block_prefix() + hpack.encode(status, own)
        except ValueError:
            log.error("line break in a header of the answer to %s", self.request.path)
            self.status, end, body = 500, True, b""
            block = output.block_prefix() + hpack.encode(500, [])
        bare = end and not body
        output.emit(header_frames(self.sid, block, bare, output.max_frame))
        if bare:
            self.local_closed = True
        elif body and self.fits(len(body)):
            self._emit_data(body, len(body), end)
        elif body:
            self._enqueue(body)
            self._ending = end
            self.pump()
        output.flush_unless_batching()

    def fits(self, size: int) -> bool:
        """Could a body of this size go out at once, in one frame?"""
        output = self.output
        return (
            size <= output.max_frame
            and size <= self.window
            and size <= output.window
            and not output.congested
        )

    def push(self, frame: Frame) -> bool:
        if self.gone or self.local_closed:
            return False
        data = frame.data
        size = len(data)
        if self.queued or not self.fits(size):
            if self.queued + size > self.front.config.stream_buffer:
                return False
            self._enqueue(data)
            self.pump()
            return True
        self._emit_data(data, size, False)
        return True

    def _emit_data(self, data: bytes | memoryview, size: int, end: bool) -> None:
        """One DATA frame, which the windows allow."""
        self.output.window -= size
        self.window -= size
        self.sent += size
        kind = _DATA_END if end else _DATA
        self.output.emit(size.to_bytes(3, "big") + kind + self._sid_bytes, data)
        if end:
            self.local_closed = True

    def flush(self) -> None:
        self.output.flush()

    async def send(self, data: bytes) -> bool:
        for at in range(0, len(data), PIECE):
            if self.gone or self.local_closed:
                return False
            self._enqueue(data[at : at + PIECE] if len(data) > PIECE else data)
            self.pump()
            self.output.flush()
            if self.queued > SEND_AHEAD:
                if not await self._queue_below(SEND_AHEAD):
                    return False
            else:
                await trio.lowlevel.checkpoint()
        return not self.gone

    def finish(self) -> None:
        if self.gone or self.local_closed:
            return
        self._ending = True
        if not self.queued:
            head = b"\x00\x00\x00" + _DATA_END + self._sid_bytes
            self.output.emit(head)
            self.local_closed = True
        self.output.flush_unless_batching()

    async def flushed(self) -> bool:
        return await self._queue_below(0)

    async def run_to_end(self) -> None:
        """The task of an answer that was started inline and did not fit after all."""
        try:
            await self.flushed()
        finally:
            self.finished()
            await self.after()

    async def _queue_below(self, size: int) -> bool:
        """Waits for the queue to shrink; False when the client is gone or takes nothing."""
        while self.queued > size:
            if self.gone:
                return False
            self._progress = trio.Event()
            timeout = inf if self.patient else self.front.config.write_timeout
            with trio.move_on_after(timeout) as deadline:
                await self._progress.wait()
            self._progress = None
            if deadline.cancelled_caught:
                self.abort()
        return not self.gone

    def _enqueue(self, data: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self.queued += len(data)

    def pump(self, frames: int = 1 << 30) -> bool:
        """Send up to `frames` frames of the queue; was anything sent?"""
        output, queue = self.output, self._queue
        sent = False
        while queue and frames:
            if output.congested:
                output.wait_for_socket(self)
                break
            room = min(output.max_frame, output.window, self.window)
            if room <= 0:
                output.blocked[self.sid] = self
                break
            chunk = queue[0]
            size = len(chunk)
            if size <= room:
                queue.popleft()
            else:
                rest = memoryview(chunk)
                chunk, size, queue[0] = rest[:room], room, rest[room:]
            frames -= 1
            sent = True
            self.queued -= size
            self._emit_data(chunk, size, self._ending and not queue)
        if not queue:
            output.blocked.pop(self.sid, None)
        if sent and self._progress is not None:
            self._progress.set()
        return sent

    def disconnect(self) -> None:
        super().disconnect()
        if self._queue is not None:
            self._queue.clear()
        self.queued = 0
        self.output.blocked.pop(self.sid, None)
        if self._progress is not None:
            self._progress.set()

    def abort(self) -> None:
        if not self.local_closed and not self.gone:
            self.output.emit(rst_stream(self.sid, ErrorCodes.INTERNAL_ERROR))
            self.protocol.remember_reset(self.sid)
            self.disconnect()

    async def after(self) -> None:
        self.protocol.answered(self)
