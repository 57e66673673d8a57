"""From the bytes of an HTTP/2 client to whole frames, header blocks put together.

In: bytes, cut anywhere. Out: frames, one by one; HEADERS comes with its complete block, whatever
number of CONTINUATION frames it took. Holds at most one incomplete frame and one incomplete block,
both bounded. Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from h2.errors import ErrorCodes

from . import h2frames as wire
from .h2frames import ConnectionFault, protocol_error, size_error

SELF_DEPENDENT = 0x100
"""Set in the flags of HEADERS whose (deprecated) priority names the stream itself."""

Frame = tuple[int, int, int, bytes]
"""kind, flags, stream, payload"""


class FrameReader:
    """The reading half of one connection."""

    def __init__(self, max_block: int) -> None:
        self._max_block = max_block
        self._rest = b""
        self._preface_seen = False
        self._settings_seen = False
        self._block: list[bytes] | None = None
        self._block_size = 0
        self._block_flags = 0
        self._block_stream = 0

    @property
    def waiting(self) -> bool:
        """Has the client begun something (the connection, a header block) that it must finish?"""
        return not self._settings_seen or self._block is not None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. Take them all, or give the connection up."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size = 0, len(data)
        if not self._preface_seen:
            start = data[: len(wire.PREFACE)]
            if not wire.PREFACE.startswith(start):
                raise protocol_error("not an HTTP/2 connection preface")
            if len(start) < len(wire.PREFACE):
                self._rest = data
                return
            self._preface_seen = True
            at = len(start)
        while size - at >= 9:
            length = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            if length > wire.MAX_FRAME:
                raise size_error("frame is larger than was agreed")
            end = at + 9 + length
            if end > size:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = wire.u31(data[at + 5 : at + 9])
            payload = data[at + 9 : end]
            at = end
            if self._block is not None or kind in (wire.HEADERS, wire.CONTINUATION):
                whole = self._headers(kind, flags, stream, payload)
                if whole is not None:
                    yield whole
                continue
            if not self._settings_seen:
                if kind != wire.SETTINGS:
                    raise protocol_error("the first frame is not SETTINGS")
                self._settings_seen = True
            yield kind, flags, stream, payload
        self._rest = data[at:]

    def _headers(self, kind: int, flags: int, stream: int, payload: bytes) -> Frame | None:
        block = self._block
        if block is not None:
            if kind != wire.CONTINUATION or stream != self._block_stream:
                raise protocol_error("a header block was interrupted")
            block.append(payload)
            self._block_size += len(payload)
            if self._block_size > self._max_block or len(block) > wire.MAX_CONTINUATIONS:
                raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "header block is too large")
            if not flags & wire.END_HEADERS:
                return None
            self._block = None
            return wire.HEADERS, self._block_flags, stream, b"".join(block)
        if kind == wire.CONTINUATION:
            raise protocol_error("CONTINUATION without its HEADERS")
        if not self._settings_seen:
            raise protocol_error("the first frame is not SETTINGS")
        if not stream & 1:
            raise protocol_error("HEADERS on a stream that is not the client's")
        payload, depends_on_itself = wire.field_block(payload, flags, stream)
        flags = flags & (wire.END_STREAM | wire.END_HEADERS)
        if depends_on_itself:
            flags |= SELF_DEPENDENT
        if flags & wire.END_HEADERS:
            return wire.HEADERS, flags, stream, payload
        self._block, self._block_size = [payload], len(payload)
        self._block_flags, self._block_stream = flags, stream
        return None
