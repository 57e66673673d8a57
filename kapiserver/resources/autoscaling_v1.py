"""autoscaling/v1 horizontalpodautoscalers to and from v2, the stored version.

v1 knows one metric, cpu utilization, as a field. Everything else of v2 travels in annotations of
the v1 object, in their documented JSON form, so that a v1 client's read-modify-write keeps it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import orjson

from kapiserver.resources.definition import Object
from kapiserver.resources.typed_reading import (
    SELECTOR,
    Reader,
    fields_of,
    integer,
    items,
    quantity,
    struct,
    text,
    time,
)

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
    read: Reader
    zero: object = None  # what is written for an absent value; None: nothing is

    @property
    def absent(self) -> Any:
        """A zero of its own for each object that it is written to."""
        return dict(self.zero) if isinstance(self.zero, dict) else self.zero


# v2 nests values under target/current; the annotations spell each as a field, in this order.
_NAME = _Field("metricName", ("metric", "name"), text, "")
_SELECTOR = _Field("selector", ("metric", "selector"), SELECTOR)
_OBJECT = _Field("target", ("describedObject",), struct(kind=text, name=text, apiVersion=text), {})
_TARGET_AVERAGE = ("target", "averageValue")
_RESOURCE = (
    _Field("name", ("name",), text, ""),
    _Field("targetAverageUtilization", ("target", "averageUtilization"), integer),
    _Field("targetAverageValue", _TARGET_AVERAGE, quantity),
)
_CONTAINER = _Field("container", ("container",), text, "")
_TARGETS: dict[str, tuple[_Field, ...]] = {
    "object": (
        _OBJECT,
        _NAME,
        _Field("targetValue", ("target", "value"), quantity, "0"),
        _SELECTOR,
        _Field("averageValue", _TARGET_AVERAGE, quantity),
    ),
    "pods": (_NAME, _Field("targetAverageValue", _TARGET_AVERAGE, quantity, "0"), _SELECTOR),
    "resource": _RESOURCE,
    "containerResource": (*_RESOURCE, _CONTAINER),
    "external": (
        _NAME,
        _Field("metricSelector", ("metric", "selector"), SELECTOR),
        _Field("targetValue", ("target", "value"), quantity),
        _Field("targetAverageValue", _TARGET_AVERAGE, quantity),
    ),
}
_CURRENT_AVERAGE = ("current", "averageValue")
_USED = (
    _Field("name", ("name",), text, ""),
    _Field("currentAverageUtilization", ("current", "averageUtilization"), integer),
    _Field("currentAverageValue", _CURRENT_AVERAGE, quantity, "0"),
)
_CURRENTS: dict[str, tuple[_Field, ...]] = {
    "object": (
        _OBJECT,
        _NAME,
        _Field("currentValue", ("current", "value"), quantity, "0"),
        _SELECTOR,
        _Field("averageValue", _CURRENT_AVERAGE, quantity),
    ),
    "pods": (_NAME, _Field("currentAverageValue", _CURRENT_AVERAGE, quantity, "0"), _SELECTOR),
    "resource": _USED,
    "containerResource": (*_USED, _CONTAINER),
    "external": (
        _NAME,
        _Field("metricSelector", ("metric", "selector"), SELECTOR),
        _Field("currentValue", ("current", "value"), quantity, "0"),
        _Field("currentAverageValue", _CURRENT_AVERAGE, quantity),
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
_rules = struct(
    stabilizationWindowSeconds=integer,
    selectPolicy=text,
    policies=items(struct(type=text, value=integer, periodSeconds=integer)),
    tolerance=quantity,
)
_behavior = struct(scaleUp=_rules, scaleDown=_rules)
_conditions = items(
    struct(type=text, status=text, lastTransitionTime=time, reason=text, message=text)
)


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
    metrics = _read(held, METRICS, items(partial(_nested, _TARGETS))) or []
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    if utilization is not None:
        target = {"type": "Utilization", "averageUtilization": utilization}
        metrics.append({"type": "Resource", "resource": {"name": _CPU, "target": target}})
    if metrics:
        spec["metrics"] = metrics
    if behavior := _read(held, BEHAVIOR, _behavior):
        spec["behavior"] = behavior
    status = obj.get("status")
    if isinstance(status, dict):
        used = status.pop("currentCPUUtilizationPercentage", None)
        current = _read(held, CURRENT_METRICS, items(partial(_nested, _CURRENTS))) or []
        if used is not None and not current:
            value = {"averageUtilization": used}
            current.append({"type": "Resource", "resource": {"name": _CPU, "current": value}})
        if current:
            status["currentMetrics"] = current
        if conditions := _read(held, CONDITIONS, _conditions):
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


def _read(annotations: Object, name: str, read: Reader) -> Any:
    """What an annotation holds; one that is not what it should be counts as absent."""
    try:
        value = orjson.loads(annotations.get(name, "null"))
        return None if value is None else read(value)
    except ValueError:
        return None


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
                value = field.absent
            if value is not None:
                flat[kind][field.flat] = value
    return flat


def _nested(kinds: dict[str, tuple[_Field, ...]], metric: Any) -> Object:
    """Raises ValueError."""
    held = fields_of(metric)
    nested: Object = {"type": text(held.get("type", ""))}
    for kind, fields in kinds.items():
        if (given := held.get(kind.lower())) is None:
            continue
        flat = fields_of(given)
        source: Object = {}
        for field in fields:
            value = flat.get(field.flat.lower())
            value = field.absent if value is None else field.read(value)
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
