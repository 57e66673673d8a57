"""The protobuf wire format: varints, lengths, and how to pass over what is not known.

In: bytes and a position. Out: values and the position behind them. Readers may run past the end of
their message without noticing: whoever loops over fields compares positions at the end, and an
IndexError (the end of all bytes) means the same, a body that was cut off.
"""

from __future__ import annotations

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)

CUT_OFF = "unexpected EOF"
_MAX_SHIFT = 63


class WireError(ValueError):
    """Not a protobuf message, or not the one that was expected. The text is Go's."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value = byte & 0x7F
    for shift in range(7, _MAX_SHIFT + 1, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise WireError("proto: integer overflow")


def length(data: bytes, at: int) -> tuple[int, int]:
    """(start, end) of a length-delimited value."""
    size = data[at]
    if size < 0x80:
        at += 1
        return at, at + size
    size, at = varint(data, at)
    if size >> 63:
        raise WireError("proto: negative length found during unmarshaling")
    return at, at + size


def skip(data: bytes, at: int, wire: int) -> int:
    """The position behind a value of a field that is not known."""
    depth = 0
    while True:
        match wire:
            case 0:
                _, at = varint(data, at)
            case 1:
                at += 8
            case 2:
                _, at = length(data, at)
            case 3:
                depth += 1
            case 4:
                if depth == 0:
                    raise WireError("proto: unexpected end of group")
                depth -= 1
            case 5:
                at += 4
            case _:
                raise WireError(f"proto: illegal wireType {wire}")
        if depth == 0:
            return at
        tag, at = varint(data, at)
        wire = tag & 7


def signed(value: int, bits: int) -> int:
    """A varint as Go's int32 or int64: negative numbers come as ten bytes, in two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
