"""One HTTP/1.1 request and how its answer is written.

In: a Response or the frames of a stream. Out: a head and a body, chunked when the length is not
known and the client speaks 1.1; one write where one is enough. What cannot be completed ends with
the connection, so that the client never takes half an answer for a whole one.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio

from kapiserver.request import Frame, Headers, UpgradeFunction

from . import date, faults
from .limits import DISCARDED_BODY, PIECE
from .stream import BODYLESS, Exchange

if TYPE_CHECKING:
    from .h1 import H1Protocol

log = logging.getLogger(__name__)

UNSAFE_ANSWER = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_status_lines = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\n".encode() for s in HTTPStatus}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class H1Exchange(Exchange):
    """A request on an HTTP/1.1 connection."""

    __slots__ = ("_chunked", "_out", "_out_size", "complete", "discarded", "keep", "protocol")

    def __init__(self, protocol: H1Protocol) -> None:
        super().__init__(protocol.front)
        self.protocol = protocol
        self.keep = True
        self.complete = False
        self.discarded = 0
        self._chunked = False
        self._out: list[bytes] = []
        self._out_size = 0

    def send_continue(self) -> None:
        if not self.started:
            self.protocol.transport.write(CONTINUE)

    def consumed(self, size: int) -> None:
        self.protocol.wake_reader()

    def start(
        self, status: int, headers: Headers, body: bytes, *, end: bool, length: int | None
    ) -> None:
        self.started, self.status, self.complete = True, status, end
        lines = [_status_lines.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status]
        dated = False
        for name, value in headers:
            if name == b"connection":
                self.keep = self.keep and b"close" not in value.lower()
            else:
                dated = dated or name == date.NAME
                lines.append(b"%b: %b\r\n" % (name, value))
        if not dated:
            lines.append(b"date: %b\r\n" % date.now())
        if status not in BODYLESS:
            if length is not None:
                lines.append(b"content-length: %d\r\n" % length)
            elif self.request.http_version == "1.1":
                lines.append(b"transfer-encoding: chunked\r\n")
                self._chunked = True
            else:
                self.keep = False
        if self.front.draining or (self.expects_continue and not self.body_done):
            self.keep = False  # (the client may or may not send that body: nobody can tell)
        if not self.body_done and self._announced() > DISCARDED_BODY:
            self.keep = False  # said, so that no request follows on a connection that is closed
        if not self.keep:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines):
            self._refuse_head()
            return
        if body and self.request.method != "HEAD" and status not in BODYLESS:
            self.sent += len(body)
            head += chunk(body) if self._chunked else body
        self.protocol.transport.write(head)

    def _announced(self) -> int:
        """The length of the request's body, if it was told."""
        length = self.request.header(b"content-length")
        return int(length) if length and length.isdigit() else 0

    async def switch(self, headers: Headers, upgrade: UpgradeFunction) -> bool:
        """Answer 101; from then on this exchange is the connection (a `Duplex`)."""
        self.started, self.status, self.keep = True, 101, False
        lines = [b"%b: %b\r\n" % field for field in headers if field[0] != b"connection"]
        head = b"".join([SWITCHING, *lines, b"connection: Upgrade\r\n\r\n"])
        if head.count(b"\n") != len(lines) + 3:
            self._refuse_head()
            return False
        self.protocol.transport.write(head)
        self.protocol.switched(self)
        done = await faults.run_stream(upgrade, self, self.request)
        self.complete = True
        return done

    async def receive(self) -> bytes:
        """What the client sent after the switch; b"" when it is gone."""
        while not self._parts:
            if self.gone:
                return b""
            self._arrived = trio.Event()
            await self._arrived.wait()
            self._arrived = None
        data = self._parts.popleft()
        self.unread -= len(data)
        self.protocol.wake_reader()
        return data

    def _refuse_head(self) -> None:
        """A line break in a header value would let one client forge answers to another."""
        log.error("line break in a header of the answer to %s", self.request.path)
        self.protocol.transport.write(UNSAFE_ANSWER)
        self.status, self.complete, self.gone, self.keep = 500, True, True, False

    def push(self, frame: Frame) -> bool:
        transport = self.protocol.transport
        pending = transport.pending_size + self._out_size
        if self.gone or transport.broken or pending > self.front.config.stream_buffer:
            return False
        data = frame.data
        if self._chunked:
            framed = frame.chunked
            if framed is None:
                framed = frame.chunked = chunk(data)
        else:
            framed = data
        self.sent += len(data)
        self._out.append(framed)
        self._out_size += len(framed)
        return True

    def flush(self) -> None:
        out = self._out
        if out:
            self._out, self._out_size = [], 0
            self.protocol.transport.write(out[0] if len(out) == 1 else b"".join(out))

    async def send(self, data: bytes) -> bool:
        transport = self.protocol.transport
        self.flush()
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE] if len(data) > PIECE else data
            if self.gone or transport.broken:
                return False
            self.sent += len(piece)
            transport.write(chunk(piece) if self._chunked else piece)
            if transport.pending_size > self.front.config.transport_buffer:
                await transport.drained()
            else:
                await trio.lowlevel.checkpoint()
        return not (self.gone or transport.broken)

    def finish(self) -> None:
        if self._chunked and self.request.method != "HEAD":
            self._out.append(b"0\r\n\r\n")
        self.flush()
        self.complete = True

    async def flushed(self) -> bool:
        # The next answer queues behind this one: order is the transport's business.
        return not (self.gone or self.protocol.transport.broken)

    def abort(self) -> None:
        if not self.complete:
            self.keep = False  # the missing last chunk (or bytes) tells the client

    async def after(self) -> None:
        await self.protocol.answered(self)
