"""Why a strategically merged document does not fit its type, in the words that are used there.

Upstream does not encode such a document and decode it again, as it does for other patches: it fills
structs from maps, and what that says of a wrong value is not what a JSON decoder says.

In: schemas, a node, a document. Out: the first fault, or "" where only a decoder finds one. Numbers
are converted there: a whole float fits an integer, and what is too large for 32 bits loses the bits
above them.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form, Node

_GO_KINDS = {
    Form.STRING: "string",
    Form.BOOL: "bool",
    Form.INT32: "int32",
    Form.INT64: "int64",
    Form.FLOAT: "float64",
}
_BITS = {Form.INT32: 32, Form.INT64: 64}
_NUMBERS = ("int32", "int64", "float64")


def fault(schemas: SchemaSet, place: Node, value: Any) -> str:
    if value is None:
        return ""
    node = schemas.resolve(place)
    form = node.form
    wanted = _GO_KINDS.get(form)
    if wanted is not None:
        return _scalar_fault(wanted, value)
    if form is Form.LIST:
        if not isinstance(value, list):
            return f"cannot restore slice from {_kind(value)}"
        return _first(schemas, [(node.item, item) for item in value])
    if form is Form.MAP:
        if not isinstance(value, dict):
            return f"cannot restore map from {_kind(value)}"
        return _first(schemas, [(node.item, item) for item in value.values()])
    if form is Form.STRUCT:
        if not isinstance(value, dict):
            return f"cannot restore struct from: {_kind(value)}"
        return _first(schemas, [(field, value.get(name)) for name, field in node.fields.items()])
    return ""


def whole_numbers(schemas: SchemaSet, place: Node, value: Any) -> Any:
    """The value with its numbers as integers where the schema wants those."""
    if value is None:
        return None
    node = schemas.resolve(place)
    bits = _BITS.get(node.form)
    if bits is not None:
        half = 1 << (bits - 1)
        return (int(value) + half) % (2 * half) - half
    if node.form is Form.LIST and node.item is not None:
        value[:] = [whole_numbers(schemas, node.item, item) for item in value]
    elif node.form is Form.MAP and node.item is not None:
        for name, inner in value.items():
            value[name] = whole_numbers(schemas, node.item, inner)
    elif node.form is Form.STRUCT:
        for name, field in node.fields.items():
            if name in value:
                value[name] = whole_numbers(schemas, field, value[name])
    return value


def _first(schemas: SchemaSet, places: list[tuple[Node | None, Any]]) -> str:
    for place, value in places:
        found = fault(schemas, place, value) if place is not None else ""
        if found:
            return found
    return ""


def _scalar_fault(wanted: str, value: Any) -> str:
    """Go converts between numbers, and would make a character of an integer: that is refused."""
    given = _kind(value)
    if given == wanted:
        return ""
    if given in _NUMBERS and wanted in _NUMBERS:
        if given == "float64" and value != int(value):
            return f"cannot convert {given} to {wanted}"
        return ""
    if given == "int64" and wanted == "string":
        return f"cannot convert {given} to {wanted}"
    return f"unrecognized type: {wanted}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    return "slice" if isinstance(value, list) else "map"
