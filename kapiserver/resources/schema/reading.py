"""JSON bodies to Python values, with Go's wording for what cannot be read.

In: bytes. Out: a decoded value, or `Unreadable` with the text of the Go decoder. Also: which keys
occur twice in the same object, which plain decoding cannot tell afterwards.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from typing import Any

import orjson

from kapiserver.json_syntax import problem_of

# What is read must be written again, and orjson writes 254 levels.
TOO_DEEP = "exceeded max depth"
MAX_DUPLICATES = 100
# What an object may hold. Rules cost up to 20 µs for each object in it; one that is small enough to
# be stored has far fewer of them, and of other values.
MAX_OBJECTS = 50_000
MAX_VALUES = 250_000
TOO_MUCH = f"more than {MAX_OBJECTS} objects or {MAX_VALUES} values within an object"


class Unreadable(ValueError):
    """The body is not of its format. The text is for the client."""


# --- JSON ------------------------------------------------------------------------------------


def read_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise Unreadable(TOO_DEEP) from None
        problem = problem_of(body)
        if problem:
            raise Unreadable(problem) from None
    return _read_loosely(body)


# A character that is written as one or two escapes, or any other escape.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
_ONE_ESCAPE = len(r"\ud800")


def _read_loosely(body: bytes) -> Any:
    """JSON that is none to a strict reader. Go takes each byte, and each half of a pair of escapes,
    that is no character for U+FFFD."""
    text = body.decode("utf-8", _BY_BYTE)
    text = _ESCAPE.sub(lambda found: _escape(found[0]), text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:  # only a number that no float holds
        raise Unreadable(f"json: cannot unmarshal number: {error.msg}") from None


def _escape(text: str) -> str:
    lone = len(text) == _ONE_ESCAPE and text[2] in "dD"
    return r"\ufffd" if lone else text


def _replace_by_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError), "only used to decode"
    return "\ufffd" * (error.end - error.start), error.end


_BY_BYTE = "kapiserver.replace-by-byte"
codecs.register_error(_BY_BYTE, _replace_by_byte)


class Written(float):
    """A number that remembers how it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def read_exactly(body: bytes) -> Any:
    """As `read_json`, with numbers that are no integers as they were written. For messages: slow,
    and whatever it cannot read comes as `read_json` has it."""
    try:
        return json.loads(body, parse_float=Written, parse_int=_integer)
    except (ValueError, RecursionError):
        return read_json(body)


def _integer(text: str) -> int | float:
    return int(text) if len(text) < _LONGEST_INT64 else Written(text)


_LONGEST_INT64 = len(str(1 << 63))


def encoded_again(value: Any) -> bytes:
    """What cannot be written again cannot be stored: mostly, it nests too deep or is too much."""
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Unreadable(TOO_DEEP if "Recursion" in str(error) else str(error)) from error
    if len(written) < 2 * MAX_OBJECTS:
        return written  # too short for so many
    objects = written.count(b"{")
    if objects > MAX_OBJECTS or objects + written.count(b"[") + written.count(b",") > MAX_VALUES:
        _check_amount(value)
    return written


def _check_amount(value: Any) -> None:
    """Exactly: braces and commas in text are only text."""
    objects = values = 0
    waiting = [value]
    while waiting:
        below = waiting.pop()
        if isinstance(below, dict):
            objects += 1
            values += len(below)
            waiting.extend(below.values())
        elif isinstance(below, list):
            values += len(below)
            waiting.extend(below)
        if objects > MAX_OBJECTS or values > MAX_VALUES:
            raise Unreadable(TOO_MUCH)


def in_key_order(written: bytes) -> bytes:
    """JSON with the keys of all objects in order, as Go writes what it has in maps."""
    return orjson.dumps(orjson.loads(written), option=orjson.OPT_SORT_KEYS)


# --- duplicate keys --------------------------------------------------------------------------


def _colons(text: bytes) -> int:
    """Colons outside of strings: one per key. All in C: 2 µs per KB."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2]).count(b":")


def has_duplicates(body: bytes, again: bytes) -> bool:
    """Whether any key of a JSON body was lost to another of the same name.

    `again`: what was decoded, encoded again. Decoding keeps one of them, so that has fewer keys.
    """
    return again != body and _colons(body) != _colons(again)


class _Twice(dict[str, Any]):
    """An object of which some keys occurred more than once."""

    __slots__ = ("keys_twice",)

    def __init__(self, pairs: list[tuple[str, Any]], keys_twice: list[str]) -> None:
        super().__init__(pairs)
        self.keys_twice = keys_twice


def _noting(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    counts = Counter(key for key, _ in pairs)
    return _Twice(pairs, [key for key, count in counts.items() if count > 1])


def duplicate_fields(body: bytes) -> tuple[str, ...]:
    """JSON paths of keys that occur more than once. Slow: for bodies that have some."""
    out: list[str] = []
    try:
        _find_twice(json.loads(body, object_pairs_hook=_noting), "", out)
    except (ValueError, RecursionError):
        return ()  # orjson took what json does not (both refuse what is not JSON)
    return tuple(out[:MAX_DUPLICATES])


def _find_twice(value: Any, path: str, out: list[str]) -> None:
    if isinstance(value, dict):
        dot = f"{path}." if path else ""
        if isinstance(value, _Twice):
            out.extend(dot + key for key in value.keys_twice)
        for key, below in value.items():
            _find_twice(below, dot + key, out)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            _find_twice(below, f"{path}[{index}]", out)
