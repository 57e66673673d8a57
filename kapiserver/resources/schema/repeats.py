"""Objects in which a key comes twice, as Go decodes them: the second value goes into the first.

In: a JSON body that has such, and the node of its type. Out: the decoded value. What a struct had
from the first value stays, unless the second says otherwise; so do entries of maps, and items of
lists, place by place. What has no struct (free-form data) is as the last value says. Slow: the body
is read again, by a reader that keeps every key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kapiserver.resources.schema.nodes import Form, Node
from kapiserver.resources.schema.shapes import Shape

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet

_LONGEST = 20  # digits of what 64 bits can hold, with a sign
_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1


class Pairs(list[tuple[str, Any]]):
    """An object with all its keys, in order."""


def read_pairs(body: bytes) -> Any:
    """Objects become `Pairs`. Raises ValueError and RecursionError."""
    return json.loads(body, object_pairs_hook=Pairs, parse_int=_whole)


def first_of_each(value: Any) -> Any:
    """What was read, with the first value of each key."""
    return _plain(value, first=True)


def merged(schemas: SchemaSet, node: Node, value: Any, old: Any = None) -> Any:
    """What was read, as it is decoded where there already is something."""
    node = schemas.resolve(node)
    if isinstance(value, Pairs):
        if node.form is Form.MAP and node.item is not None:
            entries = old if isinstance(old, dict) else {}
            for key, below in value:
                entries[key] = merged(schemas, node.item, below)
            return entries
        if node.form is Form.STRUCT and not node.preserve:
            return _struct(schemas, node, value, old if isinstance(old, dict) else {})
    elif isinstance(value, list) and node.form is Form.LIST and node.item is not None:
        items = old if isinstance(old, list) else []
        return [
            _item(schemas, node.item, below, items[index] if index < len(items) else None)
            for index, below in enumerate(value)
        ]
    return _plain(value)


def _struct(schemas: SchemaSet, node: Node, value: Pairs, old: dict[str, Any]) -> dict[str, Any]:
    for key, below in value:
        field = node.fields.get(key)
        if field is None:
            old[key] = _plain(below)
        elif below is not None:
            old[key] = merged(schemas, field, below, old.get(key))
        elif key not in old or _is_nilable(schemas, field):
            old[key] = None
    return old


def _item(schemas: SchemaSet, node: Node, value: Any, old: Any) -> Any:
    return old if value is None else merged(schemas, node, value, old)


def _is_nilable(schemas: SchemaSet, field: Node) -> bool:
    """Whether null takes away what was there; to a value that is no pointer it means nothing."""
    if field.shape in (Shape.POINTER, Shape.NULLABLE):
        return True
    return schemas.resolve(field).form not in (
        Form.STRUCT,
        Form.STRING,
        Form.BOOL,
        Form.INT32,
        Form.INT64,
        Form.FLOAT,
    )


def _plain(value: Any, *, first: bool = False) -> Any:
    if isinstance(value, Pairs):
        pairs = reversed(value) if first else value
        return {key: _plain(below, first=first) for key, below in pairs}
    if isinstance(value, list):
        return [_plain(below, first=first) for below in value]
    return value


def _whole(text: str) -> int | float:
    """As the fast reader has it: what 64 bits cannot hold is a float."""
    if len(text) <= _LONGEST:
        number = int(text)
        if _SMALLEST <= number <= _LARGEST:
            return number
    return float(text)
