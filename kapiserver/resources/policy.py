"""policy/v1: poddisruptionbudgets. Evictions are a subresource of pods."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import column, number_at, table, value_at
from kapiserver.resources.strategies import with_status

POLICY = Group("policy", "io.k8s.api.policy")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    return ()


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    POLICY.resource(
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        short=("pdb",),
        subresources=(STATUS,),
        name_rule=path_segment,
        strategy=with_status(validate=_validate, unconditional_update=False),
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
