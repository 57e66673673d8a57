"""Sets that were recorded under another schema: what merged then may be atomic now.

In: a set, the type of today. Out: the same set, or one that fits. Whoever owned a part of what is
now atomic owns all of it. The other way round nothing changes: a set does not tell whether the
container in it was atomic or empty, so its owner keeps the container alone.
"""

from __future__ import annotations

from kapiserver.api.apply.sets import MEMBER, FieldSet
from kapiserver.api.apply.types import DEDUCED, LEAF, ListType, MapType, Type


def reconcile(kind: Type, fields: FieldSet) -> FieldSet:
    """The set for today's schema; the very same one if nothing changed."""
    changed: FieldSet | None = None
    for element, node in fields.items():
        if not node:
            continue
        inner = _inner(kind, element)
        if inner is LEAF:
            new = MEMBER
        elif inner is None or inner is DEDUCED:
            continue
        else:
            new = reconcile(inner, node)
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
