"""Horizontal pod autoscalers, in the shape of autoscaling/v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.names import path_segment
from kapiserver.resources.schema.quantity import quantity_value
from kapiserver.resources.validation.formats import Found, check_label
from kapiserver.resources.validation.quantities import container_resource

_MAX_PERIOD = 1800
_MAX_WINDOW = 3600
_SELECTS = ("Disabled", "Max", "Min")
_POLICIES = ("Percent", "Pods")
_SOURCE_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_EXCLUSIVE = "must populate the given metric source only"
_EITHER = "must set either a target raw value or a target utilization"
_NOT_BOTH = "may not set both a target raw value and a target utilization"


def check_autoscaler(found: Found, spec: Object, old: Object | None) -> None:
    smallest, largest = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if smallest is not None and smallest < 0:
        detail = "must be greater than or equal to 0"
        found.append(invalid("spec.minReplicas", smallest, detail))
    if largest < 1:
        found.append(invalid("spec.maxReplicas", largest, "must be greater than 0"))
    if smallest is not None and largest < smallest:
        detail = "must be greater than or equal to `minReplicas`"
        found.append(invalid("spec.maxReplicas", largest, detail))
    _check_target_reference(found, spec, old)
    metrics = spec.get("metrics") or ()
    # the versions of what metrics describe are not looked at when they were bad before
    lenient = any(
        _version_problem(metric["object"].get("describedObject") or {})
        for metric in (old or {}).get("metrics") or ()
        if metric.get("object") is not None
    )
    for position, metric in enumerate(metrics):
        path = f"spec.metrics[{position}]"
        _check_metric(found, metric, path)
        described = (metric.get("object") or {}).get("describedObject")
        if described is not None and not lenient:
            _check_version(found, described, f"{path}.object.describedObject.apiVersion")
    if smallest == 0 and not any(m.get("type") in ("Object", "External") for m in metrics):
        detail = (
            "must specify at least one Object or External metric to support scaling to zero "
            "replicas"
        )
        found.append(forbidden("spec.metrics", detail))
    behavior = spec.get("behavior") or {}
    for direction in ("scaleUp", "scaleDown"):
        rules = behavior.get(direction)
        if rules is not None:
            _check_rules(found, rules, f"spec.behavior.{direction}")


def _check_segment(found: Found, name: str, path: str, detail: str = "") -> None:
    if not name:
        found.append(required(path, detail))
    else:
        found += [invalid(path, name, problem) for problem in path_segment(name)]


def _check_reference(found: Found, reference: Object, path: str) -> None:
    for field in ("kind", "name"):
        _check_segment(found, reference.get(field, ""), f"{path}.{field}")


def _check_target_reference(found: Found, spec: Object, old: Object | None) -> None:
    target, before = spec.get("scaleTargetRef") or {}, (old or {}).get("scaleTargetRef") or {}
    path = "spec.scaleTargetRef"
    _check_reference(found, target, path)
    kind = target.get("kind", "")
    unchanged = old is not None and all(
        target.get(field, "") == before.get(field, "") for field in ("apiVersion", "kind")
    )
    if not unchanged:
        # the one kind of the core group that scales
        grouped = kind != "ReplicationController"
        _check_version(found, target, f"{path}.apiVersion", grouped=grouped)


def _check_version(found: Found, reference: Object, path: str, *, grouped: bool = False) -> None:
    if problem := _version_problem(reference, grouped=grouped):
        found.append(invalid(path, reference.get("apiVersion", ""), problem))


def _version_problem(reference: Object, *, grouped: bool = False) -> str:
    version = reference.get("apiVersion", "")
    if version.count("/") > 1:
        return f"unexpected GroupVersion string: {version}"
    group = version.rpartition("/")[0]
    return "apiVersion must specify API group" if grouped and not group else ""


def _check_rules(found: Found, rules: Object, path: str) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        detail = "must be greater than or equal to zero"
        found.append(invalid(f"{path}.stabilizationWindowSeconds", window, detail))
    if window is not None and window > _MAX_WINDOW:
        detail = f"must be less than or equal to {_MAX_WINDOW}"
        found.append(invalid(f"{path}.stabilizationWindowSeconds", window, detail))
    tolerance = rules.get("tolerance")
    if tolerance is not None and (quantity_value(str(tolerance)) or 0) < 0:
        detail = "must be greater or equal to zero"
        found.append(invalid(f"{path}.tolerance", str(tolerance), detail))
    select = rules.get("selectPolicy")
    if select is not None and select not in _SELECTS:
        found.append(unsupported(f"{path}.selectPolicy", select, _SELECTS))
    policies = rules.get("policies")
    if not policies:
        found.append(required(f"{path}.policies", "must specify at least one Policy"))
    for position, policy in enumerate(policies or ()):
        here = f"{path}.policies[{position}]"
        kind, period = policy.get("type", ""), policy.get("periodSeconds", 0)
        if kind not in _POLICIES:
            found.append(unsupported(f"{here}.type", kind, _POLICIES))
        if policy.get("value", 0) <= 0:
            value = policy.get("value", 0)
            found.append(invalid(f"{here}.value", value, "must be greater than zero"))
        if period <= 0:
            found.append(invalid(f"{here}.periodSeconds", period, "must be greater than zero"))
        elif period > _MAX_PERIOD:
            detail = f"must be less than or equal to {_MAX_PERIOD}"
            found.append(invalid(f"{here}.periodSeconds", period, detail))


def _check_metric(found: Found, metric: Object, path: str) -> None:
    kind = metric.get("type", "")
    if not kind:
        found.append(required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCE_TYPES:
        found.append(unsupported(f"{path}.type", kind, _SOURCE_TYPES))
    present = [name for name in _SOURCES if metric.get(name) is not None]
    if present:
        _SOURCES[present[0]](found, metric[present[0]], f"{path}.{present[0]}")
    expected = kind[:1].lower() + kind[1:]
    if kind in _SOURCE_TYPES and expected not in present:
        detail = "must populate information for the given metric source"
        found.append(required(f"{path}.{expected}", detail))
    if len(present) != 1:
        found += [forbidden(f"{path}.{name}", _EXCLUSIVE) for name in present if name != expected]


def _check_identifier(found: Found, source: Object, path: str) -> None:
    name = (source.get("metric") or {}).get("name", "")
    _check_segment(found, name, f"{path}.metric.name", "must specify a metric name")


def _check_target(found: Found, source: Object, path: str) -> Object:
    target: Object = source.get("target") or {}
    here = f"{path}.target"
    kind = target.get("type", "")
    if not kind:
        found.append(required(f"{here}.type", "must specify a metric target type"))
    if kind not in ("Utilization", "Value", "AverageValue"):
        detail = "must be either Utilization, Value, or AverageValue"
        found.append(invalid(f"{here}.type", kind, detail))
    for field in ("value", "averageValue"):
        quantity = target.get(field)
        if quantity is not None and (quantity_value(str(quantity)) or 0) <= 0:
            found.append(invalid(f"{here}.{field}", quantity, "must be positive"))
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        detail = "must be greater than 0"
        found.append(invalid(f"{here}.averageUtilization", utilization, detail))
    return target


def _check_object(found: Found, source: Object, path: str) -> None:
    _check_reference(found, source.get("describedObject") or {}, f"{path}.describedObject")
    _check_identifier(found, source, path)
    target = _check_target(found, source, path)
    if target.get("value") is None and target.get("averageValue") is None:
        detail = "must set either a target value or averageValue"
        found.append(required(f"{path}.target.averageValue", detail))


def _check_external(found: Found, source: Object, path: str) -> None:
    _check_identifier(found, source, path)
    target = _check_target(found, source, path)
    value, average = target.get("value"), target.get("averageValue")
    if value is None and average is None:
        detail = "must set either a target value for metric or a per-pod target"
        found.append(required(f"{path}.target.averageValue", detail))
    if value is not None and average is not None:
        detail = "may not set both a target value for metric and a per-pod target"
        found.append(forbidden(f"{path}.target.value", detail))


def _check_pods(found: Found, source: Object, path: str) -> None:
    _check_identifier(found, source, path)
    target = _check_target(found, source, path)
    if target.get("averageValue") is None:
        detail = "must specify a positive target averageValue"
        found.append(required(f"{path}.target.averageValue", detail))


def _check_resource(found: Found, source: Object, path: str) -> None:
    if not source.get("name"):
        found.append(required(f"{path}.name", "must specify a resource name"))
    _check_utilization(found, source, path)


def _check_container_resource(found: Found, source: Object, path: str) -> None:
    name, container = source.get("name", ""), source.get("container", "")
    if not name:
        found.append(required(f"{path}.name", "must specify a resource name"))
    else:
        found += [invalid(f"{path}.name", name, problem) for problem in container_resource(name)]
    if not container:
        found.append(required(f"{path}.container", "must specify a container"))
    else:
        check_label(found, container, f"{path}.container")
    _check_utilization(found, source, path)


def _check_utilization(found: Found, source: Object, path: str) -> None:
    target = _check_target(found, source, path)
    utilization, average = target.get("averageUtilization"), target.get("averageValue")
    if utilization is None and average is None:
        found.append(required(f"{path}.target.averageUtilization", _EITHER))
    if utilization is not None and average is not None:
        found.append(forbidden(f"{path}.target.averageValue", _NOT_BOTH))


_SOURCES: dict[str, Callable[[Found, Any, str], None]] = {
    "object": _check_object,
    "external": _check_external,
    "pods": _check_pods,
    "resource": _check_resource,
    "containerResource": _check_container_resource,
}
