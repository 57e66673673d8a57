"""What Go writes without being told: fields that an object always has, at their zero values.

In: an object that passed the checks. Out: the same object, changed in place, in one of three ways:

    FILL    structs and scalars that are always written are added: `status: {}`, `count: 0`
    FINISH  and so is every null: `rules: null`; this is what is stored, and what readers see
    OPEN    these nulls are taken out again

Between reading and storing, objects are without those nulls, for to a program in Go a nil list is
an empty one. Only fields that may lead to something are visited; walks are made once per
definition, when first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node
from kapiserver.resources.schema.shapes import Shape

if TYPE_CHECKING:
    from kapiserver.resources.schema.schemaset import SchemaSet


class Mode(Enum):
    FILL = "fill"
    FINISH = "finish"
    OPEN = "open"


FILL, FINISH, OPEN = Mode.FILL, Mode.FINISH, Mode.OPEN

Walk = Callable[[Any, Mode], None]


class _Later:
    """A walk that is made when it is first needed: most definitions are never met."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Walk]) -> None:
        self.make = make


# Zero values by form. What is not here is null in Go: a list, a map, bytes, a time, raw JSON.
ZEROS: Mapping[Form, Any] = {
    Form.STRING: "",
    Form.BOOL: False,
    Form.INT32: 0,
    Form.INT64: 0,
    Form.FLOAT: 0,
    Form.QUANTITY: "0",
    Form.INT_OR_STRING: 0,
}


class Completions:
    """Makes the walks of one schema set."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._made: dict[str, Walk] = {}

    def definition(self, name: str) -> Walk:
        found = self._made.get(name)
        if found is None:
            node = self._schemas.node(name)
            walk = self._struct(node) if node.form is Form.STRUCT else None
            found = self._made[name] = walk or _nothing
        return found

    def _struct(self, node: Node) -> Walk | None:
        zeros: list[tuple[str, Any]] = []
        structs: list[str] = []
        nulls: list[str] = []
        below: dict[str, _Later] = {}
        for name, field in node.fields.items():
            if field.shape is Shape.NULLABLE:
                nulls.append(name)
            elif field.shape is Shape.ALWAYS:
                if field.form is Form.REF:
                    structs.append(name)
                elif field.form in ZEROS:
                    zeros.append((name, ZEROS[field.form]))
                else:
                    nulls.append(name)
            later = self._below(field)
            if later is not None:
                below[name] = later
        if not (zeros or structs or nulls or below):
            return None
        return _fields(tuple(zeros), tuple(structs), tuple(nulls), dict(below))

    def _below(self, node: Node) -> _Later | None:
        """The walk of a place; None where there can be nothing to do."""
        match node.form:
            case Form.REF if node.ref != JSON_SCHEMA_PROPS:
                # A schema may be deep and all that is ever written into it unasked is the
                # expression of a rule that has none, which is refused anyway.
                return _Later(partial(self.definition, node.ref))
            case Form.STRUCT:
                walk = self._struct(node)
                return None if walk is None else _Later(lambda: walk)
            case Form.LIST if node.item is not None:
                item = self._below(node.item)
                return None if item is None else _Later(lambda: _items(item.make()))
            case Form.MAP if node.item is not None:
                value = self._below(node.item)
                return None if value is None else _Later(lambda: _values(value.make()))
        return None


def _nothing(value: Any, mode: Mode) -> None:
    """A definition in which nothing is ever absent."""


def _fields(
    zeros: tuple[tuple[str, Any], ...],
    structs: tuple[str, ...],
    nulls: tuple[str, ...],
    below: dict[str, Walk | _Later],
) -> Walk:
    inner_of = below.get

    def walk(value: Any, mode: Mode) -> None:
        if mode is OPEN:
            for name in nulls:
                if name in value and value[name] is None:
                    del value[name]
        else:
            for name, zero in zeros:
                if name not in value:
                    value[name] = zero
            for name in structs:
                if name not in value:
                    value[name] = {}
            if mode is FINISH:
                for name in nulls:
                    if name not in value:
                        value[name] = None
        for name, found in value.items():
            inner = inner_of(name)
            if inner is not None and found is not None:
                if isinstance(inner, _Later):
                    inner = below[name] = inner.make()
                inner(found, mode)

    return walk


def _items(item: Walk) -> Walk:
    def walk(value: Any, mode: Mode) -> None:
        for below in value:
            item(below, mode)

    return walk


def _values(item: Walk) -> Walk:
    def walk(value: Any, mode: Mode) -> None:
        for below in value.values():
            item(below, mode)

    return walk
