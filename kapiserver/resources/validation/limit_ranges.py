"""LimitRanges: names, and amounts that leave room for one another. Worded as upstream's. Pure."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, forbidden, invalid, required
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.label_syntax import qualified_name
from kapiserver.resources.validation.quantities import (
    amount,
    container_resource,
    overcommits,
    resource_name,
)

_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_FIELDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_NOT_FOR_PODS = ("default", "defaultRequest")


def check_limits(found: Found, spec: Object) -> None:
    seen: set[str] = set()
    for position, limit in enumerate(items(spec, "limits")):
        path, kind = f"spec.limits[{position}]", text(limit, "type")
        _check_type(found, kind, f"{path}.type")
        if kind in seen:
            found.append(duplicate(f"{path}.type", kind))
        seen.add(kind)
        _check_limit(found, limit, kind, path)


def _check_type(found: Found, kind: str, path: str) -> None:
    problems = list(qualified_name(kind))
    if not problems and "/" not in kind and kind not in _TYPES:
        problems = ["must be a standard limit type or fully qualified"]
    found += [invalid(path, kind, problem) for problem in problems]


def _check_limit(found: Found, limit: Object, kind: str, path: str) -> None:
    for_pods = kind == "Pod"
    rule = container_resource if kind in ("Pod", "Container") else resource_name
    names: dict[str, None] = {}
    for field in _FIELDS:
        amounts = limit.get(field) or {}
        if for_pods and field in _NOT_FOR_PODS:
            if amounts:
                detail = "may not be specified when `type` is 'Pod'"
                found.append(forbidden(f"{path}.{field}", detail))
            continue
        for name in amounts:
            here = f"{path}.{field}[{name}]"
            found += [invalid(here, name, problem) for problem in rule(name)]
            names[name] = None
    if kind == "PersistentVolumeClaim" and not any(
        "storage" in (limit.get(field) or {}) for field in ("min", "max")
    ):
        detail = "either minimum or maximum storage value is required, but neither was provided"
        found.append(required(f"{path}.limits", detail))
    for name in names:
        given = {
            field: (limit.get(field) or {}).get(name)
            for field in _FIELDS
            if not (for_pods and field in _NOT_FOR_PODS)
        }
        _check_order(found, name, given, path)
        _check_ratio(found, name, given, path)


def _check_order(found: Found, name: str, given: dict[str, Any], path: str) -> None:
    least, most = given.get("min"), given.get("max")
    default, request = given.get("default"), given.get("defaultRequest")

    def compare(small: Any, large: Any, said: str, field: str, shown: Any) -> None:
        if small is not None and large is not None and amount(small) > amount(large):
            detail = said.format(small, large)
            found.append(invalid(f"{path}.{field}[{name}]", shown, detail))

    compare(least, most, "min value {} is greater than max value {}", "min", least)
    field = "defaultRequest"
    said = "min value {} is greater than default request value {}"
    compare(least, request, said, field, request)
    said = "default request value {} is greater than max value {}"
    compare(request, most, said, field, request)
    said = "default request value {} is greater than default limit value {}"
    compare(request, default, said, field, request)
    said = "min value {} is greater than default value {}"
    compare(least, default, said, "default", least)
    said = "default value {} is greater than max value {}"
    compare(default, most, said, "default", most)


def _check_ratio(found: Found, name: str, given: dict[str, Any], path: str) -> None:
    ratio, least, most = given["maxLimitRequestRatio"], given["min"], given["max"]
    here = f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and amount(ratio) < 1:
        found.append(invalid(here, ratio, f"ratio {ratio} is less than 1"))
    if None not in (ratio, least, most):
        limit = _quotient(amount(most), amount(least))
        if amount(ratio) > limit:
            detail = f"ratio {ratio} is greater than max/min = {_shown(limit)}"
            found.append(invalid(here, ratio, detail))
    default, request = given.get("default"), given.get("defaultRequest")
    if default is None or request is None or overcommits(name):
        return
    if amount(default) != amount(request):
        detail = f"default value {default} must equal to defaultRequest value {request} in {name}"
        found.append(invalid(f"{path}.defaultRequest[{name}]", request, detail))


def _quotient(most: Any, least: Any) -> float:
    if least:
        return float(most / least)
    return float("inf") if most else float("nan")


def _shown(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:f}"
