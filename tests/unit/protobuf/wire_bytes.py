"""Writes protobuf messages by hand, for tests: `message(f(1, "name"), f(3, 5))`."""

from __future__ import annotations

MAGIC = b"k8s\x00"


def varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def f(number: int, value: bytes | str | int) -> bytes:
    """One field: numbers as varints, texts and messages with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields: bytes) -> bytes:
    return b"".join(fields)


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    """What a client sends."""
    return MAGIC + message(f(1, message(f(1, api_version), f(2, kind))), f(2, raw), f(3, ""))
