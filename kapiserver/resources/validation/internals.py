"""Values as messages show them where kube-apiserver prints a type of its own.

Such types have no JSON names: their fields go by their Go names, in the order of the type, and what
is absent is printed as its zero value. In: a decoded value and the shape of the type. Out: a value
to put into a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """`name` is what JSON calls it; a nested type has a shape."""

    name: str
    zero: Any = None
    shape: Shape | None = None


Shape = Mapping[str, Field]

_ANY_KEYS: Shape = {}
_SELECTOR: Shape = {
    "matchLabels": Field("matchLabels", None, _ANY_KEYS),
    "matchExpressions": Field(
        "matchExpressions",
        None,
        {"key": Field("key", ""), "operator": Field("operator", ""), "values": Field("values")},
    ),
}

# A pointer to something that is absent, as messages print it.
NIL = "null"


def text(name: str) -> Field:
    return Field(name, "")


def integer(name: str) -> Field:
    return Field(name, 0)


def flag(name: str) -> Field:
    return Field(name, False)


def struct(name: str, shape: Shape) -> Field:
    """Held by value: it is there even when JSON leaves it out."""
    return Field(name, {}, shape)


def mapping(name: str) -> Field:
    """Absent, it is null; its keys are data, and in order."""
    return Field(name, None, _ANY_KEYS)


def selector(name: str) -> Field:
    """A pointer to a label selector, which has the same names in JSON."""
    return Field(name, None, _SELECTOR)


def nested(name: str, shape: Shape) -> Field:
    """A pointer or a list: absent, it is null."""
    return Field(name, None, shape)


def alike(one: Any, other: Any, shape: Shape | None) -> bool:
    """Whether two decoded values are equal to kube-apiserver, which holds them in this shape: an
    empty list or map is as good as none, an empty struct is not."""
    if one == other:
        return True
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(alike(*pair, shape) for pair in pairs)
    if shape and isinstance(one, dict) and isinstance(other, dict):
        return all(alike(_held(one, f), _held(other, f), f.shape) for f in shape.values())
    return _nothing(one, shape) and _nothing(other, shape)


def _nothing(value: Any, shape: Shape | None) -> bool:
    return value is None or value == [] or (value == {} and shape is _ANY_KEYS)


def internal(value: Any, shape: Shape) -> Any:
    if isinstance(value, list):
        return [internal(item, shape) for item in value]
    if not isinstance(value, dict):
        return value
    if shape is _ANY_KEYS:
        return dict(sorted(value.items()))
    if shape is _SELECTOR:
        labels = dict(sorted((value.get("matchLabels") or {}).items()))
        parts = {"matchLabels": labels, "matchExpressions": value.get("matchExpressions")}
        return {name: part for name, part in parts.items() if part}
    return {go: _field(value, field) for go, field in shape.items()}


def _field(value: Mapping[str, Any], field: Field) -> Any:
    found = _held(value, field)
    return found if field.shape is None else internal(found, field.shape)


def _held(value: Mapping[str, Any], field: Field) -> Any:
    found = value.get(field.name)
    return field.zero if found is None else found
