"""Taking fields out of an object, and the closure of a set over named fields that this needs.

A member of a set that is a whole container goes with everything in it; a container of which only
parts go stays, as null if nothing is left (typed decoding drops it then).
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply.elements import SELF
from kapiserver.api.apply.sets import MEMBER, FieldSet, below, is_member
from kapiserver.api.apply.types import LEAF, ListType, MapType, Type


def remove(kind: Type, value: Any, fields: FieldSet) -> Any:
    """`value` without the members of `fields`; it shares parts with the original."""
    if kind is LEAF or not fields:
        return value
    if value.__class__ is dict and kind.__class__ is MapType:
        return _from_map(kind, value, fields) or None
    if value.__class__ is list and kind.__class__ is ListType:
        return _from_list(kind, value, fields) or None
    return value


def _from_map(kind: MapType, value: dict[str, Any], fields: FieldSet) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, inner in value.items():
        element, inner_type = kind.step(name)
        node = fields.get(element)
        if node is None:
            out[name] = inner
        elif not is_member(node):
            out[name] = remove(inner_type, inner, below(fields, element))
    return out


def _from_list(kind: ListType, items: list[Any], fields: FieldSet) -> list[Any]:
    out: list[Any] = []
    for item in items:
        element = kind.element_of(item)
        node = fields.get(element) if element is not None else None
        if node is None:
            out.append(item)
        elif not is_member(node):
            left = remove(kind.item, item, node)
            if left is not None:
                out.append(left)
    return out


def with_named_fields(kind: Type, fields: FieldSet) -> FieldSet:
    """The set with every fixed field in it below which it has members."""
    out: FieldSet = {}
    for element, node in fields.items():
        if not node or element == SELF:
            out[element] = node
            continue
        inner: Type = LEAF
        named = False
        if kind.__class__ is MapType and element[0] == "f":
            name = element[2:]
            named = name in kind.fields
            inner = kind.step(name)[1]
        elif kind.__class__ is ListType and element[0] == "k":
            inner = kind.item
        closed = with_named_fields(inner, node)
        out[element] = {SELF: MEMBER, **closed} if named else closed
    return out
