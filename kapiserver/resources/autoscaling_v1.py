"""autoscaling/v1 horizontalpodautoscalers to and from v2, the stored version.

v1 knows one metric, cpu utilization, as a field. Everything else of v2 travels in annotations of
the v1 object, in their documented JSON form, so that a v1 client's read-modify-write keeps it.
"""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.resources.definition import Object

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"

_CPU = "cpu"
# v2 nests a value under target/current by kind; the annotations spell each as a field.
_TARGETS = {
    "averageUtilization": "targetAverageUtilization",
    "averageValue": "targetAverageValue",
    "value": "targetValue",
}
_CURRENTS = {
    "averageUtilization": "currentAverageUtilization",
    "averageValue": "currentAverageValue",
    "value": "currentValue",
}
_TYPES = {
    "averageUtilization": "Utilization",
    "averageValue": "AverageValue",
    "value": "Value",
}


def from_v2(obj: Object) -> None:
    annotations: Object = {}
    spec = obj.get("spec") or {}
    rest = []
    for metric in spec.pop("metrics", None) or ():
        utilization = _cpu_utilization(metric, "target")
        if utilization is not None and "targetCPUUtilizationPercentage" not in spec:
            spec["targetCPUUtilizationPercentage"] = utilization
        else:
            rest.append(_flattened(metric, "target", _TARGETS))
    if rest:
        annotations[METRICS] = rest
    behavior = spec.pop("behavior", None)
    if behavior is not None:
        annotations[BEHAVIOR] = behavior
    status = obj.get("status")
    if isinstance(status, dict):
        current = status.pop("currentMetrics", None)
        for metric in current or ():
            utilization = _cpu_utilization(metric, "current")
            if utilization is not None:
                status["currentCPUUtilizationPercentage"] = utilization
        if current:
            annotations[CURRENT_METRICS] = [
                _flattened(metric, "current", _CURRENTS) for metric in current
            ]
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
    metrics = [_nested(metric, "target", _TARGETS) for metric in _taken(held, METRICS, list)]
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    if utilization is not None:
        metrics.insert(0, _cpu_metric("target", utilization))
    if metrics:
        spec["metrics"] = metrics
    behavior = _taken(held, BEHAVIOR, dict)
    if behavior:
        spec["behavior"] = behavior
    current = [
        _nested(metric, "current", _CURRENTS) for metric in _taken(held, CURRENT_METRICS, list)
    ]
    conditions = _taken(held, CONDITIONS, list)
    status = obj.get("status")
    if isinstance(status, dict):
        used = status.pop("currentCPUUtilizationPercentage", None)
        if used is not None and not any(
            _cpu_utilization(metric, "current") is not None for metric in current
        ):
            current.insert(0, _cpu_metric("current", used))
        if current:
            status["currentMetrics"] = current
        if conditions:
            status["conditions"] = conditions
    if not held and "annotations" in (obj.get("metadata") or {}):
        del obj["metadata"]["annotations"]


def _cpu_metric(side: str, utilization: int) -> Object:
    value: Object = {"averageUtilization": utilization}
    if side == "target":
        value = {"type": "Utilization", **value}
    return {"type": "Resource", "resource": {"name": _CPU, side: value}}


def _cpu_utilization(metric: Object, side: str) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != _CPU:
        return None
    return (resource.get(side) or {}).get("averageUtilization")


def _taken(annotations: Object, name: str, kind: type) -> Any:
    """A decoded annotation, removed; one that is not what it should be counts as absent."""
    raw = annotations.pop(name, None)
    if raw is None:
        return kind()
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return kind()
    return value if isinstance(value, kind) else kind()


def _source(metric: Object) -> tuple[str, Object] | None:
    for name, source in metric.items():
        if name != "type" and isinstance(source, dict):
            return name, source
    return None


def _flattened(metric: Object, side: str, fields: dict[str, str]) -> Object:
    found = _source(metric)
    if found is None:
        return metric
    name, source = found
    flat: Object = {}
    for key, value in source.items():
        if key == side and isinstance(value, dict):
            flat |= {fields[k]: v for k, v in value.items() if k in fields}
        elif key == "metric" and isinstance(value, dict):
            flat["metricName"] = value.get("name", "")
            if "selector" in value:
                flat["metricSelector" if name == "external" else "selector"] = value["selector"]
        elif key == "describedObject":
            flat["target"] = value
        else:
            flat[key] = value
    return {"type": metric.get("type"), name: flat}


def _nested(metric: Object, side: str, fields: dict[str, str]) -> Object:
    found = _source(metric)
    if found is None:
        return metric
    name, flat = found
    spelled = {flat_name: nested_name for nested_name, flat_name in fields.items()}
    source: Object = {}
    values: Object = {}
    for key, value in flat.items():
        if key in spelled:
            values[spelled[key]] = value
        elif key == "metricName":
            source.setdefault("metric", {})["name"] = value
        elif key in ("metricSelector", "selector"):
            source.setdefault("metric", {})["selector"] = value
        elif key == "target":
            source["describedObject"] = value
        else:
            source[key] = value
    if side == "target" and values:
        values = {"type": _TYPES[next(iter(values))], **values}
    source[side] = values
    return {"type": metric.get("type"), name: source}
