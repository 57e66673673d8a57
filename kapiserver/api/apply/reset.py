"""Fields that a way of writing puts back whatever is sent: they are never owned through it.

The main resource does not write status, /status writes nothing but status and metadata, and a few
subresources write less. As upstream's strategies declare it (their reset fields).
"""

from __future__ import annotations

from kapiserver.api.apply.elements import of_field
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet, of_paths
from kapiserver.api.apply.types import MapType, Type
from kapiserver.resources.definition import ALL_METADATA, ResourceDefinition

_ENVELOPE = ("apiVersion", "kind", "metadata", "status")


def reset_fields(
    definition: ResourceDefinition, kind: Type, subresource: str, *, custom: bool
) -> FieldSet:
    """The set (whole trees) of what writing through `subresource` cannot change.

    Custom resources take nothing but status through /status.
    """
    names = kind.fields if isinstance(kind, MapType) else {}
    if subresource == "status":
        out = {of_field(name): MEMBER for name in names if name not in _ENVELOPE}
        out.setdefault(of_field("spec"), MEMBER)  # custom resources may not declare theirs
        kept = ALL_METADATA if custom else definition.strategy.status_keeps
        if kept == ALL_METADATA:
            out["f:metadata"] = MEMBER
        elif kept:
            out.update(of_paths(*(("f:metadata", of_field(name)) for name in kept)))
        return out
    if definition.subresource("status") is not None:
        return {of_field("status"): MEMBER}
    return EMPTY
