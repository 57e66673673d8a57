"""Sets that were recorded under another schema: what was atomic then may merge now, and vice versa.

In: a set, the type of today, the live object. Out: the same set, or one that fits. Whoever owned a
whole container owns everything in it; whoever owned a part of what is now atomic owns all of it.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply.elements import SELF
from kapiserver.api.apply.extract import field_set
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet
from kapiserver.api.apply.types import DEDUCED, LEAF, ListType, MapType, Type


def reconcile(kind: Type, fields: FieldSet, live: Any) -> FieldSet:
    """The set for today's schema; the very same one if nothing changed."""
    changed: FieldSet | None = None
    for element, node in fields.items():
        inner = _inner(kind, element)
        if inner is LEAF:
            if not node:
                continue
            new = MEMBER
        elif inner is None or inner is DEDUCED:
            continue
        else:
            value = _value(kind, live, element)
            if node:
                new = reconcile(inner, node, value)
            else:
                owned = field_set(inner, value) if value else EMPTY
                new = {SELF: MEMBER, **owned} if owned else node
        if new is not node:
            changed = dict(fields) if changed is None else changed
            changed[element] = new
    return fields if changed is None else changed


def _inner(kind: Type, element: str) -> Type | None:
    """The type of what an element leads to; None where the schema knows nothing like that."""
    if kind.__class__ is MapType:
        field = kind.fields.get(element[2:])
        if field is not None:
            return field.type
        return kind.values if element[0] == "f" else None
    if kind.__class__ is ListType and element[0] in "kv":
        return kind.item
    return None


def _value(kind: Type, live: Any, element: str) -> Any:
    if kind.__class__ is MapType:
        return live.get(element[2:]) if live.__class__ is dict else None
    if isinstance(kind, ListType) and live.__class__ is list:
        found = [item for item in live if kind.element_of(item) == element]
        return found[0] if len(found) == 1 else None  # who occurs twice is owned as one
    return None
