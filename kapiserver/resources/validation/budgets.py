"""Pod disruption budgets."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, unsupported
from kapiserver.resources.validation.conditions import check_conditions
from kapiserver.resources.validation.formats import Found, check_non_negative
from kapiserver.resources.validation.internals import Field, Shape, internal
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.replicated import check_at_most_all, check_int_or_percent

_EVICTIONS = ("AlwaysAllow", "IfHealthyBudget")
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_SPEC: Shape = {
    "MinAvailable": Field("minAvailable"),
    "Selector": Field("selector"),
    "MaxUnavailable": Field("maxUnavailable"),
    "UnhealthyPodEvictionPolicy": Field("unhealthyPodEvictionPolicy"),
}


def check_budget(found: Found, spec: Object, old: Object | None) -> None:
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        found.append(invalid("spec", internal(spec, _SPEC), detail))
    for field, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            check_int_or_percent(found, value, f"spec.{field}")
            check_at_most_all(found, value, f"spec.{field}")
    before: Found = []
    check_selector(before, (old or {}).get("selector"), "")
    # values that were stored before they were looked at may stay
    check_selector(found, spec.get("selector"), "spec.selector", values=not before)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTIONS:
        found.append(unsupported("spec.unhealthyPodEvictionPolicy", policy, _EVICTIONS))


def check_budget_status(found: Found, status: Object) -> None:
    check_conditions(found, status.get("conditions"), "status.conditions")
    check_non_negative(found, status, "status", *_COUNTS)
