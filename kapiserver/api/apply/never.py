"""Identity and bookkeeping in metadata: what nobody ever owns."""

from __future__ import annotations

from kapiserver.api.apply.sets import MEMBER, FieldSet, difference

_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
_NEVER_OWNED: FieldSet = {
    "f:apiVersion": MEMBER,
    "f:kind": MEMBER,
    "f:metadata": {".": MEMBER, **{f"f:{name}": MEMBER for name in _METADATA}},
}


def ownable(fields: FieldSet) -> FieldSet:
    """Without identity and bookkeeping."""
    return difference(fields, _NEVER_OWNED)
