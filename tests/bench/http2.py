"""HTTP/2 for the load generator: frames made by hand, header blocks prepared once.

The header table is switched off (SETTINGS_HEADER_TABLE_SIZE 0), so that every header block can be
read by itself and sent any number of times.
"""

from __future__ import annotations

import ssl
from collections import deque
from typing import Any

import hpack

from tests.bench.connection import (
    Answer,
    Connection,
    ConnectionFailed,
    OnAnswer,
    Prepared,
    Server,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 6, 7, 8, 9,
)  # fmt: skip
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
MAX_WINDOW = 2**31 - 1
REOPEN_AT = 2**28
INITIAL_WINDOW = 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def window_update(increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, 0, increment.to_bytes(4, "big"))


class _Stream:
    __slots__ = ("body", "size", "status", "tag")

    def __init__(self, tag: Any) -> None:
        self.tag = tag
        self.status = 0
        self.size = 0
        self.body: list[bytes] = []


class Http2(Connection):
    """Any number of requests in flight on one connection."""

    def __init__(self, server: Server, context: ssl.SSLContext, on_answer: OnAnswer) -> None:
        super().__init__(server, context, on_answer)
        if self.socket.selected_alpn_protocol() != "h2":
            raise ConnectionFailed("the server does not speak HTTP/2")
        self._buffer = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._received_bytes = 0
        self._send_window = INITIAL_WINDOW
        self._waiting: deque[tuple[Prepared, Any]] = deque()
        self._block = b""
        self._block_flags = 0
        self._statuses: dict[bytes, int] = {}
        settings = setting(1, 0) + setting(2, 0) + setting(4, MAX_WINDOW)
        self.write(PREFACE + frame(SETTINGS, 0, 0, settings) + window_update(REOPEN_AT * 4))

    def prepare(
        self, method: str, path: str, body: bytes = b"", *, accept: str = "", gzip: bool = False
    ) -> Prepared:
        headers = [
            (":method", method),
            (":scheme", "https"),
            (":path", path),
            (":authority", f"{self.server.host}:{self.server.port}"),
            ("accept", accept or "application/json"),
            ("user-agent", "bench"),
        ]
        if gzip:
            headers.append(("accept-encoding", "gzip"))
        if self.server.token:
            headers.append(("authorization", f"Bearer {self.server.token}"))
        if body:
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        block = bytearray()
        for name, value in headers:  # literals that no table keeps: 0x00, name, value
            block += b"\x00" + _text(name) + _text(value)
        return Prepared(bytes(block), body)

    def send(self, request: Prepared, tag: Any = None) -> None:
        if len(request.body) > self._send_window or self._waiting:
            self._waiting.append((request, tag))
            return
        number = self._next_stream
        self._next_stream = number + 2
        self._streams[number] = _Stream(tag)
        if request.body:
            self._send_window -= len(request.body)
            head = frame(HEADERS, END_HEADERS, number, request.head)
            self.write(head + frame(DATA, END_STREAM, number, request.body))
        else:
            self.write(frame(HEADERS, END_HEADERS | END_STREAM, number, request.head))

    def received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        while end - at >= 9:
            length = int.from_bytes(buffer[at : at + 3], "big")
            if end - at - 9 < length:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big") & MAX_WINDOW
            self._frame(kind, flags, stream, bytes(buffer[at + 9 : at + 9 + length]))
            at += 9 + length
        del buffer[:at]

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == DATA:
            self._data(flags, number, payload)
        elif kind == HEADERS:
            if flags & PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if flags & PRIORITY:
                payload = payload[5:]
            self._block, self._block_flags = payload, flags
            if flags & END_HEADERS:
                self._headers(number)
        elif kind == CONTINUATION:
            self._block += payload
            if flags & END_HEADERS:
                self._headers(number)
        elif kind == SETTINGS and not flags & ACK:
            self.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and number == 0:
            self._send_window += int.from_bytes(payload, "big")
            while self._waiting and len(self._waiting[0][0].body) <= self._send_window:
                waiting, self._waiting = self._waiting, deque()
                request, tag = waiting.popleft()
                self.send(request, tag)
                self._waiting.extend(waiting)
        elif kind == RST_STREAM:
            raise ConnectionFailed(f"stream {number} was reset: {payload.hex()}")
        elif kind == GOAWAY:
            raise ConnectionFailed(f"GOAWAY: {payload!r}")

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._received_bytes += len(payload)
        if self._received_bytes > REOPEN_AT:
            self.write(window_update(self._received_bytes))
            self._received_bytes = 0
        if flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        stream = self._streams[number]
        stream.size += len(payload)
        if self.stream is not None:
            self.stream(self, payload)
        elif self.keep_body or stream.status >= 400:
            stream.body.append(payload)
        if flags & END_STREAM:
            self._done(number)

    def _headers(self, number: int) -> None:
        stream = self._streams[number]
        if stream.status == 0:
            stream.status = self._status(self._block)
        if self._block_flags & END_STREAM:
            self._done(number)

    def _status(self, block: bytes) -> int:
        """The status of a header block; the head of most blocks has been seen before."""
        start = block[:6]
        status = self._statuses.get(start)
        if status is None:
            decoder = hpack.Decoder()
            decoder.max_allowed_table_size = 0
            decoder.header_table_size = 0
            for name, value in decoder.decode(block, raw=True):
                if name == b":status":
                    status = int(value)
                    break
            else:
                raise ConnectionFailed("a response without a status")
            self._statuses[start] = status
        return status

    def _done(self, number: int) -> None:
        stream = self._streams.pop(number)
        self.on_answer(self, Answer(stream.tag, stream.status, stream.size, b"".join(stream.body)))


def _text(value: str) -> bytes:
    """A string of a header block, without Huffman coding."""
    raw = value.encode()
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    left, length = len(raw) - 127, b"\x7f"
    while left >= 128:
        length += bytes((left % 128 + 128,))
        left //= 128
    return length + bytes((left,)) + raw
