"""The field manager of one served resource: managedFields on every write, and apply.

In: decoded objects in the served version, who writes, and the time as metadata has it. Out: the new
object's metadata.managedFields, or the merged object. Live objects are never changed.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply import lastapplied
from kapiserver.api.apply.check import problems
from kapiserver.api.apply.conflicts import ApplyConflict, Conflicted
from kapiserver.api.apply.extract import ListError, added_to_nothing, field_set
from kapiserver.api.apply.managers import (
    APPLY,
    UPDATE,
    Identity,
    ManagedFieldsError,
    Managers,
    Owner,
    capped,
    decoded,
    encoded,
    identity,
    is_reset,
    stored,
)
from kapiserver.api.apply.never import ownable
from kapiserver.api.apply.sets import has, union
from kapiserver.api.apply.types import FieldTypes
from kapiserver.api.apply.updater import Applied, apply, update
from kapiserver.api.apply.versions import KindVersions
from kapiserver.resources.definition import Object, ResourceDefinition, Version
from kapiserver.resources.registry import Registry

BEFORE_FIRST_APPLY = "before-first-apply"
_FIELD = "managedFields"


class Untyped(ValueError):
    """An applied config that does not fit its schema. The text says everything that is wrong."""


class FieldManager:
    """Made once per served version and subresource."""

    def __init__(
        self,
        definition: ResourceDefinition,
        version: Version,
        subresource: str,
        types: FieldTypes,
        registry: Registry,
    ) -> None:
        group = definition.group
        self.api_version = f"{group}/{version.name}" if group else version.name
        self._schema = version.schema
        self._subresource = subresource
        # A Scale has no annotations that could hold a config, and upstream keeps no time of those
        # who write through it.
        self._scale = subresource == "scale"
        self._types = types
        self._versions = KindVersions(definition, types, registry, subresource)

    # -- other writes -----------------------------------------------------------------------

    def created(self, new: Object, who: str, now: str) -> None:
        """Set managedFields of an object that is new. What the client sent of them counts."""
        metadata = new["metadata"]
        sent = metadata.pop(_FIELD, None)
        if sent and not is_reset(sent):
            managers = _sent(sent)
            if managers:
                live = {"apiVersion": self.api_version, "kind": new.get("kind", "")}
                self._update(live, new, managers, [], who, now)
                return
        fields = added_to_nothing(self._types.of(self._schema), new)
        fields = ownable(self._versions.reach(self.api_version).kept(fields))
        if fields:
            owner = Owner(fields, self.api_version, now)
            metadata[_FIELD] = encoded({self._identity(who, UPDATE): owner})

    def updated(self, live: Object, new: Object, who: str, now: str) -> None:
        """Set managedFields of an object that was changed from `live` by other means than apply.

        An object without managers is not tracked until somebody applies to it.
        """
        metadata = new["metadata"]
        sent = metadata.pop(_FIELD, None)
        entries = live["metadata"].get(_FIELD) or []
        managers: Managers = {}
        if self._subresource or sent is None or sent == entries:
            managers = stored(entries)
        elif not is_reset(sent):
            managers = _sent(sent)
            if managers:
                entries = []
            else:
                managers = stored(live["metadata"].get(_FIELD) or [])
        if managers:
            self._update(live, new, managers, entries, who, now)

    def _update(
        self,
        live: Object,
        new: Object,
        managers: Managers,
        entries: list[dict[str, Any]],
        who: str,
        now: str,
    ) -> None:
        me = self._identity(who, UPDATE)
        table, gained = update(self._versions, live, new, self.api_version, managers)
        unsorted = frozenset([me])
        if gained:
            table = dict(table)
            left, before = table.get(me), managers.get(me)
            fields = gained if left is None else union(left.fields, gained)
            if before is not None and before.fields == fields:  # new values, nothing new to own
                fields, unsorted = before.fields, frozenset()
            time = now
            if self._scale:
                time = "" if before is None else before.time
            table[me] = Owner(fields, self.api_version, time)
        fewer = capped(table)
        if entries and fewer is managers:
            new["metadata"][_FIELD] = entries
        elif fewer:
            new["metadata"][_FIELD] = encoded(fewer, sort=unsorted if fewer is table else None)

    # -- apply ------------------------------------------------------------------------------

    def apply(
        self, live: Object | None, config: Object, who: str, now: str, *, force: bool
    ) -> Object:
        """The merged object. Raises ApplyConflict, Untyped. `config` may be shared by the result.

        A merge that changes nothing leaves the applier's time alone.
        """
        self.check(config)
        base: Object = {"apiVersion": self.api_version, "kind": config["kind"]}
        managers: Managers = {}
        if live is not None:
            base, entries = _without_entries(live)
            managers = stored(entries)
            if not managers:
                managers = self._before_first_apply(base, now)
        try:
            applied = self._apply(base, config, managers, who, force)
        except Conflicted as conflicted:
            raise ApplyConflict.of(conflicted.conflicts) from conflicted
        me = self._identity(who, APPLY)
        table, merged = applied.managers, applied.merged
        owner = table.get(me)
        if owner is not None:
            fields = ownable(owner.fields)
            if fields:
                changed = (live is None or merged != base) and not self._scale
                time = now if changed else owner.time
                table[me] = Owner(fields, self.api_version, time)
            else:
                del table[me]
        if who == lastapplied.MANAGER and not self._scale:
            merged = lastapplied.refresh(merged, config)
        metadata = dict(merged.get("metadata") or {})
        if table:
            metadata[_FIELD] = encoded(table)
        return {**merged, "metadata": metadata}

    def check(self, config: Object) -> None:
        """Raises Untyped for a config that cannot be merged."""
        schemas = self._types.schemas
        try:
            field_set(self._types.of(self._schema), config, strict=True)
            if schemas.validator(self._schema).is_clean(config):
                return
        except ListError:
            pass
        text = problems(self._types, self._schema, config)
        if text:
            raise Untyped(text)

    def _fits(self, config: Object) -> bool:
        try:
            self.check(config)
        except Untyped:
            return False
        return True

    def _apply(
        self, base: Object, config: Object, managers: Managers, who: str, force: bool
    ) -> Applied:
        me = self._identity(who, APPLY)
        version = self.api_version
        try:
            return apply(self._versions, base, config, version, managers, me, force=force)
        except Conflicted as conflicted:
            if who != lastapplied.MANAGER or self._scale:
                raise
            last = lastapplied.config_of(base)
            if last is None or last["apiVersion"] != version or not self._fits(last):
                raise
            takeable = lastapplied.unchanged(self._types.of(self._schema), last, base)
            left = [c for c in conflicted.conflicts if not has(takeable, c.path)]
            if left:
                raise Conflicted(left) from conflicted
        return apply(self._versions, base, config, version, managers, me, force=True)

    def _before_first_apply(self, live: Object, now: str) -> Managers:
        """All that is there belongs to whoever wrote it before ownership was recorded."""
        fields = added_to_nothing(self._types.of(self._schema), live)
        fields = ownable(self._versions.reach(self.api_version).kept(fields))
        if not fields:
            return {}
        return {self._identity(BEFORE_FIRST_APPLY, UPDATE): Owner(fields, self.api_version, now)}

    def _identity(self, who: str, operation: str) -> Identity:
        return identity(who, operation, self.api_version, self._subresource)


def _sent(entries: Any) -> Managers:
    """The table of entries in a request; nothing if they are no managedFields."""
    try:
        return decoded(entries)
    except ManagedFieldsError:
        return {}


def _without_entries(live: Object) -> tuple[Object, list[dict[str, Any]]]:
    metadata = dict(live["metadata"])
    entries = metadata.pop(_FIELD, None) or []
    return {**live, "metadata": metadata}, entries


def problem_with(entries: Any) -> str:
    """What is wrong with managedFields that admission left behind; empty if nothing is."""
    try:
        decoded(entries or [])
    except ManagedFieldsError as error:
        return str(error)
    return ""


def keep_times(new: Object, old: Object) -> None:
    """A write that changes nothing but times in managedFields changes nothing at all."""
    after, before = new["metadata"].get(_FIELD), old["metadata"].get(_FIELD)
    if not after or not before or after is before or len(after) != len(before):
        return
    if after == before or _untimed(after) != _untimed(before):
        return
    if _content(new) == _content(old):
        new["metadata"][_FIELD] = before


def _untimed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries without times, in an order that does not depend on times."""
    plain = [{key: entry[key] for key in entry if key != "time"} for entry in entries]
    return sorted(
        plain,
        key=lambda e: (
            e["operation"],
            e.get("manager", ""),
            e["apiVersion"],
            e.get("subresource", ""),
        ),
    )


def _content(obj: Object) -> Object:
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in (_FIELD, "resourceVersion")
    }
    return {**obj, "metadata": metadata}
