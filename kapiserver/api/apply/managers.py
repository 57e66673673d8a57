"""The entries of metadata.managedFields: who owns what, since when, by which way of writing.

In: entries as they are in objects. Out: `Managers`, a table by identity, and entries again. An
applier is one and the same whatever API version it uses; those who update are told apart by version
too. Tables are copied, not changed, by whoever works on them (`dict(managers)`); owners are
immutable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kapiserver.api.apply.sets import FieldsError, FieldSet, parse, union_of
from kapiserver.api.apply.sets import in_order as ordered_set
from kapiserver.api.go_text import quoted
from kapiserver.errors import Cause
from kapiserver.resources.field_errors import invalid, too_long

APPLY = "Apply"
UPDATE = "Update"
FIELDS_TYPE = "FieldsV1"

NAME_LIMIT = 128
SUBRESOURCE_LIMIT = 256
# More managers than this that only update are merged into one, oldest first.
MAX_UPDATERS = 10
ANCIENT = "ancient-changes"
UNKNOWN = "unknown"


class ManagedFieldsError(ValueError):
    """Entries that are no managedFields."""


class Identity(NamedTuple):
    """What makes a manager. `api_version` is empty for appliers."""

    manager: str
    operation: str
    api_version: str
    subresource: str

    def shown(self) -> str:
        """As conflict messages name it."""
        text = quoted(self.manager)
        if self.subresource:
            text += f" with subresource {quoted(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


class Owner(NamedTuple):
    """What a manager owns, in which version. `time` is empty when it was never recorded."""

    fields: FieldSet
    api_version: str
    time: str = ""


Managers = dict[Identity, Owner]


def identity(manager: str, operation: str, api_version: str, subresource: str) -> Identity:
    version = "" if operation == APPLY else api_version
    return Identity(manager or UNKNOWN, operation, version, subresource)


def from_user_agent(agent: str) -> str:
    """The manager that a client is when it does not say: its program's name."""
    name = ""
    for char in agent.split("/", 1)[0]:
        if not char.isprintable():
            continue
        if len((name + char).encode()) > NAME_LIMIT:
            break
        name += char
    return name


# -- entries ----------------------------------------------------------------------------------


def is_reset(entries: Any) -> bool:
    """`[]` and `[{}]` are how clients drop all ownership."""
    return isinstance(entries, list) and (not entries or entries == [{}])


def stored(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """The table of entries that this server wrote."""
    out: Managers = {}
    for entry in entries:
        operation, version = entry["operation"], entry["apiVersion"]
        manager = Identity(
            entry.get("manager", ""),
            operation,
            "" if operation == APPLY else version,
            entry.get("subresource", ""),
        )
        out[manager] = Owner(entry.get("fieldsV1") or {}, version, entry.get("time", ""))
    return out


def decoded(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """The table of entries that somebody sent. Raises ManagedFieldsError."""
    out: Managers = {}
    for index, entry in enumerate(entries):
        operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
        if operation not in (APPLY, UPDATE):
            raise ManagedFieldsError("operation must be `Apply` or `Update`")
        if not version:
            raise ManagedFieldsError("apiVersion must not be empty")
        kind = entry.get("fieldsType", "")
        if not kind:
            raise ManagedFieldsError(f"missing fieldsType in managed fields entry {index}")
        if kind != FIELDS_TYPE:
            raise ManagedFieldsError(
                f"invalid fieldsType {quoted(kind)} in managed fields entry {index}"
            )
        try:
            fields = parse(entry.get("fieldsV1") or {})
        except FieldsError as error:
            raise ManagedFieldsError(str(error)) from error
        manager = Identity(
            entry.get("manager", ""),
            operation,
            "" if operation == APPLY else version,
            entry.get("subresource", ""),
        )
        out[manager] = Owner(fields, version, entry.get("time", ""))
    return out


def check_entries(entries: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """What names in entries may not be, as findings about metadata."""
    causes: list[Cause] = []
    for index, entry in enumerate(entries):
        where = f"metadata.managedFields[{index}]"
        manager, subresource = entry.get("manager", ""), entry.get("subresource", "")
        if len(manager) > NAME_LIMIT or not manager.isprintable():
            causes += check_name(manager, f"{where}.manager")
        if len(subresource.encode()) > SUBRESOURCE_LIMIT:
            causes.append(too_long(f"{where}.subresource", SUBRESOURCE_LIMIT))
    return causes


def check_name(manager: str, field: str) -> list[Cause]:
    """A manager's name is short and printable."""
    causes: list[Cause] = []
    if len(manager.encode()) > NAME_LIMIT:
        causes.append(too_long(field, NAME_LIMIT))
    for position, char in enumerate(manager):
        if not char.isprintable():
            at = len(manager[:position].encode())
            detail = f"invalid character U+{ord(char):04X} (at position {at})"
            causes.append(invalid(field, manager, detail))
    return causes


def encoded(managers: Managers, *, sort: frozenset[Identity] | None = None) -> list[dict[str, Any]]:
    """Entries in upstream's order. `sort`: whose sets are to be put in order (None: all)."""
    out: list[dict[str, Any]] = []
    for manager in sorted(managers, key=lambda manager: _order(manager, managers[manager])):
        owner = managers[manager]
        entry: dict[str, Any] = {}
        if manager.manager:
            entry["manager"] = manager.manager
        entry["operation"] = manager.operation
        entry["apiVersion"] = owner.api_version
        if owner.time:
            entry["time"] = owner.time
        entry["fieldsType"] = FIELDS_TYPE
        unsorted = sort is None or manager in sort
        entry["fieldsV1"] = ordered_set(owner.fields) if unsorted else owner.fields
        if manager.subresource:
            entry["subresource"] = manager.subresource
        out.append(entry)
    return out


def _order(manager: Identity, owner: Owner) -> tuple[str, str, str, str, str]:
    return (
        manager.operation,
        owner.time,
        manager.manager,
        owner.api_version,
        manager.subresource,
    )


# -- who is forgotten --------------------------------------------------------------------------


def capped(managers: Managers) -> Managers:
    """Of too many who update, the oldest are merged, one per API version."""
    updaters = [manager for manager in managers if manager.operation == UPDATE]
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return managers
    out = dict(managers)
    updaters.sort(key=lambda manager: (managers[manager].time, manager))
    first: dict[str, Identity] = {}
    merged: dict[Identity, list[FieldSet]] = {}
    for manager in updaters:
        if excess <= 0:
            break
        owner = out[manager]
        version = owner.api_version
        if version not in first:
            first[version] = manager
            continue
        bucket = Identity(ANCIENT, UPDATE, version, "")
        if bucket not in out:
            out[bucket] = out.pop(first[version])
        ancient = out[bucket].fields
        fields = merged.setdefault(bucket, [ancient])
        if manager != bucket:
            fields.append(owner.fields)
            del out[manager]
        # the younger of the two: they come oldest first
        out[bucket] = Owner(ancient, version, owner.time)
        excess -= 1
    for bucket, fields in merged.items():
        _, version, time = out[bucket]
        out[bucket] = Owner(union_of(fields), version, time)
    return out
