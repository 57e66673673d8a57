"""What to do with one field of a message: one function per field, made once.

In: a field's name and how its value is read. Out: a `Step`: it reads the value at a position, puts
it into the object and returns the position behind it. A field that comes twice means what it means
to protobuf: the last scalar counts, messages are merged, lists go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kapiserver.resources.protobuf.values import Read, double
from kapiserver.resources.protobuf.wire import CUT_OFF, WireError, length, signed, skip, varint
from kapiserver.resources.schema.reading import MAX_VALUES, TOO_MUCH

Object = dict[str, Any]
# (data, position, object) -> position behind the value
Step = Callable[[bytes, int, Object], int]
# (data, start, end, object): reads a message into an object
Fill = Callable[[bytes, int, int, Object], None]
# (data, position) -> (value, position)
Number = Callable[[bytes, int], tuple[Any, int]]


def string(name: str, zero: bool) -> Step:
    """Most fields are strings: this one is written for speed."""

    def step(data: bytes, at: int, out: Object) -> int:
        size = data[at]
        at += 1
        if size > 0x7F:
            at, stop = length(data, at - 1)
        else:
            stop = at + size
        if size:
            out[name] = data[at:stop].decode("utf-8", "replace")
        elif zero:
            out[name] = ""
        else:
            out.pop(name, None)
        return stop

    return step


def value(name: str, read: Read, zero: bool) -> Step:
    """Any value of a length; null is absent."""

    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        found = read(data, at, stop)
        if found is None or (found == "" and not zero):
            out.pop(name, None)
        else:
            out[name] = found
        return stop

    return step


def struct(name: str, fill: Fill, zero: bool) -> Step:
    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        below = out.get(name)
        if below is None:
            below = out[name] = {}
        fill(data, at, stop, below)
        if not (below or zero):
            del out[name]
        return stop

    return step


def inlined(fill: Fill) -> Step:
    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        fill(data, at, stop, out)
        return stop

    return step


def number(name: str, read: Number, zero: bool) -> Step:
    def step(data: bytes, at: int, out: Object) -> int:
        found, at = read(data, at)
        if found or zero:
            out[name] = found
        else:
            out.pop(name, None)
        return at

    return step


def values(name: str, read: Read, most: int = MAX_VALUES) -> Step:
    """One more item of a list. Items can be as short as two bytes: they are bounded here."""

    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        items = out.get(name)
        if items is None:
            items = out[name] = []
        items.append(read(data, at, stop))
        if len(items) > most:
            raise WireError(TOO_MUCH)
        return stop

    return step


def numbers(name: str, read: Number) -> Step:
    """One more item of a list of numbers."""

    def step(data: bytes, at: int, out: Object) -> int:
        found, at = read(data, at)
        out.setdefault(name, []).append(found)
        return at

    return step


def packed(name: str, read: Number) -> Step:
    """Many items of a list of numbers, in one piece."""

    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        items = out.setdefault(name, [])
        while at < stop and len(items) <= MAX_VALUES:
            found, at = read(data, at)
            items.append(found)
        if len(items) > MAX_VALUES:
            raise WireError(TOO_MUCH)
        if at != stop:
            raise WireError(CUT_OFF)
        return stop

    return step


_KEY, _VALUE = 0x0A, 0x12


def entry(name: str, read: Read) -> Step:
    """One more entry of a map: a message of key and value. Either may be missing: it is zero."""

    def step(data: bytes, at: int, out: Object) -> int:
        at, stop = length(data, at)
        key, start, end = "", stop, stop  # no bytes at all are a zero value
        while at < stop:
            tag, at = varint(data, at)
            if tag == _KEY:
                begin, at = length(data, at)
                key = data[begin:at].decode("utf-8", "replace")
            elif tag == _VALUE:
                start, at = length(data, at)
                end = at
            else:
                at = skip(data, at, tag & 7)
        if at != stop:
            raise WireError(CUT_OFF)
        out.setdefault(name, {})[key] = read(data, start, end)
        return stop

    return step


# --- numbers ---------------------------------------------------------------------------------


def int32(data: bytes, at: int) -> tuple[int, int]:
    found, at = varint(data, at)
    return (found if found < 0x8000_0000 else signed(found, 32)), at


def int64(data: bytes, at: int) -> tuple[int, int]:
    found, at = varint(data, at)
    return (found if found < 1 << 63 else signed(found, 64)), at


def boolean(data: bytes, at: int) -> tuple[bool, int]:
    found, at = varint(data, at)
    return found != 0, at


def float64(data: bytes, at: int) -> tuple[float, int]:
    return double(data, at), at + 8
