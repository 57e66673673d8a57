"""Path elements: one step from an object to a field or to an item of a list, as FieldsV1 writes it.

`f:name` is a field, `k:{"name":"x"}` the item with that key, `v:"x"` the item of that value (sets),
`i:0` the item of that index. `.` is not an element: it says that the place itself is in the set.
A step has exactly one spelling here (compact JSON, sorted keys), so that steps compare as strings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kapiserver.api.go_text import quoted

SELF = "."
_INDEX = re.compile(r"[+-]?[0-9]{1,18}")


class ElementError(ValueError):
    """Not a path element."""


def of_field(name: str) -> str:
    return "f:" + name


def of_value(value: Any) -> str:
    return "v:" + orjson.dumps(value).decode()


def of_key(fields: Mapping[str, Any]) -> str:
    """`fields` in the order of their names."""
    return "k:" + orjson.dumps(fields).decode()


def canonical(element: str) -> str | None:
    """The one spelling of an element that came from outside; None for kinds of a later version."""
    kind, rest = element[:2], element[2:]
    if len(element) < 2:
        raise ElementError("key must be 2 characters long:")
    if kind[1] != ":":
        raise ElementError(f"missing colon: {element}")
    match kind:
        case "f:":
            return element
        case "v:":
            return of_value(_json(rest))
        case "k:":
            fields = _json(rest)
            if not isinstance(fields, dict):
                raise ElementError(f"a key must be an object: {element}")
            return of_key({name: fields[name] for name in sorted(fields)})
        case "i:":
            if _INDEX.fullmatch(rest) is None:
                raise ElementError(f"not an index: {element}")
            return f"i:{int(rest)}"
    return None


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ElementError(f"not JSON: {text}") from error


def shown(path: Sequence[str]) -> str:
    """A path as messages show it: `.spec.containers[name="a"].image`."""
    return "".join(map(_shown, path))


def _shown(element: str) -> str:
    kind, rest = element[:2], element[2:]
    match kind:
        case "f:":
            return "." + rest
        case "k:":
            fields = orjson.loads(rest)
            return "[" + ",".join(f"{k}={_value(v)}" for k, v in fields.items()) + "]"
        case "v:":
            return f"[={_value(orjson.loads(rest))}]"
    return f"[{rest}]"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "".join(f"{name}={_value(inner)}" for name, inner in value.items())
    return orjson.dumps(value).decode()


def order(element: str) -> tuple[Any, ...]:
    """Fields first, then keys, values, indexes: the order in which sets are listed and written."""
    kind, rest = element[0], element[2:]
    match kind:
        case "k":
            fields = orjson.loads(rest)
            return 1, tuple((name, _value_order(value)) for name, value in fields.items())
        case "v":
            return 2, _value_order(orjson.loads(rest))
        case "i":
            return 3, int(rest)
    return 0, rest


def _value_order(value: Any) -> tuple[int, Any]:
    """Numbers by value before strings, then booleans; what else there may be, by its text."""
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, orjson.dumps(value))
