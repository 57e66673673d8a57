"""coordination.k8s.io/v1: leases, by which components elect leaders and show they are alive."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.printing import column, table, value_at
from kapiserver.resources.strategies import without_status

COORDINATION = Group("coordination.k8s.io", "io.k8s.api.coordination")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if isinstance(seconds, int) and seconds <= 0:
        found.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if isinstance(transitions, int) and transitions < 0:
        found.append(
            invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0")
        )
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    COORDINATION.resource(
        "Lease",
        "leases",
        strategy=without_status(
            validate=_validate, create_on_update=True, unconditional_update=False
        ),
        columns=table(column("Holder", value_at("spec", "holderIdentity"), "Who holds it.")),
    ),
)
