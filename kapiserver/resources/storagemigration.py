"""storagemigration.k8s.io/v1: storageversionmigrations, which rewrite stored objects."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import NAME, column, items, name, text
from kapiserver.resources.strategies import with_status
from kapiserver.resources.validation.migrations import check_migration, check_migration_status

STORAGEMIGRATION = Group("storagemigration.k8s.io", "io.k8s.api.storagemigration")


def _resource(obj: Object, now: float) -> str:
    resource, group = (
        text(obj, "spec", "resource", "resource"),
        text(obj, "spec", "resource", "group"),
    )
    return f"{resource}.{group}" if group else resource


def _status(obj: Object, now: float) -> str:
    """The last of the conditions that hold."""
    holding = [
        text(condition, "type")
        for condition in items(obj, "status", "conditions")
        if condition.get("status") == "True"
    ]
    known = ("Running", "Failed", "Succeeded")
    return next((kind for kind in reversed(holding) if kind in known), "Unknown")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_migration_status(found, obj, context.old or {})
    else:
        check_migration(found, obj.get("spec") or {}, _old_spec(context))
    return found


def _old_spec(context: WriteContext) -> Object | None:
    return None if context.old is None else context.old.get("spec") or {}


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    STORAGEMIGRATION.resource(
        "StorageVersionMigration",
        "storageversionmigrations",
        hash_version="v1beta1",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            validate=_validate, complete=True, unconditional_update=False, generation=False
        ),
        columns=(
            column("Name", name, NAME.description),
            column("Resource", _resource, "GroupResource to migrate"),
            column("Status", _status, "Status of the migration"),
        ),
    ),
)
