"""autoscaling/v1 horizontalpodautoscalers to and from v2, the stored version.

v1 knows one metric, cpu utilization, as a field. Everything else of v2 travels in annotations of
the v1 object, in their documented JSON form, so that a v1 client's read-modify-write keeps it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from kapiserver.resources.definition import Object

_PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS = f"{_PREFIX}metrics"
CURRENT_METRICS = f"{_PREFIX}current-metrics"
CONDITIONS = f"{_PREFIX}conditions"
BEHAVIOR = f"{_PREFIX}behavior"
_ROUND_TRIP = (
    METRICS,
    CURRENT_METRICS,
    CONDITIONS,
    BEHAVIOR,
    f"{_PREFIX}scale-down-tolerance",
    f"{_PREFIX}scale-up-tolerance",
)

_CPU = "cpu"


class _Field(NamedTuple):
    flat: str
    nested: tuple[str, ...]
    zero: object = None  # what is written for an absent value; None: nothing is


# v2 nests values under target/current; the annotations spell each as a field, in this order.
_NAME = _Field("metricName", ("metric", "name"), "")
_SELECTOR = _Field("selector", ("metric", "selector"))
_TARGET_AVERAGE = ("target", "averageValue")
_RESOURCE = (
    _Field("name", ("name",), ""),
    _Field("targetAverageUtilization", ("target", "averageUtilization")),
    _Field("targetAverageValue", _TARGET_AVERAGE),
)
_CONTAINER = _Field("container", ("container",), "")
_TARGETS: dict[str, tuple[_Field, ...]] = {
    "object": (
        _Field("target", ("describedObject",), {}),
        _NAME,
        _Field("targetValue", ("target", "value"), "0"),
        _SELECTOR,
        _Field("averageValue", _TARGET_AVERAGE),
    ),
    "pods": (_NAME, _Field("targetAverageValue", _TARGET_AVERAGE, "0"), _SELECTOR),
    "resource": _RESOURCE,
    "containerResource": (*_RESOURCE, _CONTAINER),
    "external": (
        _NAME,
        _Field("metricSelector", ("metric", "selector")),
        _Field("targetValue", ("target", "value")),
        _Field("targetAverageValue", _TARGET_AVERAGE),
    ),
}
_CURRENT_AVERAGE = ("current", "averageValue")
_USED = (
    _Field("name", ("name",), ""),
    _Field("currentAverageUtilization", ("current", "averageUtilization")),
    _Field("currentAverageValue", _CURRENT_AVERAGE, "0"),
)
_CURRENTS: dict[str, tuple[_Field, ...]] = {
    "object": (
        _Field("target", ("describedObject",), {}),
        _NAME,
        _Field("currentValue", ("current", "value"), "0"),
        _SELECTOR,
        _Field("averageValue", _CURRENT_AVERAGE),
    ),
    "pods": (_NAME, _Field("currentAverageValue", _CURRENT_AVERAGE, "0"), _SELECTOR),
    "resource": _USED,
    "containerResource": (*_USED, _CONTAINER),
    "external": (
        _NAME,
        _Field("metricSelector", ("metric", "selector")),
        _Field("currentValue", ("current", "value"), "0"),
        _Field("currentAverageValue", _CURRENT_AVERAGE),
    ),
}
# The value that decides the type of a target, the type with it and the type without.
_TYPES = {
    "object": ("averageValue", "AverageValue", "Value"),
    "pods": ("averageValue", "AverageValue", "AverageValue"),
    "resource": ("averageUtilization", "Utilization", "AverageValue"),
    "containerResource": ("averageUtilization", "Utilization", "AverageValue"),
    "external": ("value", "Value", "AverageValue"),
}
# The behavior has no documented form: it is the internal type under its Go names.
_POLICY_FIELDS = ("type", "value", "periodSeconds")
_RULE_FIELDS = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
_DIRECTIONS = ("scaleUp", "scaleDown")


def from_v2(obj: Object) -> None:
    annotations: Object = {}
    spec = obj.get("spec") or {}
    metrics = spec.pop("metrics", None) or ()
    cpu = next((metric for metric in metrics if _is_cpu(metric)), None)
    if cpu is not None and (target := _utilization(cpu, "target")) is not None:
        spec["targetCPUUtilizationPercentage"] = target
    rest = [
        _flattened(metric, _TARGETS)
        for metric in metrics
        if not _is_cpu(metric) or _utilization(metric, "target") is None
    ]
    if rest:
        annotations[METRICS] = rest
    behavior = spec.pop("behavior", None)
    if behavior is not None:
        annotations[BEHAVIOR] = _go_behavior(behavior)
    status = obj.get("status")
    if isinstance(status, dict):
        current = status.pop("currentMetrics", None) or ()
        for metric in current:
            used = _utilization(metric, "current") if _is_cpu(metric) else None
            if used is not None:
                status["currentCPUUtilizationPercentage"] = used
        if current:
            annotations[CURRENT_METRICS] = [_flattened(metric, _CURRENTS) for metric in current]
        conditions = status.pop("conditions", None)
        if conditions:
            annotations[CONDITIONS] = conditions
    if annotations:
        held = obj.setdefault("metadata", {}).setdefault("annotations", {})
        for name, value in annotations.items():
            held[name] = orjson.dumps(value).decode()


def to_v2(obj: Object) -> None:
    held = (obj.get("metadata") or {}).get("annotations") or {}
    spec = obj.setdefault("spec", {})
    metrics = [_nested(metric, _TARGETS) for metric in _list(held, METRICS)]
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    if utilization is not None:
        target = {"type": "Utilization", "averageUtilization": utilization}
        metrics.append({"type": "Resource", "resource": {"name": _CPU, "target": target}})
    if metrics:
        spec["metrics"] = metrics
    behavior = _decoded(held, BEHAVIOR)
    if isinstance(behavior, dict):
        spec["behavior"] = _behavior(behavior)
    status = obj.get("status")
    if isinstance(status, dict):
        used = status.pop("currentCPUUtilizationPercentage", None)
        current = [_nested(metric, _CURRENTS) for metric in _list(held, CURRENT_METRICS)]
        if used is not None and not current:
            value = {"averageUtilization": used}
            current.append({"type": "Resource", "resource": {"name": _CPU, "current": value}})
        if current:
            status["currentMetrics"] = current
        if conditions := _list(held, CONDITIONS):
            status["conditions"] = conditions
    drop_round_trip(obj)


def drop_round_trip(obj: Object) -> None:
    """No stored object has the annotations that only v1 needs."""
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations")
    if annotations is None:
        return
    for name in _ROUND_TRIP:
        annotations.pop(name, None)
    if not annotations:
        del metadata["annotations"]


def _is_cpu(metric: Object) -> bool:
    resource = metric.get("resource")
    return metric.get("type") == "Resource" and (resource or {}).get("name") == _CPU


def _utilization(metric: Object, side: str) -> Any:
    return (metric["resource"].get(side) or {}).get("averageUtilization")


def _decoded(annotations: Object, name: str) -> Any:
    try:
        return orjson.loads(annotations.get(name, "null"))
    except orjson.JSONDecodeError:
        return None


def _list(annotations: Object, name: str) -> list[Object]:
    """What an annotation lists; one that is not what it should be counts as absent."""
    value = _decoded(annotations, name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    return value


def _flattened(metric: Object, kinds: dict[str, tuple[_Field, ...]]) -> Object:
    flat: Object = {"type": metric.get("type", "")}
    for kind, fields in kinds.items():
        if (source := metric.get(kind)) is None:
            continue
        flat[kind] = {}
        for field in fields:
            value: Any = source
            for step in field.nested:
                value = (value or {}).get(step)
            if value is None:
                value = field.zero
            if value is not None:
                flat[kind][field.flat] = value
    return flat


def _nested(metric: Object, kinds: dict[str, tuple[_Field, ...]]) -> Object:
    nested: Object = {"type": metric.get("type", "")}
    for kind, fields in kinds.items():
        flat = metric.get(kind)
        if not isinstance(flat, dict):
            continue
        source: Object = {}
        for field in fields:
            value = flat.get(field.flat)
            if value is None:
                value = field.zero
            if value is None:
                continue
            into = source
            for step in field.nested[:-1]:
                into = into.setdefault(step, {})
            into[field.nested[-1]] = value
        if kinds is _TARGETS:
            values = source.get("target", {})
            deciding, with_it, without = _TYPES[kind]
            source["target"] = {"type": with_it if deciding in values else without, **values}
        nested[kind] = source
    return nested


def _go_name(field: str) -> str:
    return field[:1].upper() + field[1:]


def _go_behavior(behavior: Object) -> Object:
    spelled: Object = {}
    for direction in _DIRECTIONS:
        rules = behavior.get(direction)
        if rules is not None:
            rules = {_go_name(field): rules.get(field) for field in _RULE_FIELDS}
            if rules["Policies"] is not None:
                rules["Policies"] = [
                    {_go_name(field): policy.get(field) for field in _POLICY_FIELDS}
                    for policy in rules["Policies"]
                ]
        spelled[_go_name(direction)] = rules
    return spelled


def _read(spelled: Any, fields: tuple[str, ...]) -> Object:
    """The fields that are set, whatever the case of their names."""
    if not isinstance(spelled, dict):
        return {}
    held = {name.lower(): value for name, value in spelled.items()}
    return {f: held[f.lower()] for f in fields if held.get(f.lower()) is not None}


def _behavior(spelled: Object) -> Object:
    behavior = _read(spelled, _DIRECTIONS)
    for direction, written in behavior.items():
        rules = behavior[direction] = _read(written, _RULE_FIELDS)
        if "policies" in rules:
            rules["policies"] = [_read(p, _POLICY_FIELDS) for p in rules["policies"]]
    return behavior
