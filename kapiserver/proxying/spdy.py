"""SPDY/3.1 frames, as far as kubelets and their clients use them. Pure: bytes in, events out.

Draft 3 of the protocol without flow control, which neither side of a kubelet connection does. What
is held is bounded: control frames by CONTROL_BYTES, packed and unpacked; data is handed on as it
comes. What breaks the rules raises SpdyError and the connection is of no more use.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY = 1, 2, 3, 4, 6, 7
FIN = 1
CANCEL = 5
CONTROL_BYTES = 64 * 1024

_CONTROL = 0x80000000
_STREAM = 0x7FFFFFFF

# Section 2.6.10.1: names that headers often have, with their lengths, then what values often have.
_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date "
    "etag expect expires from host if-match if-modified-since if-none-match if-range "
    "if-unmodified-since last-modified location max-forwards pragma proxy-authenticate "
    "proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url "
    "public set-cookie keep-alive origin"
)
_VALUES = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(
        struct.pack(">I", len(name)) + name.replace("_", " ").encode() for name in _NAMES.split()
    )
    + _VALUES.encode()
)


class SpdyError(Exception):
    """The peer does not speak SPDY/3."""


@dataclass(frozen=True, slots=True)
class Opened:
    """SYN_STREAM or SYN_REPLY."""

    stream: int
    headers: Mapping[str, str]
    fin: bool
    reply: bool


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    data: bytes
    fin: bool


@dataclass(frozen=True, slots=True)
class Reset:
    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    pass


Event = Opened | Data | Reset | Ping | GoAway


class Framer:
    """One connection's frames, both directions (each has its own compression state)."""

    def __init__(self) -> None:
        self._pack = zlib.compressobj(zdict=DICTIONARY)
        self._unpack = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = bytearray()
        self._data: tuple[int, int, bool] | None = None  # stream, bytes to come, fin

    # -- reading ----------------------------------------------------------------------------------

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events of what has arrived; take all of them before the next call."""
        self._buffer += data
        while True:
            if self._data is not None:
                event = self._rest_of_data()
                if event is not None:
                    yield event
                if self._data is not None:
                    return
                continue
            if len(self._buffer) < 8:
                return
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if not first & _CONTROL:
                del self._buffer[:8]
                self._data = (first & _STREAM, length, bool(flags & FIN))
                continue
            if length > CONTROL_BYTES:
                raise SpdyError("frame too large")
            if len(self._buffer) < 8 + length:
                return
            payload = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            event = self._control(first, flags, payload)
            if event is not None:
                yield event

    def _rest_of_data(self) -> Event | None:
        assert self._data is not None
        stream, missing, fin = self._data
        part = bytes(self._buffer[:missing])
        del self._buffer[: len(part)]
        missing -= len(part)
        self._data = (stream, missing, fin) if missing else None
        ends = fin and not missing
        return Data(stream, part, ends) if part or ends else None

    def _control(self, head: int, flags: int, payload: bytes) -> Event | None:
        if (head >> 16) & 0x7FFF != VERSION:
            raise SpdyError("unsupported version")
        kind = head & 0xFFFF
        try:
            if kind == SYN_STREAM:
                (stream,) = struct.unpack_from(">I", payload)
                return Opened(
                    stream & _STREAM, self._headers(payload[10:]), bool(flags & FIN), False
                )
            if kind == SYN_REPLY:
                (stream,) = struct.unpack_from(">I", payload)
                return Opened(stream & _STREAM, self._headers(payload[4:]), bool(flags & FIN), True)
            if kind == RST_STREAM:
                return Reset(struct.unpack_from(">I", payload)[0] & _STREAM)
            if kind == PING:
                return Ping(struct.unpack_from(">I", payload)[0])
            if kind == GOAWAY:
                return GoAway()
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"invalid control frame: {error}") from error
        return None  # settings, window updates, headers: nothing to do with

    def _headers(self, packed: bytes) -> dict[str, str]:
        block = self._unpack.decompress(packed, CONTROL_BYTES)
        if self._unpack.unconsumed_tail:
            raise SpdyError("headers too large")
        (count,) = struct.unpack_from(">I", block)
        at, found = 4, []
        for _ in range(2 * count):
            (size,) = struct.unpack_from(">I", block, at)
            if at + 4 + size > len(block):
                raise SpdyError("invalid header block")
            found.append(block[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(found[::2], found[1::2], strict=True))

    # -- writing ----------------------------------------------------------------------------------

    def open(self, stream: int, headers: Mapping[str, str], *, fin: bool = False) -> bytes:
        payload = struct.pack(">IIBB", stream, 0, 0, 0) + self._block(headers)
        return _control_frame(SYN_STREAM, FIN if fin else 0, payload)

    def reply(self, stream: int, headers: Mapping[str, str]) -> bytes:
        return _control_frame(SYN_REPLY, 0, struct.pack(">I", stream) + self._block(headers))

    def data(self, stream: int, data: bytes, *, fin: bool = False) -> bytes:
        head = struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data))
        return head + data

    def ping(self, number: int) -> bytes:
        return _control_frame(PING, 0, struct.pack(">I", number))

    def reset(self, stream: int) -> bytes:
        return _control_frame(RST_STREAM, 0, struct.pack(">II", stream, CANCEL))

    def go_away(self) -> bytes:
        return _control_frame(GOAWAY, 0, struct.pack(">II", 0, 0))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        parts = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                parts += [struct.pack(">I", len(text)), text]
        return self._pack.compress(b"".join(parts)) + self._pack.flush(zlib.Z_SYNC_FLUSH)


def _control_frame(kind: int, flags: int, payload: bytes) -> bytes:
    head = struct.pack(">II", _CONTROL | VERSION << 16 | kind, flags << 24 | len(payload))
    return head + payload
