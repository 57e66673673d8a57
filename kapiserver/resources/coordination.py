"""coordination.k8s.io/v1: leases, by which components elect leaders and show they are alive."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import forbidden, invalid, unsupported
from kapiserver.resources.printing import column, doc, table, value_at
from kapiserver.resources.strategies import without_status
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found
from kapiserver.resources.validation.labels import check_qualified

COORDINATION = Group("coordination.k8s.io", "io.k8s.api.coordination", any_finalizers=True)


# Of elections that are coordinated between versions: a feature that is off.
_COORDINATED = ("strategy", "preferredHolder")


def _drop_coordinated(obj: Object, context: WriteContext) -> None:
    spec, old = obj.get("spec") or {}, (context.old or {}).get("spec") or {}
    for field in _COORDINATED:
        if old.get(field) is None:
            spec.pop(field, None)


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        found.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        found.append(invalid("spec.leaseTransitions", transitions, NON_NEGATIVE))
    strategy = spec.get("strategy")
    if strategy is not None:
        _check_strategy(found, strategy, "spec.strategy.strategy")
    if spec.get("preferredHolder") and not strategy:
        detail = "may only be specified if `strategy` is defined"
        found.append(forbidden("spec.preferredHolder", detail))
    return found


def _check_strategy(found: Found, strategy: str, path: str) -> None:
    if "/" in strategy:
        check_qualified(found, strategy, path)
    elif strategy != "OldestEmulationVersion":
        found.append(unsupported(path, strategy, ("OldestEmulationVersion",)))


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    COORDINATION.resource(
        "Lease",
        "leases",
        strategy=without_status(
            create=_drop_coordinated,
            update=_drop_coordinated,
            validate=_validate,
            complete=True,
            create_on_update=True,
            unconditional_update=False,
        ),
        columns=table(
            column(
                "Holder",
                value_at("spec", "holderIdentity"),
                doc("coordination.v1.LeaseSpec.holderIdentity"),
            )
        ),
    ),
)
