"""A merged object becomes a typed one: as upstream fills structs from maps, not as JSON is decoded.

Numbers are converted there: a whole float fits an integer, and what is too large for 32 bits loses
the bits above them. Slow and rare: this runs when the decoder has found something wrong.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.patches.restoring import fault
from kapiserver.resources.definition import Object
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form, Node

_BITS = {Form.INT32: 32, Form.INT64: 64}
_NOT_BASE64 = "illegal base64"


def restore(schemas: SchemaSet, definition: str, obj: Object) -> str:
    """Make typed what can be, in place. What cannot: the first fault; empty if there is none."""
    place = schemas.node(definition)
    found = fault(schemas, place, obj)
    if found:
        return found
    _whole(schemas, place, obj)
    error = schemas.validator(definition).check(obj).error
    return f"error decoding from json: {error}" if error.startswith(_NOT_BASE64) else error


def _whole(schemas: SchemaSet, place: Node, value: Any) -> Any:
    """The value with its numbers as integers where the schema wants those."""
    if value is None:
        return None
    node = schemas.resolve(place)
    bits = _BITS.get(node.form)
    if bits is not None:
        half = 1 << (bits - 1)
        return (int(value) + half) % (2 * half) - half
    if node.form is Form.LIST and node.item is not None:
        value[:] = [_whole(schemas, node.item, item) for item in value]
    elif node.form is Form.MAP and node.item is not None:
        for name, inner in value.items():
            value[name] = _whole(schemas, node.item, inner)
    elif node.form is Form.STRUCT:
        for name, field in node.fields.items():
            if name in value:
                value[name] = _whole(schemas, field, value[name])
    return value
