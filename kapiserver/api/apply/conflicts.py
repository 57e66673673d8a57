"""Conflicts: fields that an applier wants to change and that others own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kapiserver.api.apply.elements import shown
from kapiserver.api.apply.managers import Identity
from kapiserver.api.apply.sets import EMPTY, FieldSet, of_paths, paths, union
from kapiserver.errors import ApiError, Cause

CAUSE = "FieldManagerConflict"


class FieldConflict(NamedTuple):
    manager: Identity
    path: tuple[str, ...]


class Conflicted(Exception):
    """An apply without force met fields of others."""

    def __init__(self, conflicts: Iterable[FieldConflict]) -> None:
        super().__init__("fields are owned by other managers")
        self.conflicts = tuple(conflicts)

    def fields(self) -> FieldSet:
        out = EMPTY
        for conflict in self.conflicts:
            out = union(out, of_paths(conflict.path))
        return out


def conflicts_of(owners: dict[Identity, FieldSet]) -> list[FieldConflict]:
    return [
        FieldConflict(manager, path)
        for manager in sorted(owners)
        for path in paths(owners[manager])
    ]


class ApplyConflict(ApiError):
    """409 with one cause per field; the message lists them by manager."""

    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, conflicts: tuple[FieldConflict, ...]) -> ApplyConflict:
        causes = [
            Cause(CAUSE, f"conflict with {manager.shown()}", shown(path))
            for manager, path in conflicts
        ]
        return cls(_message(conflicts), causes=causes)


def _message(conflicts: tuple[FieldConflict, ...]) -> str:
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {manager.shown()}: {shown(path)}"
    lines: list[str] = []
    last: Identity | None = None
    for manager, path in sorted(conflicts, key=lambda conflict: conflict.manager):
        if manager != last:
            lines.append(f"conflicts with {manager.shown()}:")
            last = manager
        lines.append(f"- {shown(path)}")
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
