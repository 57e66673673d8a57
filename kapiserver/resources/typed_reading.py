"""JSON in annotations as values of the types that it is meant for, as Go fills structs from it.

In: what was decoded, which may be anything. Out: what has a place in the type, without nulls; names
of fields may have capitals. Raises ValueError for a value of another type: then nothing of the
whole counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.schema.formats import canonical_time, stored_quantity

Reader = Callable[[Any], Any]

_INT32 = range(-(1 << 31), 1 << 31)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no string")
    return value


def integer(value: Any) -> int:
    if type(value) is not int or value not in _INT32:
        raise ValueError("no int32")
    return value


def quantity(value: Any) -> str:
    """Numbers are quantities, too."""
    if type(value) in (int, float):
        return stored_quantity(str(value))
    return stored_quantity(text(value))


def time(value: Any) -> str:
    return canonical_time(text(value))


def items(read: Reader) -> Reader:
    def read_items(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("no list")
        return [read(item) for item in value]

    return read_items


def entries(read: Reader) -> Reader:
    def read_entries(value: Any) -> Object:
        return {key: read(entry) for key, entry in _object(value).items()}

    return read_entries


def struct(**fields: Reader) -> Reader:
    def read_struct(value: Any) -> Object:
        held = fields_of(value)
        return {
            name: read(held[name.lower()]) for name, read in fields.items() if name.lower() in held
        }

    return read_struct


def fields_of(value: Any) -> Object:
    """The fields that are set, under their names in small letters."""
    return {name.lower(): field for name, field in _object(value).items() if field is not None}


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


SELECTOR = struct(
    matchLabels=entries(text),
    matchExpressions=items(struct(key=text, operator=text, values=items(text))),
)
