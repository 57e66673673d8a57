"""scheduling.k8s.io/v1: priorityclasses."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, Strategy, WriteContext
from kapiserver.resources.field_errors import forbidden, immutable, required, unsupported
from kapiserver.resources.printing import AGE, NAME, column, doc, flag_at, number_at, value_at
from kapiserver.resources.strategies import set_default
from kapiserver.resources.validation.pod_spec import PREEMPTION_POLICIES

SCHEDULING = Group("scheduling.k8s.io", "io.k8s.api.scheduling")

HIGHEST_USER_PRIORITY = 1_000_000_000
_SYSTEM_PREFIX = "system-"
_SYSTEM_CLASSES = {
    "system-node-critical": 2_000_001_000,
    "system-cluster-critical": 2_000_000_000,
}


def _defaults(obj: Object, context: WriteContext) -> None:
    set_default(obj, "preemptionPolicy", "PreemptLowerPriority")


def _prepare(obj: Object, context: WriteContext) -> None:
    # there is one generation: what matters never changes
    obj["metadata"]["generation"] = 1


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    name = (obj.get("metadata") or {}).get("name", "")
    value = obj.get("value", 0)
    found: list[Cause] = []
    if name.startswith(_SYSTEM_PREFIX):
        if problem := _system_problem(name, value, obj.get("globalDefault", False)):
            detail = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {problem}"
            )
            found.append(forbidden("metadata.name", detail))
    elif value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        found.append(forbidden("value", detail))
    policy = obj.get("preemptionPolicy")
    if policy == "":
        found.append(required("preemptionPolicy"))
    elif policy is not None and policy not in PREEMPTION_POLICIES:
        found.append(unsupported("preemptionPolicy", policy, PREEMPTION_POLICIES))
    return found


def _system_problem(name: str, value: int, is_default: bool) -> str:
    expected = _SYSTEM_CLASSES.get(name)
    if expected is None:
        return f"{name} is not a known system priority class"
    if value != expected:
        return f"value of {name} PriorityClass must be {expected}"
    return f"globalDefault of {name} PriorityClass must be false" if is_default else ""


def _validate_update(obj: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old or {}
    found: list[Cause] = []
    if obj.get("value", 0) != old.get("value", 0):
        found.append(forbidden("value", "may not be changed in an update."))
    policy = obj.get("preemptionPolicy")
    if policy != old.get("preemptionPolicy"):
        found.append(immutable("preemptionPolicy", policy))
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    SCHEDULING.resource(
        "PriorityClass",
        "priorityclasses",
        namespaced=False,
        short=("pc",),
        strategy=Strategy(
            defaults=_defaults,
            prepare_for_create=_prepare,
            validate_create=_validate,
            validate_update=_validate_update,
            complete_rules=True,
        ),
        columns=(
            NAME,
            column(
                "Value",
                number_at("value"),
                doc("scheduling.v1.PriorityClass.value"),
                type="integer",
            ),
            column(
                "Global-Default",
                flag_at("globalDefault"),
                doc("scheduling.v1.PriorityClass.globalDefault"),
                type="boolean",
            ),
            AGE,
            column(
                "PreemptionPolicy",
                value_at("preemptionPolicy"),
                doc("scheduling.v1.PriorityClass.preemptionPolicy"),
            ),
        ),
    ),
)
