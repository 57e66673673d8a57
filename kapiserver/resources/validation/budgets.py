"""Pod disruption budgets."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, unsupported
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.replicated import check_at_most_all, check_int_or_percent

_EVICTIONS = ("AlwaysAllow", "IfHealthyBudget")


def check_budget(found: Found, spec: Object) -> None:
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        found.append(invalid("spec", spec, detail))
    for field, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            check_int_or_percent(found, value, f"spec.{field}")
            check_at_most_all(found, value, f"spec.{field}")
    check_selector(found, spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTIONS:
        found.append(unsupported("spec.unhealthyPodEvictionPolicy", policy, _EVICTIONS))
