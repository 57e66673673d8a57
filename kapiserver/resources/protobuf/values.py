"""Values that have a message of their own on the wire and another form in JSON.

In: the bytes between two positions. Out: the value as JSON has it; None where Go writes null (a
time that is not set), which for a field means that it is absent.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import orjson

from kapiserver.resources.protobuf.wire import (
    BYTES,
    CUT_OFF,
    WireError,
    length,
    signed,
    skip,
    varint,
)
from kapiserver.resources.schema.nodes import Form

# (data, start, end) -> value
Read = Callable[[bytes, int, int], Any]

_EPOCH = datetime(1970, 1, 1)
_GO_ZERO_TIME = -62_135_596_800  # 1 January of the year 1
_DOUBLE = struct.Struct("<d")
_WHOLE = 1e15  # below this, a whole number is written without a fraction by Go and Python alike


def text(data: bytes, at: int, end: int) -> str:
    return data[at:end].decode("utf-8", "replace")


def base64(data: bytes, at: int, end: int) -> str:
    return binascii.b2a_base64(data[at:end], newline=False).decode("ascii")


def double(data: bytes, at: int) -> float:
    """A number of eight bytes. What JSON cannot say is refused."""
    try:
        (value,) = _DOUBLE.unpack_from(data, at)
    except struct.error:
        raise WireError(CUT_OFF) from None
    if not isfinite(value):
        raise WireError(f"json: unsupported value: {value}")
    return int(value) if value.is_integer() and abs(value) < _WHOLE else float(value)


def _numbers(data: bytes, at: int, end: int) -> dict[int, Any]:
    """The fields of a small message: varints as numbers, bytes as (start, end)."""
    out: dict[int, Any] = {}
    while at < end:
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == BYTES:
            start, at = length(data, at)
            out[tag] = (start, at)
        elif wire == 0:
            out[tag], at = varint(data, at)
        else:
            at = skip(data, at, wire)
    if at != end:
        raise WireError(CUT_OFF)
    return out


def strings(data: bytes, at: int, end: int) -> list[str]:
    """A list that is a message (ExtraValue): 1 = items."""
    out: list[str] = []
    while at < end:
        tag, at = varint(data, at)
        if tag == 0x0A:
            start, at = length(data, at)
            out.append(text(data, start, at))
        else:
            at = skip(data, at, tag & 7)
    if at != end:
        raise WireError(CUT_OFF)
    return out


def _quantity(data: bytes, at: int, end: int) -> str:
    if end - at > 2 and data[at] == 0x0A and data[at + 1] == end - at - 2:
        return text(data, at + 2, end)  # nothing but a short text: all that Go sends
    start, stop = _numbers(data, at, end).get(0x0A, (at, at))
    return text(data, start, stop) or "0"


def _int_or_string(data: bytes, at: int, end: int) -> int | str:
    found = _numbers(data, at, end)
    if found.get(0x08) == 1:
        start, stop = found.get(0x1A, (at, at))
        return text(data, start, stop)
    return signed(found.get(0x10, 0), 32)


def _moment(data: bytes, at: int, end: int, *, micros: bool) -> str | None:
    if at == end:
        return None
    found = _numbers(data, at, end)
    seconds = signed(found.get(0x08, 0), 64)
    nanos = signed(found.get(0x10, 0), 32) if micros else 0
    if seconds == _GO_ZERO_TIME and nanos == 0:
        return None
    try:
        moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise WireError("timestamp out of range") from None
    return moment.isoformat(timespec="microseconds" if micros else "seconds") + "Z"


def _time(data: bytes, at: int, end: int) -> str | None:
    return _moment(data, at, end, micros=False)


def _micro_time(data: bytes, at: int, end: int) -> str | None:
    return _moment(data, at, end, micros=True)


def _json(data: bytes, at: int, end: int) -> Any:
    """JSON inside of a message: 1 = its bytes."""
    start, stop = _numbers(data, at, end).get(0x0A, (at, at))
    if start == stop:
        return None
    try:
        return orjson.loads(data[start:stop])
    except orjson.JSONDecodeError as error:
        raise WireError(f"embedded JSON: {error}") from None


# Values of fields that are bytes on the wire. Structs, lists and maps are composed elsewhere.
READERS: Mapping[Form, Read] = {
    Form.STRING: text,
    Form.BYTES: base64,
    Form.QUANTITY: _quantity,
    Form.INT_OR_STRING: _int_or_string,
    Form.TIME: _time,
    Form.MICRO_TIME: _micro_time,
    Form.OBJECT: _json,
    Form.ANY: _json,
}
