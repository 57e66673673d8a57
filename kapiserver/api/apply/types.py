"""A schema as ownership sees it: what merges field by field, what merges item by item, what is one
indivisible value.

In: nodes of the schema set. Out: `MapType` (objects with fixed fields, maps), `ListType` (sets, and
lists whose items have keys), `LEAF` (scalars and everything atomic), all made once per definition
and shared. Free-form data is `DEDUCED`: its objects are maps, its lists and scalars are leaves.
Types of definitions refer to each other in circles, so they are filled in after they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kapiserver.api.apply.elements import of_field, of_key, of_value
from kapiserver.api.apply.zero import MISSING, zero_of
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form, Node


class Leaf:
    """One value that has one owner."""

    __slots__ = ()


class Field:
    """A fixed field: its path element, its type, and what it counts as when it is absent.

    `zero` is MISSING for most: they count as absent. The others cannot be absent in the program
    that the API comes from (structs by value, lists that are always written): nobody adds them.
    """

    __slots__ = ("element", "type", "zero")

    def __init__(self, name: str, type: Type, zero: Any) -> None:
        self.element = of_field(name)
        self.type = type
        self.zero = zero


class MapType:
    """An object. `values`: the type of what has no `Field`; None where there is no such thing."""

    __slots__ = ("fields", "free", "nulls", "values")

    def __init__(self) -> None:
        self.free: bool | None = None  # see holds_free_form
        self.fields: dict[str, Field] = {}
        self.values: Type | None = None
        self.nulls: tuple[tuple[str, str], ...] = ()  # fields written as null if they are absent

    def step(self, name: str) -> tuple[str, Type]:
        """The path element and the type of a member."""
        field = self.fields.get(name)
        if field is not None:
            return field.element, field.type
        return of_field(name), self.values or DEDUCED


class ListType:
    """A list whose items have an identity: their value, or some of their fields (`keys`)."""

    __slots__ = ("free", "item", "keys")

    def __init__(self, keys: tuple[tuple[str, Any], ...]) -> None:
        self.free: bool | None = None  # see holds_free_form
        self.keys = keys  # (name, default or MISSING), by name
        self.item: Type = LEAF

    def element_of(self, item: Any) -> str | None:
        """The path element of an item; None for an item that has no identity."""
        if not self.keys:
            return None if item is None or item.__class__ in (dict, list) else of_value(item)
        if item.__class__ is not dict:
            return None
        key: dict[str, Any] = {}
        for name, default in self.keys:
            value = item.get(name, default)
            if value is not MISSING:
                key[name] = value
        return of_key(key) if key else None


Type = Leaf | MapType | ListType

LEAF = Leaf()
DEDUCED = MapType()
DEDUCED.values = DEDUCED


def holds_free_form(kind: Type) -> bool:
    """Whether there is a place for free-form data in or below a type; found out once."""
    if isinstance(kind, Leaf):
        return False
    if kind.free is None:
        seen: set[int] = set()
        kind.free = any(found is DEDUCED for found in _reachable(kind, seen))
    return kind.free


def _reachable(kind: Type, seen: set[int]) -> Iterator[Type]:
    if isinstance(kind, Leaf) or id(kind) in seen:
        return
    seen.add(id(kind))
    yield kind
    if isinstance(kind, ListType):
        yield from _reachable(kind.item, seen)
        return
    for field in kind.fields.values():
        yield from _reachable(field.type, seen)
    if kind.values is not None:
        yield from _reachable(kind.values, seen)


_FREE = (Form.ANY, Form.OBJECT, Form.SCHEMA_OR_ARRAY, Form.SCHEMA_OR_BOOL, Form.SCHEMA_OR_STRINGS)


class FieldTypes:
    """The types of a schema set, by definition, made when first asked for: by whom ever, also by
    threads. So nobody finds a type before it is whole; one that is made twice is the same."""

    def __init__(self, schemas: SchemaSet) -> None:
        self.schemas = schemas
        self._made: dict[str, tuple[Node, Type]] = {}

    def of(self, definition: str) -> Type:
        """KeyError for a name that the schema set does not have."""
        return self.known(definition) or self._whole(lambda making: making.of(definition))

    def at(self, place: Node) -> Type:
        """The type of a place in a schema."""
        return self._whole(lambda making: making.type(place))

    def known(self, definition: str) -> Type | None:
        made = self._made.get(definition)
        # a definition that was replaced has a new node
        return made[1] if made is not None and made[0] is self.schemas.node(definition) else None

    def _whole(self, make: Callable[[_Making], Type]) -> Type:
        making = _Making(self)
        found = make(making)
        self._made.update(making.made)
        return found


class _Making:
    """Makes types that lead to each other, maybe in circles."""

    def __init__(self, types: FieldTypes) -> None:
        self.made: dict[str, tuple[Node, Type]] = {}
        self._types = types
        self._schemas = types.schemas

    def of(self, definition: str) -> Type:
        known = self._types.known(definition)
        if known is not None:
            return known
        made = self.made.get(definition)
        return self._define(definition) if made is None else made[1]

    def _define(self, name: str) -> Type:
        node = self._schemas.node(name)
        if node.form is not Form.STRUCT or node.map_type == "atomic":
            made = self.type(node)
            self.made[name] = node, made
            return made
        shell = MapType()
        self.made[name] = node, shell  # before its fields, which may lead back to it
        self._fill(shell, node)
        return shell

    def type(self, node: Node) -> Type:
        """The type of a place. What the place says of itself counts before its definition."""
        if node.map_type == "atomic":
            return LEAF
        if node.form is Form.REF:
            return self._granular(node.ref) if node.map_type == "granular" else self.of(node.ref)
        if node.form in _FREE:
            return DEDUCED
        if node.form is Form.LIST:
            return self._list(node)
        if node.form in (Form.STRUCT, Form.MAP):
            made = MapType()
            self._fill(made, node)
            return made
        return LEAF

    def _granular(self, definition: str) -> Type:
        """A definition at a place that merges its fields, even if it is atomic elsewhere."""
        node = self._schemas.node(definition)
        if node.form is not Form.STRUCT or node.map_type != "atomic":
            return self.of(definition)
        made = MapType()
        self._fill(made, node)
        return made

    def _list(self, node: Node) -> Type:
        if node.item is None or node.list_type not in ("set", "map"):
            return LEAF
        if node.list_type == "set":
            return ListType(())
        if not node.list_map_keys:
            return LEAF
        fields = self._schemas.resolve(node.item).fields
        defaults = []
        for name in sorted(node.list_map_keys):
            declared = fields[name].default if name in fields else None
            defaults.append((name, MISSING if declared is None else declared))
        made = ListType(tuple(defaults))
        made.item = self.type(node.item)
        return made

    def _fill(self, made: MapType, node: Node) -> None:
        for name, place in node.fields.items():
            made.fields[name] = Field(name, self.type(place), zero_of(place))
        made.nulls = tuple(
            (name, field.element) for name, field in made.fields.items() if field.zero is None
        )
        if node.form is Form.MAP and node.item is not None:
            made.values = self.type(node.item)
        elif node.preserve:
            made.values = DEDUCED
