"""autoscaling/v2 and v1: horizontalpodautoscalers, stored as v2."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.autoscaling_v1 import drop_round_trip, from_v2, to_v2
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import (
    NONE,
    UNKNOWN,
    UNSET,
    column,
    dig,
    doc,
    items,
    number_at,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import set_default, with_status
from kapiserver.resources.validation.autoscaler import check_autoscaler
from kapiserver.resources.validation.formats import check_non_negative

AUTOSCALING = Group("autoscaling", "io.k8s.api.autoscaling")

_SHOWN_METRICS = 2
_NIL = "<nil>"
_CPU_TARGET = 80
# How each metric source type is named as a field.
_SOURCES = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def _defaults(obj: Object, context: WriteContext) -> None:
    drop_round_trip(obj)
    spec = obj.setdefault("spec", {})
    set_default(spec, "minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": _CPU_TARGET},
                },
            }
        ]
    behavior = spec.get("behavior")
    if isinstance(behavior, dict):
        _default_behavior(behavior)


def _default_behavior(behavior: Object) -> None:
    up = behavior.setdefault("scaleUp", {})
    set_default(up, "stabilizationWindowSeconds", 0)
    set_default(up, "selectPolicy", "Max")
    set_default(
        up,
        "policies",
        [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    )
    down = behavior.setdefault("scaleDown", {})
    set_default(down, "selectPolicy", "Max")
    set_default(down, "policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}])


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        counts = ("currentReplicas", "desiredReplicas")
        check_non_negative(found, obj.get("status") or {}, "status", *counts)
    else:
        old = None if context.old is None else context.old.get("spec") or {}
        check_autoscaler(found, obj.get("spec") or {}, old)
    return found


def _reference(obj: Object, now: float) -> str:
    target = dig(obj, "spec", "scaleTargetRef")
    return f"{text(target, 'kind')}/{text(target, 'name')}"


def _metric(spec: Object, status: Object) -> str:
    """'cpu: 42%/80%': what is and what should be."""
    kind = text(spec, "type")
    field = _SOURCES.get(kind)
    if field is None:
        return "<unknown type>"
    target = dig(spec, field, "target") or {}
    current = dig(status, field, "current")
    if current is None and dig(status, field) is not None:
        current = {}
    if kind in ("Resource", "ContainerResource"):
        label = f"{text(spec, field, 'name')}: "
        if "averageValue" in target:
            return f"{label}{_amount(current, 'averageValue')}/{target['averageValue']}"
        wanted = target.get("averageUtilization")
        used = dig(current, "averageUtilization")
        return (
            f"{label}{UNKNOWN if used is None else f'{used}%'}/"
            f"{'<auto>' if wanted is None else f'{wanted}%'}"
        )
    if kind == "Pods":
        return f"{_amount(current, 'averageValue')}/{text(target, 'averageValue', absent=_NIL)}"
    if "averageValue" in target:
        used = text(current, "averageValue", absent=UNKNOWN)
        return f"{used}/{target['averageValue']} (avg)"
    return f"{_amount(current, 'value')}/{text(target, 'value', absent=_NIL)}"


def _amount(current: object, field: str) -> str:
    """A status without the amount that its kind should have prints it as Go does."""
    return UNKNOWN if current is None else text(current, field, absent=_NIL)


def _targets(obj: Object, now: float) -> str:
    specs = items(obj, "spec", "metrics")
    if not specs:
        return NONE
    statuses = items(obj, "status", "currentMetrics")
    shown = [
        _metric(spec, statuses[position] if position < len(statuses) else {})
        for position, spec in enumerate(specs[:_SHOWN_METRICS])
    ]
    line = ", ".join(shown)
    more = len(specs) - _SHOWN_METRICS
    return f"{line} + {more} more..." if more > 0 else line


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    AUTOSCALING.resource(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        versions=(
            AUTOSCALING.version("v2", "HorizontalPodAutoscaler"),
            AUTOSCALING.version(
                "v1", "HorizontalPodAutoscaler", to_storage=to_v2, from_storage=from_v2
            ),
        ),
        short=("hpa",),
        categories=("all", "podautoscalers"),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_defaults, validate=_validate, complete=True, generation=False
        ),
        columns=table(
            column(
                "Reference",
                _reference,
                doc("autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef"),
            ),
            column("Targets", _targets, doc("autoscaling.v2.HorizontalPodAutoscalerSpec.metrics")),
            column(
                "MinPods",
                value_at("spec", "minReplicas", absent=UNSET),
                doc("autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas"),
            ),
            column(
                "MaxPods",
                number_at("spec", "maxReplicas"),
                doc("autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas"),
            ),
            column(
                "Replicas",
                number_at("status", "currentReplicas"),
                doc("autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
            ),
        ),
    ),
)
