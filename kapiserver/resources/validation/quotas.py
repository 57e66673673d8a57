"""ResourceQuotas: names, amounts, scopes that fit what is counted. Worded as upstream's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import immutable, invalid, required
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.quantities import (
    HUGE_PAGES,
    amount,
    check_amount,
    resource_name,
)

_COMPUTE = ("cpu", "memory")
_LOCAL = "ephemeral-storage"
_POD_COUNT = frozenset(("pods",))
_POD_COMPUTE = frozenset(
    (*_COMPUTE, *(f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE))
)
_CLAIMS = frozenset(("persistentvolumeclaims", "requests.storage"))
_STANDARD = (
    _POD_COUNT
    | _POD_COMPUTE
    | _CLAIMS
    | {
        _LOCAL,
        f"requests.{_LOCAL}",
        f"limits.{_LOCAL}",
        "resourcequotas",
        "services",
        "services.nodeports",
        "services.loadbalancers",
        "replicationcontrollers",
        "secrets",
        "configmaps",
    }
)
# Scope → the standard resources that it can be applied to.
_SCOPES = {
    "Terminating": _POD_COUNT | _POD_COMPUTE,
    "NotTerminating": _POD_COUNT | _POD_COMPUTE,
    "BestEffort": _POD_COUNT,
    "NotBestEffort": _POD_COUNT | _POD_COMPUTE,
    "PriorityClass": _POD_COUNT | _POD_COMPUTE,
    "CrossNamespacePodAffinity": _POD_COUNT | _POD_COMPUTE,
    "VolumeAttributesClass": _CLAIMS,
}
_CONFLICTS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_ONLY_EXISTS = (
    "BestEffort",
    "NotBestEffort",
    "Terminating",
    "NotTerminating",
    "CrossNamespacePodAffinity",
)
_MISAPPLIED = "unsupported scope applied to resource"
_MUST_EXIST = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
    "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def check_quota(found: Found, spec: Object) -> None:
    hard = spec.get("hard") or {}
    check_counts(found, hard, "spec.hard")
    scopes, path = items(spec, "scopes"), "spec.scopes"
    used = dict.fromkeys(scopes)
    # all that is wrong with scopes is said of all of them, so once is enough
    problems = dict.fromkeys(filter(None, (_scope_problem(scope, hard) for scope in used)))
    found += [invalid(path, scopes, problem) for problem in problems]
    _check_conflicts(found, scopes, path, scopes)
    if spec.get("scopeSelector") is not None:
        _check_selector(found, spec["scopeSelector"], hard, spec.get("scopes"))


def check_counts(found: Found, counts: Object, path: str) -> None:
    """Amounts of what quotas count."""
    for name, quantity in counts.items():
        here = f"{path}[{name}]"
        found += [invalid(here, name, problem) for problem in resource_name(name)]
        if "/" not in name and not _is_standard(name):
            found.append(invalid(here, name, "must be a standard resource for quota"))
        check_amount(found, name, quantity, here, partial_pages=True)


def _is_standard(name: str) -> bool:
    return name in _STANDARD or name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}"))


def _scope_problem(scope: str, hard: Iterable[str]) -> str:
    fitting = _SCOPES.get(scope)
    if fitting is None:
        return "unsupported scope"
    fits = all(name in fitting for name in hard if _is_standard(name))
    return "" if fits else _MISAPPLIED


def _check_conflicts(found: Found, used: Iterable[str], path: str, shown: Any) -> None:
    names = set(used)
    found += [
        invalid(path, shown, "conflicting scopes") for pair in _CONFLICTS if names.issuperset(pair)
    ]


def _check_selector(found: Found, selector: Object, hard: Object, scopes: Any) -> None:
    path = "spec.scopeSelector.matchExpressions"
    requirements = items(selector, "matchExpressions")
    named = dict.fromkeys(text(each, "scopeName") for each in requirements)
    problems = {scope: _scope_problem(scope, hard) for scope in named}
    misapplied = next((scope for scope in named if problems[scope] == _MISAPPLIED), None)
    for requirement in requirements:
        scope, operator = text(requirement, "scopeName"), text(requirement, "operator")
        values = requirement.get("values")
        if scope not in _SCOPES:
            found.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        if scope == misapplied:
            found.append(invalid(path, _shown(requirements), _MISAPPLIED))
            misapplied = None
        if scope in _ONLY_EXISTS and operator != "Exists":
            found.append(invalid(f"{path}.operator", operator, _MUST_EXIST))
        if operator in ("In", "NotIn"):
            if not values:
                detail = (
                    "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                    "selector"
                )
                found.append(required(f"{path}.values", detail))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = (
                    "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope "
                    "selector"
                )
                found.append(invalid(f"{path}.values", values, detail))
        else:
            found.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    _check_conflicts(found, named, path, scopes)


def _shown(requirements: list[Any]) -> Object:
    """As Go's own struct is shown."""
    return {
        "MatchExpressions": [
            {
                "ScopeName": text(each, "scopeName"),
                "Operator": text(each, "operator"),
                "Values": each.get("values"),
            }
            for each in requirements
        ]
    }


def check_scopes_stay(found: Found, spec: Object, before: Object) -> None:
    if set(items(spec, "scopes")) != set(items(before, "scopes")):
        found.append(immutable("spec.scopes", spec.get("scopes")))


def warn_of_quota(spec: Object) -> list[str]:
    """More may be requested than can ever be used."""
    hard, found = spec.get("hard") or {}, []
    for name in ("cpu", "memory", "storage", _LOCAL):
        request, limit = f"requests.{name}", f"limits.{name}"
        if request not in hard and name in _COMPUTE:
            request = name
        if request in hard and limit in hard and amount(hard[request]) > amount(hard[limit]):
            found.append(
                f"ResourceQuota {request} ({hard[request]}) should be less than {limit} "
                f"({hard[limit]})"
            )
    return found
