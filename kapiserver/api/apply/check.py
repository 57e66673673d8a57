"""Whether an applied config fits its schema: all that is wrong, in upstream's words.

Applied configs are not decoded into structs before they are merged, so this is where an unknown
field, a wrong type, or two items of a list with one key is found. Slow and thorough: it runs when
the quick checks say that something may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from kapiserver.api.apply.elements import of_field, shown
from kapiserver.api.apply.types import FieldTypes, ListType
from kapiserver.api.go_text import quoted
from kapiserver.resources.schema.nodes import Form, Node

_NUMBERS = (Form.INT32, Form.INT64, Form.FLOAT)
_STRINGS = (Form.STRING, Form.BYTES)
_SCALARS = (Form.QUANTITY, Form.INT_OR_STRING, Form.TIME, Form.MICRO_TIME)  # of any type
_OBJECTS = (Form.STRUCT, Form.MAP, Form.OBJECT)


def problems(types: FieldTypes, definition: str, config: Any) -> str:
    """Everything that is wrong, as one text; empty if nothing is."""
    found = list(_Check(types).value(types.schemas.node(definition), config, ""))
    if len(found) < 2:
        return "".join(found)
    return "errors:\n" + "\n".join(f"  {finding}" for finding in found)


def _finding(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text


class _Check:
    def __init__(self, types: FieldTypes) -> None:
        self._types = types
        self._schemas = types.schemas

    def value(self, place: Node, value: Any, path: str) -> Iterator[str]:
        if value is None:
            return
        node = self._schemas.resolve(place)
        form = node.form
        if form in _NUMBERS:
            if value.__class__ not in (int, float):
                yield _finding(path, f"expected numeric (int or float), got {_go_type(value)}")
        elif form in _STRINGS:
            if value.__class__ is not str:
                yield _finding(path, f"expected string, got {_go_syntax(value)}")
        elif form is Form.BOOL:
            if value.__class__ is not bool:
                yield _finding(path, f"expected boolean, got {_go_plain(value)}")
        elif form in _SCALARS:
            if value.__class__ in (dict, list):
                yield _finding(path, f"expected any scalar, got {_go_plain(value)}")
        elif form is Form.LIST:
            if value.__class__ is list:
                yield from self._items(place, node, value, path)
            else:
                yield _finding(path, f"expected list, got {_go_plain(value)}")
        elif form in _OBJECTS:
            if value.__class__ is dict:
                yield from self._members(node, value, path)
            else:
                yield _finding(path, f"expected map, got {_go_plain(value)}")

    def _members(self, node: Node, value: dict[str, Any], path: str) -> Iterator[str]:
        if node.form is Form.OBJECT:
            return
        for name, inner in value.items():
            below = path + shown((of_field(name),))
            place = node.item if node.form is Form.MAP else node.fields.get(name)
            if place is not None:
                yield from self.value(place, inner, below)
            elif not node.preserve and node.form is Form.STRUCT:
                yield _finding(below, "field not declared in schema")
                return

    def _items(self, place: Node, node: Node, items: list[Any], path: str) -> Iterator[str]:
        item = node.item
        if item is None:
            return
        kind = self._types.at(place)
        seen: set[str] = set()
        for index, value in enumerate(items):
            if kind.__class__ is not ListType:
                yield from self.value(item, value, f"{path}[{index}]")
                continue
            element = kind.element_of(value)
            if element is None:
                why = _no_identity(kind, node.list_map_keys, value)
                yield _finding(path, f"element {index}: {why}")
                return  # the items after it are not looked at
            if element in seen:
                yield _finding(path, f"duplicate entries for key {shown((element,))}")
            seen.add(element)
            yield from self.value(item, value, path + shown((element,)))


def _no_identity(kind: ListType, keys: tuple[str, ...], value: Any) -> str:
    if not kind.keys:
        if value.__class__ is dict:
            return "associative list without keys has an element that's a map type"
        if value.__class__ is list:
            return "not supported: associative list with lists as elements"
        return "associative list without keys has an element that's an explicit null"
    if value is None:
        return "associative list with keys may not have a null element"
    if value.__class__ is not dict:
        return "associative list with keys may not have non-map elements"
    names = "[" + " ".join(map(quoted, keys)) + "]"
    return (
        f"associative list with keys has an element that omits all key fields {names} (and doesn't "
        "have default values for any key fields)"
    )


def _go_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"


def _go_plain(value: Any) -> str:
    """%v of a wrapped value: the wrapper shows."""
    return "&{" + _plain(value) + "}"


def _plain(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_plain(item) for item in value) + "]"
    return str(value)


def _go_syntax(value: Any) -> str:
    """%#v of a wrapped value."""
    return f"&value.valueUnstructured{{Value:{_syntax(value)}}}"


def _syntax(value: Any) -> str:
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, dict):
        inner = ", ".join(f"{quoted(key)}:{_syntax(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_syntax(item) for item in value) + "}"
    return orjson.dumps(value).decode()
