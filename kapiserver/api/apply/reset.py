"""Fields that a way of writing puts back whatever is sent: they are never owned through it.

The main resource does not write status, /status writes nothing but status and metadata, and a few
subresources write less. As upstream's strategies declare it (their reset fields).
"""

from __future__ import annotations

from kapiserver.api.apply.elements import of_field
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet, of_paths
from kapiserver.api.apply.types import MapType, Type
from kapiserver.resources.definition import ResourceDefinition

_ENVELOPE = ("apiVersion", "kind", "metadata", "status")

# Metadata that /status leaves alone, by resource. Other resources take metadata through /status.
_ALL: tuple[str, ...] = ()
_STATUS_KEEPS: dict[str, tuple[str, ...]] = {
    "customresourcedefinitions.apiextensions.k8s.io": _ALL,
    "deployments.apps": ("labels",),
    "flowschemas.flowcontrol.apiserver.k8s.io": _ALL,
    "ipaddresses.networking.k8s.io": _ALL,
    "pods": ("deletionTimestamp", "ownerReferences"),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": _ALL,
    "resourceclaims.resource.k8s.io": _ALL,
    "servicecidrs.networking.k8s.io": _ALL,
}


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
        kept = _ALL if custom else _STATUS_KEEPS.get(definition.resource)
        if kept is not None:
            metadata = [("f:metadata", of_field(name)) for name in kept]
            out["f:metadata"] = of_paths(*metadata)["f:metadata"] if metadata else MEMBER
        return out
    if definition.subresource("status") is not None:
        return {of_field("status"): MEMBER}
    return EMPTY
