"""policy/v1: poddisruptionbudgets. Evictions are a subresource of pods."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import column, number_at, table, value_at
from kapiserver.resources.strategies import with_status
from kapiserver.resources.validation.budgets import check_budget, check_budget_status

POLICY = Group("policy", "io.k8s.api.policy", any_finalizers=True)


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_budget_status(found, obj.get("status") or {})
    else:
        old = None if context.old is None else context.old.get("spec") or {}
        check_budget(found, obj.get("spec") or {}, old)
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    POLICY.resource(
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        short=("pdb",),
        subresources=(STATUS,),
        name_rule=path_segment,
        strategy=with_status(validate=_validate, complete=True, unconditional_update=False),
        columns=table(
            column(
                "Min Available",
                value_at("spec", "minAvailable", absent="N/A"),
                "The minimum number of pods that must be available.",
            ),
            column(
                "Max Unavailable",
                value_at("spec", "maxUnavailable", absent="N/A"),
                "The maximum number of pods that may be unavailable.",
            ),
            column(
                "Allowed Disruptions",
                number_at("status", "disruptionsAllowed"),
                "Calculated number of pods that may be disrupted at this time.",
                type="integer",
            ),
        ),
    ),
)
