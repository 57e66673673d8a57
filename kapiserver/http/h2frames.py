"""HTTP/2 frames (RFC 9113): numbers, builders, and the rules for one frame alone.

In: frame payloads from clients. Out: values, or the error that the RFC names. Pure: what depends on
the state of a connection is in h2.py.
"""

from __future__ import annotations

import struct

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME = 16384
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65535
MAX_CONTINUATIONS = 32

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

_u32 = struct.Struct(">I").unpack_from
_setting = struct.Struct(">HI")


class ConnectionFault(Exception):
    """The connection cannot go on: GOAWAY with this code."""

    def __init__(self, code: ErrorCodes, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class StreamFault(Exception):
    """One stream is refused: RST_STREAM with this code."""

    def __init__(self, code: ErrorCodes, why: str) -> None:
        super().__init__(why)
        self.code = code


def protocol_error(why: str) -> ConnectionFault:
    return ConnectionFault(ErrorCodes.PROTOCOL_ERROR, why)


def size_error(why: str) -> ConnectionFault:
    return ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, why)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def rst_stream(stream: int, code: ErrorCodes) -> bytes:
    return frame(RST_STREAM, 0, stream, int(code).to_bytes(4, "big"))


def goaway(last: int, code: ErrorCodes, why: str = "") -> bytes:
    head = last.to_bytes(4, "big") + int(code).to_bytes(4, "big")
    return frame(GOAWAY, 0, 0, head + why.encode())


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def settings(values: dict[SettingCodes, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_setting.pack(k, v) for k, v in values.items()))


def header_frames(stream: int, block: bytes, end: bool, max_frame: int) -> bytes:
    """HEADERS, and CONTINUATION frames when the block is larger than the client takes."""
    flags = END_STREAM if end else 0
    if len(block) <= max_frame:
        return frame(HEADERS, flags | END_HEADERS, stream, block)
    parts = [frame(HEADERS, flags, stream, block[:max_frame])]
    for at in range(max_frame, len(block), max_frame):
        last = at + max_frame >= len(block)
        piece = block[at : at + max_frame]
        parts.append(frame(CONTINUATION, END_HEADERS if last else 0, stream, piece))
    return b"".join(parts)


def unpad(payload: bytes, flags: int) -> bytes:
    """Section 6.1: without padding; padding as long as the payload is an error."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise size_error("padded frame without a length")
    if payload[0] >= len(payload):
        raise protocol_error("padding is longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def field_block(payload: bytes, flags: int, stream: int) -> tuple[bytes, bool]:
    """Section 6.2: the header block fragment of HEADERS; and does it depend on itself?"""
    payload = unpad(payload, flags)
    if not flags & WITH_PRIORITY:
        return payload, False
    if len(payload) < 5:
        raise size_error("HEADERS is too short for its priority")
    return payload[5:], u31(payload) == stream


def u31(payload: bytes) -> int:
    return int(_u32(payload)[0]) & MAX_WINDOW


def parse_settings(payload: bytes) -> list[tuple[int, int]]:
    """Section 6.5.2, with its bounds."""
    if len(payload) % 6:
        raise size_error("SETTINGS is not a list of settings")
    values = list(_setting.iter_unpack(payload))
    for code, value in values:
        if code == SettingCodes.ENABLE_PUSH and value > 1:
            raise protocol_error("ENABLE_PUSH is neither 0 nor 1")
        if code == SettingCodes.INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE too large")
        if code == SettingCodes.MAX_FRAME_SIZE and not MAX_FRAME <= value < 2**24:
            raise protocol_error("MAX_FRAME_SIZE out of bounds")
    return values
