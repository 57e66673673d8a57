"""JSON bodies to Python values, with Go's wording for what cannot be read.

In: bytes. Out: a decoded value, or `Unreadable` with the text of the Go decoder. Also: which keys
occur twice in the same object, which plain decoding cannot tell afterwards.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import orjson

# What is read must be written again, and orjson writes 254 levels.
TOO_DEEP = "exceeded max depth"
MAX_DUPLICATES = 100
# What an object may hold. Rules cost up to 20 µs for each object in it; one that is small enough to
# be stored has far fewer of them, and of other values.
MAX_OBJECTS = 50_000
MAX_VALUES = 250_000


class Unreadable(ValueError):
    """The body is not of its format. The text is for the client."""


# --- JSON ------------------------------------------------------------------------------------

# What orjson says (left) and where that is to Go (right); the first hit counts.
_JSON_CONTEXTS = (
    ("expected ':'", "after object key"),
    ("expected ',' or '}'", "after object key:value pair"),
    ("expected ',' or ']'", "after array element"),
    ("string key", "looking for beginning of object key string"),
    ("after document", "after top-level value"),
    ("control character", "in string literal"),
    ("escaped sequence", "in string escape code"),
    ("leading zero", "after object key:value pair"),
)


def read_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_json_problem(body, error)) from None


def encoded_again(value: Any) -> bytes:
    """What cannot be written again cannot be stored: mostly, it nests too deep or is too much."""
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Unreadable(TOO_DEEP if "Recursion" in str(error) else str(error)) from error
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
            raise Unreadable(
                f"more than {MAX_OBJECTS} objects or {MAX_VALUES} values within an object"
            )


def in_key_order(written: bytes) -> bytes:
    """JSON with the keys of all objects in order, as Go writes what it has in maps."""
    return orjson.dumps(orjson.loads(written), option=orjson.OPT_SORT_KEYS)


def _json_problem(body: bytes, error: orjson.JSONDecodeError) -> str:
    # The position counts characters of the text, which differs from bytes beyond ASCII.
    text = body.decode("utf-8", "replace")
    said = error.msg
    if "depth" in said:
        return TOO_DEEP
    if "UTF-8" in said:
        return "invalid UTF-8 in string literal"
    if "surrogate" in said:
        return "invalid surrogate pair in string escape code"
    at = error.pos
    if "trailing comma" in said:
        closing = re.compile(r"\s*([\]}])").match(text, at + 1)
        if closing is not None:
            place = "value" if closing[1] == "]" else "object key string"
            return f"invalid character '{closing[1]}' looking for beginning of {place}"
    if at >= len(text) or "end of data" in said:
        return "unexpected end of JSON input"
    where = next(
        (go for orj, go in _JSON_CONTEXTS if orj in said), "looking for beginning of value"
    )
    return f"invalid character {_go_char(text[at])} {where}"


def _go_char(char: str) -> str:
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    return f"'{json.dumps(char)[1:-1]}'"


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
