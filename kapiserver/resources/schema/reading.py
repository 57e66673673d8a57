"""Bodies to Python values: JSON and YAML, with Go's wording for what cannot be read.

In: bytes. Out: a decoded value, or `Unreadable` with the text of the Go decoder. Also: which keys
occur twice in the same object, which plain decoding cannot tell afterwards.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import orjson
import ryaml

MAX_BODY = 3 * 1024 * 1024  # one request's body, as kube-apiserver limits it
# What is read must be written again, and orjson writes 254 levels. (ryaml reads 128, and refuses
# aliases that multiply.)
MAX_DEPTH = 254
TOO_DEEP = "exceeded max depth"
MAX_DUPLICATES = 100


class Unreadable(ValueError):
    """The body is not JSON or YAML. The text is for the client."""


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
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_json_problem(body, error)) from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:  # few bodies are, or could be, that deep
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError:
            raise Unreadable(TOO_DEEP) from None
    return value


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


def has_duplicates(body: bytes, decoded: Any) -> bool:
    """Whether any key of a JSON body was lost to another of the same name.

    Decoding keeps one of them, so the body has more keys than what came out of it.
    """
    return _colons(body) != _colons(orjson.dumps(decoded))


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


# --- YAML ------------------------------------------------------------------------------------


def read_yaml(body: bytes) -> Any:
    """One YAML document as its JSON value. Keys become strings, as when YAML is sent as JSON."""
    if body.lstrip()[:1] == b"{":  # JSON is YAML, and what kubectl sends under this name
        try:
            return read_json(body)
        except Unreadable:
            pass  # flow style is YAML's own
    try:
        return _json_value(ryaml.loads(body.decode("utf-8")))
    except UnicodeDecodeError:
        raise Unreadable("yaml: control characters are not allowed") from None
    except ValueError as error:  # InvalidYamlError is one
        raise Unreadable(f"yaml: {error}") from None


def _json_value(value: Any) -> Any:
    match value:
        case dict():
            return _json_object(value)
        case list():
            return [_json_value(item) for item in value]
        case float():
            if not math.isfinite(value):
                raise Unreadable(f"yaml: cannot convert {value} to JSON")
            # `1.0` in YAML is 1 in the JSON that upstream makes of it.
            return int(value) if value.is_integer() and abs(value) < 1e21 else value
    return value


def _json_object(value: dict[Any, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    merged = value.get("<<")
    for base in merged if isinstance(merged, list) else [merged]:
        if isinstance(base, dict):
            out = {**_json_object(base), **out}
    for key, below in value.items():
        if key == "<<" and isinstance(below, (dict, list)):
            continue
        out[_key(key)] = _json_value(below)
    return out


def _key(key: Any) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int() | float():
            return str(_json_value(key))
    raise Unreadable("yaml: unsupported key: only strings, numbers and booleans can be keys")
