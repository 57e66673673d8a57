"""storagemigration.k8s.io/v1: storageversionmigrations, which rewrite stored objects."""

from __future__ import annotations

from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition
from kapiserver.resources.printing import NAME, column, text
from kapiserver.resources.strategies import unchanging, with_status

STORAGEMIGRATION = Group("storagemigration.k8s.io", "io.k8s.api.storagemigration")


def _resource(obj: Object, now: float) -> str:
    resource, group = (
        text(obj, "spec", "resource", "resource"),
        text(obj, "spec", "resource", "group"),
    )
    return f"{resource}.{group}" if group else resource


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    STORAGEMIGRATION.resource(
        "StorageVersionMigration",
        "storageversionmigrations",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            validate_update=unchanging("spec"), unconditional_update=False, generation=False
        ),
        columns=(NAME, column("Resource", _resource, "The resource whose objects are rewritten.")),
    ),
)
