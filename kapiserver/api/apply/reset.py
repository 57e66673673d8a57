"""What a way of writing cannot change, whatever is sent: it is never owned through it.

The main resource does not write status, /status writes nothing but status and metadata, and where
something writes less, its definition says so. As upstream's strategies do (their reset fields).
"""

from __future__ import annotations

from typing import NamedTuple

from kapiserver.api.apply.elements import of_field
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet, of_paths, within, without_trees
from kapiserver.api.apply.types import MapType, Type
from kapiserver.resources.definition import ALL_METADATA, ResourceDefinition, Subresource

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


def reach_of(
    definition: ResourceDefinition, kind: Type, subresource: str, *, custom: bool
) -> Reach:
    """Custom resources take nothing but status through /status."""
    declared = definition.subresource(subresource) if subresource else definition.strategy
    if isinstance(declared, Subresource) and declared.changes:
        return Reach(only=_trees(*declared.changes))
    if declared is not None and declared.keeps:
        return Reach(_trees(*declared.keeps))
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
