"""policy/v1: poddisruptionbudgets. Evictions are a subresource of pods."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import column, number_at, table, value_at
from kapiserver.resources.strategies import with_status
from kapiserver.resources.validation.budgets import check_budget
from kapiserver.resources.validation.formats import check_non_negative

POLICY = Group("policy", "io.k8s.api.policy")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_non_negative(found, obj.get("status") or {}, "status", *_COUNTS)
    else:
        check_budget(found, obj.get("spec") or {})
    return found


_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


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
                "Fewest pods that must stay available.",
            ),
            column(
                "Max Unavailable",
                value_at("spec", "maxUnavailable", absent="N/A"),
                "Most pods that may be unavailable.",
            ),
            column(
                "Allowed Disruptions",
                number_at("status", "disruptionsAllowed"),
                "Pods that may be disrupted now.",
                type="integer",
            ),
        ),
    ),
)
