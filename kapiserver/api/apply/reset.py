"""What a way of writing cannot change, whatever is sent: it is never owned through it.

The main resource does not write status, /status writes nothing but status and metadata, and a few
resources and subresources write less. As upstream's strategies declare it (their reset fields).
"""

from __future__ import annotations

from typing import NamedTuple

from kapiserver.api.apply.elements import of_field
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet, of_paths, within, without_trees
from kapiserver.api.apply.types import MapType, Type
from kapiserver.resources.definition import ALL_METADATA, ResourceDefinition

_ENVELOPE = ("apiVersion", "kind", "metadata", "status")


class Reach(NamedTuple):
    """What a way of writing changes: all but the trees of `resets`, or nothing but those of `only`
    (where `*` stands for every element)."""

    resets: FieldSet = EMPTY
    only: FieldSet = EMPTY

    def kept(self, fields: FieldSet) -> FieldSet:
        """What of a set can be owned."""
        if self.only:
            return within(fields, self.only)
        return without_trees(fields, self.resets)


EVERYTHING = Reach()


def _trees(*paths: str) -> FieldSet:
    return of_paths(
        *(tuple(name if name == "*" else of_field(name) for name in p.split(".")) for p in paths)
    )


# (group, resource, subresource), where the rules of `reach_of` do not hold
_EXCEPTIONS = {
    ("", "pods", "ephemeralcontainers"): Reach(only=_trees("spec.ephemeralContainers")),
    ("", "pods", "resize"): Reach(
        only=_trees(
            "spec.containers.*.resources",
            "spec.containers.*.resizePolicy",
            "spec.initContainers.*.resources",
            "spec.initContainers.*.resizePolicy",
        )
    ),
    ("certificates.k8s.io", "certificatesigningrequests", ""): Reach(_trees("spec", "status")),
    ("certificates.k8s.io", "certificatesigningrequests", "status"): Reach(
        _trees("spec", "status.conditions")
    ),
    ("certificates.k8s.io", "certificatesigningrequests", "approval"): Reach(
        _trees("spec", "status.certificate")
    ),
}


def reach_of(
    definition: ResourceDefinition, kind: Type, subresource: str, *, custom: bool
) -> Reach:
    """Custom resources take nothing but status through /status."""
    exception = _EXCEPTIONS.get((definition.group, definition.plural, subresource))
    if exception is not None:
        return exception
    names = kind.fields if isinstance(kind, MapType) else {}
    if subresource == "status":
        out = {of_field(name): MEMBER for name in names if name not in _ENVELOPE}
        out.setdefault(of_field("spec"), MEMBER)  # custom resources may not declare theirs
        kept = ALL_METADATA if custom else definition.strategy.status_keeps
        if kept == ALL_METADATA:
            out["f:metadata"] = MEMBER
        elif kept:
            out.update(of_paths(*(("f:metadata", of_field(name)) for name in kept)))
        return Reach(out)
    if definition.subresource("status") is not None:
        return Reach({of_field("status"): MEMBER})
    return EVERYTHING
