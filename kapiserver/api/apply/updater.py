"""The rules of ownership: what an update and an apply mean for the managers of an object.

In: the live and the new object or config, the table of managers, who writes. Out: the new table,
and for an apply the merged object. Pure; how objects look in other versions is asked of `Versions`.

Update: whoever gives a field a new value owns it, everybody else loses it; what is removed is
owned by nobody. Apply: the applier owns exactly its config; what it owned before and left out goes,
unless somebody else owns it; values that others own are conflicts, or taken by force.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from kapiserver.api.apply.compare import Comparison, compare
from kapiserver.api.apply.conflicts import Conflicted, conflicts_of
from kapiserver.api.apply.extract import field_set
from kapiserver.api.apply.managers import Identity, Managers, Owner
from kapiserver.api.apply.merge import merge
from kapiserver.api.apply.reconcile import reconcile
from kapiserver.api.apply.remove import remove, with_named_fields
from kapiserver.api.apply.reset import Reach
from kapiserver.api.apply.sets import (
    EMPTY,
    FieldSet,
    difference,
    intersection,
    union,
)
from kapiserver.api.apply.types import Type
from kapiserver.resources.definition import Object


class UnknownVersion(Exception):
    """No such version of this kind (any more): its managers are forgotten."""


class Versions(Protocol):
    """The versions of one kind. UnknownVersion from any method."""

    def type_of(self, api_version: str) -> Type: ...

    def convert(self, obj: Object, source: str, target: str) -> Object:
        """An object in another version; `obj` itself if they are the same. Changes nothing."""
        ...

    def reach(self, api_version: str) -> Reach:
        """What this way of writing changes."""
        ...


class Applied(NamedTuple):
    merged: Object
    managers: Managers


def update(
    versions: Versions, live: Object, new: Object, version: str, managers: Managers
) -> tuple[Managers, FieldSet]:
    """The table after an update, and what the update gave new values to (which the caller adds to
    what the writer had before)."""
    comparison = compare(versions.type_of(version), live, new).ownable()
    out = _reconciled(versions, managers)
    if comparison.same:
        return out, EMPTY
    out = _settle(versions, live, new, version, out, None, comparison, force=True)
    gained = versions.reach(version).kept(comparison.changed())
    return out, gained


def apply(
    versions: Versions,
    live: Object,
    config: Object,
    version: str,
    managers: Managers,
    who: Identity,
    *,
    force: bool,
) -> Applied:
    """The merged object and the table. Raises Conflicted. Times are the caller's."""
    kind = versions.type_of(version)
    table = _reconciled(versions, managers)
    merged = merge(kind, live, config)
    last = table.get(who)
    fields = versions.reach(version).kept(field_set(kind, config, strict=True))
    table = dict(table)
    table[who] = Owner(fields, version, last.time if last is not None else "")
    if last is not None:
        merged = _pruned(versions, merged, version, table, last)
    comparison = compare(kind, live, merged)
    table = _settle(versions, live, merged, version, table, who, comparison, force=force)
    return Applied(merged, {m: owner for m, owner in table.items() if owner.fields})


def _reconciled(versions: Versions, managers: Managers) -> Managers:
    """Every set as today's schema has it; the very same table if nothing changed.

    Managers of unknown versions, and those that own nothing, are left out.
    """
    out: Managers = {}
    changed = False
    for manager, owner in managers.items():
        try:
            fields = reconcile(versions.type_of(owner.api_version), owner.fields)
        except UnknownVersion:
            fields = EMPTY
        if fields is owner.fields and fields:
            out[manager] = owner
            continue
        changed = True
        if fields:
            out[manager] = owner._replace(fields=fields)
    return out if changed else managers


def _settle(
    versions: Versions,
    live: Object,
    new: Object,
    version: str,
    managers: Managers,
    who: Identity | None,
    comparison: Comparison,
    *,
    force: bool,
) -> Managers:
    """Everybody but `who` loses what got a new value or went away. Raises Conflicted."""
    by_version = {version: comparison.filtered(versions.reach(version).kept)}
    out: Managers = {}
    conflicts: dict[Identity, FieldSet] = {}
    for manager, owner in managers.items():
        if manager == who:
            out[manager] = owner
            continue
        seen = by_version.get(owner.api_version)
        if seen is None:
            seen = _compare_in(versions, live, new, version, owner.api_version)
            by_version[owner.api_version] = seen
        fields = owner.fields
        lost = intersection(fields, seen.changed())
        if lost:
            conflicts[manager] = lost
            fields = difference(fields, lost)
        fields = difference(fields, seen.removed)
        if fields is owner.fields:
            out[manager] = owner
        elif fields:
            out[manager] = owner._replace(fields=fields)
    if conflicts and not force:
        raise Conflicted(conflicts_of(conflicts))
    return out


def _compare_in(
    versions: Versions, live: Object, new: Object, version: str, other: str
) -> Comparison:
    left = versions.convert(live, version, other)
    right = versions.convert(new, version, other)
    return compare(versions.type_of(other), left, right).filtered(versions.reach(other).kept)


def _pruned(
    versions: Versions, merged: Object, version: str, managers: Managers, last: Owner
) -> Object:
    """Without what the applier owned last time and nobody owns now.

    Taking everything out that it owned may take more: what is in it and belongs to others, or to
    nobody. Those are put back, in this order.
    """
    if not last.fields:
        return merged
    own = last.api_version
    try:
        kind = versions.type_of(own)
        everything = versions.convert(merged, version, own)
    except UnknownVersion:
        return merged
    dropped = with_named_fields(kind, last.fields)
    if not _loses(kind, everything, dropped, managers, own):
        return merged
    pruned: Any = remove(kind, everything, dropped) or {}
    pruned = _with_owned(versions, everything, pruned, own, managers)
    before = with_named_fields(kind, field_set(kind, everything))
    after = with_named_fields(kind, field_set(kind, pruned))
    gone = intersection(difference(before, after), dropped)
    pruned = remove(kind, everything, gone) or {}
    pruned.update((name, everything[name]) for name in ("apiVersion", "kind") if name in everything)
    return versions.convert(pruned, own, version)


def _loses(kind: Type, everything: Object, dropped: FieldSet, managers: Managers, own: str) -> bool:
    """Whether anything that was owned has no owner left; most applies drop nothing."""
    owned = EMPTY
    for owner in managers.values():
        if owner.api_version == own:
            owned = union(owned, owner.fields)
    return bool(difference(dropped, with_named_fields(kind, owned)))


def _with_owned(
    versions: Versions, everything: Object, pruned: Object, own: str, managers: Managers
) -> Object:
    """What managers own (the applier's new config too) is put back, version by version."""
    owned: dict[str, FieldSet] = {own: EMPTY}
    for owner in managers.values():
        owned[owner.api_version] = union(owned.get(owner.api_version, EMPTY), owner.fields)
    at = own
    for api_version, fields in owned.items():
        try:
            kind = versions.type_of(api_version)
            everything = versions.convert(everything, at, api_version)
            pruned = versions.convert(pruned, at, api_version)
        except UnknownVersion:
            continue
        at = api_version
        before = with_named_fields(kind, field_set(kind, everything))
        after = with_named_fields(kind, field_set(kind, pruned))
        kept = union(after, with_named_fields(kind, fields))
        pruned = remove(kind, everything, difference(before, kept)) or {}
        if at != own:
            pruned["apiVersion"] = everything.get("apiVersion", api_version)
    return versions.convert(pruned, at, own)
