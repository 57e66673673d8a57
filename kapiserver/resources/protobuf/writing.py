"""How one field of an object becomes bytes: one function per field, made once.

In: a field's number and how its value is written. Out: a `Write`: the value as JSON has it goes in,
tag, length and bytes come out. Values have been validated when they were stored; what they are on
the wire is the mirror of `values.py`. A null field is an absent one and does not come here; a null
item or entry is a zero value.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from kapiserver.resources.protobuf.wire import BYTES, FIXED64, VARINT
from kapiserver.resources.schema.nodes import Form

# value -> its bytes, without tag and length
Body = Callable[[Any], bytes]
# value -> the whole field
Write = Callable[[Any], bytes]

_SMALL = 0x80
_SIZES = tuple(bytes([size]) for size in range(_SMALL))
_UINT64 = 0xFFFF_FFFF_FFFF_FFFF
_FLOAT64 = struct.Struct("<d")
_FRAME_SIZE = struct.Struct(">I")


def varint(value: int) -> bytes:
    """Negative numbers take ten bytes, in two's complement."""
    if 0 <= value < _SMALL:
        return _SIZES[value]
    value &= _UINT64
    out = bytearray()
    while value >= _SMALL:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag_of(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def delimited(tag: bytes, data: bytes) -> bytes:
    size = len(data)
    return tag + (_SIZES[size] if size < _SMALL else varint(size)) + data


def frame(data: bytes) -> bytes:
    """One message of a stream: its length in four bytes, then the message."""
    return _FRAME_SIZE.pack(len(data)) + data


def unframed(frames: bytes) -> Iterator[bytes]:
    """The messages in whole frames."""
    at = 0
    while at < len(frames):
        start = at + _FRAME_SIZE.size
        at = start + int(_FRAME_SIZE.unpack_from(frames, at)[0])
        yield frames[start:at]


# --- fields ----------------------------------------------------------------------------------


def string(number: int) -> Write:
    """Most fields are strings: this one is written for speed."""
    tag = tag_of(number, BYTES)

    def write(value: str) -> bytes:
        data = value.encode()
        size = len(data)
        return tag + (_SIZES[size] if size < _SMALL else varint(size)) + data

    return write


def value(number: int, body: Body) -> Write:
    tag = tag_of(number, BYTES)
    return lambda found: delimited(tag, body(found))


def values(number: int, body: Body) -> Write:
    tag = tag_of(number, BYTES)
    return lambda items: b"".join(
        [delimited(tag, b"" if item is None else body(item)) for item in items]
    )


_KEY, _VALUE = tag_of(1, BYTES), tag_of(2, BYTES)


def entries(number: int, body: Body) -> Write:
    """A map: one message of key and value for each entry."""
    tag = tag_of(number, BYTES)

    def entry(key: str, below: Any) -> bytes:
        data = b"" if below is None else body(below)
        return delimited(tag, delimited(_KEY, key.encode()) + delimited(_VALUE, data))

    return lambda found: b"".join([entry(key, below) for key, below in found.items()])


# Numbers, by form: their wire type, and how they are written.
NUMBERS: Mapping[Form, tuple[int, Body]] = {
    Form.BOOL: (VARINT, varint),
    Form.INT32: (VARINT, varint),
    Form.INT64: (VARINT, varint),
    Form.FLOAT: (FIXED64, _FLOAT64.pack),
}


def number(number: int, form: Form) -> Write:
    wire, body = NUMBERS[form]
    tag = tag_of(number, wire)
    return lambda found: tag + body(found)


def numbers(number: int, form: Form) -> Write:
    """Go's messages are of proto2: each item has its own tag."""
    wire, body = NUMBERS[form]
    tag = tag_of(number, wire)
    return lambda items: b"".join([tag + body(item) for item in items])


# --- values that have a message of their own -------------------------------------------------


def text(value: str) -> bytes:
    return value.encode()


def strings(value: list[str]) -> bytes:
    """A list that is a message (ExtraValue)."""
    return b"".join([delimited(_KEY, item.encode()) for item in value])


_SECONDS, _NANOS = tag_of(1, VARINT), tag_of(2, VARINT)
_INT, _STRING = _SIZES[0], _SIZES[1]
_TYPE, _INT_VALUE, _STRING_VALUE = tag_of(1, VARINT), tag_of(2, VARINT), tag_of(3, BYTES)


def _quantity(value: str | int | float) -> bytes:
    return delimited(_KEY, str(value).encode())


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return b"".join((_TYPE, _STRING, delimited(_STRING_VALUE, value.encode())))
    return b"".join((_TYPE, _INT, _INT_VALUE, varint(int(value))))


def _time(value: str) -> bytes:
    moment = datetime.fromisoformat(value)
    return b"".join((_SECONDS, varint(int(moment.replace(microsecond=0).timestamp()))))


def _micro_time(value: str) -> bytes:
    moment = datetime.fromisoformat(value)
    seconds = int(moment.replace(microsecond=0).timestamp())
    nanos = moment.microsecond * 1000
    return b"".join((_SECONDS, varint(seconds), _NANOS, varint(nanos)))


def _json(value: Any) -> bytes:
    """JSON inside of a message."""
    return delimited(_KEY, orjson.dumps(value))


# Values of fields that are bytes on the wire. Structs, lists and maps are composed elsewhere.
BODIES: Mapping[Form, Body] = {
    Form.STRING: text,
    Form.BYTES: binascii.a2b_base64,
    Form.QUANTITY: _quantity,
    Form.INT_OR_STRING: _int_or_string,
    Form.TIME: _time,
    Form.MICRO_TIME: _micro_time,
    Form.OBJECT: _json,
    Form.ANY: _json,
}


# --- the three unions of JSONSchemaProps -----------------------------------------------------

_ALLOWS, _YES, _NO = tag_of(1, VARINT), _SIZES[1], _SIZES[0]


def union(form: Form, schema: Body) -> Body:
    """A schema, or something simpler: one field for each of the two."""
    if form is Form.SCHEMA_OR_BOOL:
        return lambda value: (
            _ALLOWS + (_YES if value else _NO)
            if isinstance(value, bool)
            else b"".join((_ALLOWS, _YES, delimited(_VALUE, schema(value))))
        )
    item = schema if form is Form.SCHEMA_OR_ARRAY else text
    return lambda value: (
        b"".join([delimited(_VALUE, item(below)) for below in value])
        if isinstance(value, list)
        else delimited(_KEY, schema(value))
    )
