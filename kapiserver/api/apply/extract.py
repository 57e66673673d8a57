"""Which fields an object has: as its applier owns them, and as the one who added them does.

The two differ in what they say of containers. Whoever applies a config owns its leaves, the items
of its lists and the keys of its maps (`field_set`). Whoever adds something new also owns the
places of the containers that were not there before (`added`, `added_to_nothing`).
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply.elements import SELF
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet
from kapiserver.api.apply.types import LEAF, Field, ListType, MapType, Type
from kapiserver.api.apply.zero import MISSING


class ListError(ValueError):
    """Items of a list without identity, or with the same one."""


def field_set(kind: Type, value: Any, *, strict: bool = False) -> FieldSet:
    """What somebody who applies `value` owns below its place.

    `strict`: ListError for lists that cannot merge. Otherwise items that occur twice are owned as
    one, without their fields.
    """
    if not value or kind is LEAF:
        return EMPTY
    if value.__class__ is dict and kind.__class__ is MapType:
        return _of_map(kind, value, strict)
    if value.__class__ is list and kind.__class__ is ListType:
        return _of_list(kind, value, strict)
    return EMPTY


def _of_map(kind: MapType, value: dict[str, Any], strict: bool) -> FieldSet:
    out: FieldSet = {}
    fields = kind.fields
    for name, below in value.items():
        field = fields.get(name)
        if field is None:
            element, below_type = kind.step(name)
            inner = field_set(below_type, below, strict=strict)
            out[element] = {SELF: MEMBER, **inner} if inner else MEMBER
            continue
        below_type = field.type
        if below_type is LEAF or below is None:
            out[field.element] = MEMBER
        elif below.__class__ is dict:
            if below and below_type.__class__ is MapType:
                inner = _of_map(below_type, below, strict)
                if inner:  # else it holds nothing but lists that say nothing
                    out[field.element] = inner
            else:
                out[field.element] = MEMBER
        elif below.__class__ is list and below_type.__class__ is ListType:
            if below:  # an empty list that merges by item says nothing
                out[field.element] = _of_list(below_type, below, strict)
        else:
            out[field.element] = MEMBER
    return out


def _of_list(kind: ListType, items: list[Any], strict: bool) -> FieldSet:
    out: FieldSet = {}
    twice = False
    for item in items:
        element = kind.element_of(item)
        if element is None:
            if strict:
                raise ListError
            continue
        if element in out:
            if strict:
                raise ListError
            twice = True
            out[element] = MEMBER
            continue
        inner = field_set(kind.item, item, strict=strict)
        out[element] = {SELF: MEMBER, **inner} if inner else MEMBER
    if twice:
        for element in repeated(kind, items):
            out[element] = MEMBER
    return out


def repeated(kind: ListType, items: list[Any]) -> set[str]:
    """The path elements that more than one item has."""
    seen: set[str] = set()
    twice: set[str] = set()
    for item in items:
        element = kind.element_of(item)
        if element is not None:
            (twice if element in seen else seen).add(element)
    return twice


def added(kind: Type, value: Any) -> FieldSet:
    """The node of a value where there was nothing: it, and all that is below."""
    if not value or kind is LEAF:
        return MEMBER
    if value.__class__ is dict:
        if kind.__class__ is not MapType:
            return MEMBER
        out: FieldSet = {SELF: MEMBER}
        fields = kind.fields
        for name, below in value.items():
            field = fields.get(name)
            if field is not None:
                below_type = field.type
                element = field.element
            else:
                element, below_type = kind.step(name)
            out[element] = MEMBER if below_type is LEAF or not below else added(below_type, below)
        for name, element in kind.nulls:
            if name not in value:
                out[element] = MEMBER
        return out
    if value.__class__ is not list or kind.__class__ is not ListType:
        return MEMBER
    out = {SELF: MEMBER}
    item_type = kind.item
    element_of = kind.element_of
    twice = False
    for item in value:
        known = element_of(item)
        if known is not None:
            twice = twice or known in out
            out[known] = added(item_type, item)
    if twice:
        for element in repeated(kind, value):
            out[element] = MEMBER
    return out


def added_to_nothing(kind: Type, value: Any) -> FieldSet:
    """What somebody who creates the object `value` owns: what a zero object does not have."""
    if value.__class__ is not dict or kind.__class__ is not MapType:
        return EMPTY
    out: FieldSet = {}
    fields = kind.fields
    for name, below in value.items():
        field = fields.get(name)
        if field is None:
            element, below_type = kind.step(name)
            out[element] = added(below_type, below)
        elif field.zero is MISSING:
            below_type = field.type
            out[field.element] = (
                MEMBER if below_type is LEAF or not below else added(below_type, below)
            )
        else:
            node = _added_to_zero(field, below)
            if node is not None:
                out[field.element] = node
    return out


def _added_to_zero(field: Field, value: Any) -> FieldSet | None:
    """The node of a field that is always there; None if it is as it would be without it."""
    zero, kind = field.zero, field.type
    if value == zero and value.__class__ is zero.__class__:
        return None
    if kind is LEAF or not value:
        return MEMBER
    if zero.__class__ is dict and value.__class__ is dict and kind.__class__ is MapType:
        return added_to_nothing(kind, value) or None
    node = added(kind, value)
    if SELF in node and len(node) > 1:  # the place was there, as null
        return {element: below for element, below in node.items() if element != SELF}
    return node
