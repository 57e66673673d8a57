"""Flow schemas and priority levels: which requests wait for which, and how many run at once."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.validation.fixed_flows import (
    FIXED_FLOWS,
    FIXED_LEVELS,
    FLOW,
    LEVEL,
    METHOD,
)
from kapiserver.resources.validation.formats import Found, check_label, check_subdomain, in_range
from kapiserver.resources.validation.internals import internal

_MAX_PRECEDENCE = 10000
_MAX_QUEUES = 10_000_000
_MAX_HASH_BITS = 60
_METHODS = ("ByNamespace", "ByUser")
_SUBJECTS = ("Group", "ServiceAccount", "User")
_LEVEL_TYPES = ("Exempt", "Limited")
_RESPONSES = ("Queue", "Reject")
_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
)
_EXEMPT = "exempt"
# How v1beta3 said that a level has no shares, which now is a zero like others.
_ROUND_TRIP = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
_NOT_NEGATIVE = "must be a non-negative integer"
_NAMESPACES = "each member of this list must be '*' or a DNS-1123 label; "


def check_flow_schema(found: Found, obj: Object) -> None:
    name, spec = obj.get("metadata", {}).get("name", ""), obj.get("spec") or {}
    _check_precedence(found, name, spec.get("matchingPrecedence", 0), "spec.matchingPrecedence")
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type", "") not in _METHODS:
        path = "spec.distinguisherMethod.type"
        found.append(unsupported(path, internal(method, METHOD), _METHODS))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    path = "spec.priorityLevelConfiguration.name"
    if level:
        check_subdomain(found, level, path)
    else:
        found.append(required(path, "must reference a priority level"))
    for position, rule in enumerate(spec.get("rules") or ()):
        _check_rule(found, rule, f"spec.rules[{position}]")
    shown = internal(spec, FLOW)
    if name in FIXED_FLOWS and shown != internal(FIXED_FLOWS[name], FLOW):
        found.append(invalid("spec", shown, f"spec of '{name}' must equal the fixed value"))
    check_flow_conditions(found, obj)


def check_flow_conditions(found: Found, obj: Object) -> None:
    seen: set[str] = set()
    for position, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        path, kind = f"status.conditions[{position}].type", condition.get("type", "")
        if kind in seen:
            found.append(duplicate(path, kind))
        seen.add(kind)
        if not kind:
            found.append(required(path))


def _check_precedence(found: Found, name: str, precedence: int, path: str) -> None:
    if precedence <= 0:
        found.append(invalid(path, precedence, "must be a positive value"))
    if precedence > _MAX_PRECEDENCE:
        found.append(invalid(path, precedence, f"must not be greater than {_MAX_PRECEDENCE}"))
    if precedence == 1 and name != _EXEMPT:
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        found.append(invalid(path, precedence, detail))


def _check_rule(found: Found, rule: Object, path: str) -> None:
    subjects = rule.get("subjects")
    if not subjects:
        found.append(required(f"{path}.subjects", "subjects must contain at least one value"))
    for position, subject in enumerate(subjects or ()):
        _check_subject(found, subject, f"{path}.subjects[{position}]")
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        found.append(required(path, detail))
    for position, each in enumerate(rule.get("resourceRules") or ()):
        _check_resource_rule(found, each, f"{path}.resourceRules[{position}]")
    for position, each in enumerate(rule.get("nonResourceRules") or ()):
        _check_url_rule(found, each, f"{path}.nonResourceRules[{position}]")


# For each kind of subject, the field that describes it; the others are looked at in this order.
_SUBJECT_FIELDS = {
    "ServiceAccount": ("serviceAccount", ("user", "group")),
    "User": ("user", ("serviceAccount", "group")),
    "Group": ("group", ("serviceAccount", "user")),
}


def _check_subject(found: Found, subject: Object, path: str) -> None:
    kind = subject.get("kind", "")
    if kind not in _SUBJECT_FIELDS:
        found.append(unsupported(f"{path}.kind", kind, _SUBJECTS))
        return
    field, others = _SUBJECT_FIELDS[kind]
    described = subject.get(field)
    if described is None:
        detail = f"{field} is required when subject kind is '{kind}'"
        found.append(required(f"{path}.{field}", detail))
    elif not described.get("name"):
        found.append(required(f"{path}.{field}.name"))
    if field == "serviceAccount" and described is not None:
        _check_account(found, described, f"{path}.serviceAccount")
    for other in others:
        if subject.get(other) is not None:
            owner = other[0].upper() + other[1:]
            detail = f"{other} is forbidden when subject kind is not '{owner}'"
            found.append(forbidden(f"{path}.{other}", detail))


def _check_account(found: Found, account: Object, path: str) -> None:
    name, namespace = account.get("name", ""), account.get("namespace", "")
    if name and name != "*":
        check_subdomain(found, name, f"{path}.name")
    if namespace:
        check_label(found, namespace, f"{path}.namespace")
    else:
        detail = "must specify namespace for service account"
        found.append(required(f"{path}.namespace", detail))


def _check_verbs(found: Found, verbs: Any, path: str) -> None:
    if not verbs:
        found.append(required(path, "verbs must contain at least one value"))
    elif "*" in verbs:
        if len(verbs) > 1:
            found.append(invalid(path, verbs, "if '*' is present, must not specify other verbs"))
    elif not set(verbs) <= set(_VERBS):
        found.append(unsupported(path, verbs, _VERBS))


def _check_all_or_some(found: Found, values: Any, path: str, missing: str, others: str) -> None:
    if not values:
        found.append(required(path, missing))
    elif len(values) > 1 and "*" in values:
        detail = f"if '*' is present, must not specify other {others}"
        found.append(invalid(path, values, detail))


def _check_resource_rule(found: Found, rule: Object, path: str) -> None:
    _check_verbs(found, rule.get("verbs"), f"{path}.verbs")
    missing = "resource rules must supply at least one api group"
    groups, resources = rule.get("apiGroups"), rule.get("resources")
    _check_all_or_some(found, groups, f"{path}.apiGroups", missing, "api groups")
    missing = "resource rules must supply at least one resource"
    _check_all_or_some(found, resources, f"{path}.resources", missing, "resources")
    namespaces, here = rule.get("namespaces") or [], f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        found.append(required(here, detail))
    elif "*" in namespaces:
        _check_all_or_some(found, namespaces, here, "", "namespaces")
    else:
        for position, namespace in enumerate(namespaces):
            found += [
                invalid(f"{here}[{position}]", namespace, f"{_NAMESPACES}{problem}")
                for problem in dns1123_label(namespace)
            ]


def _check_url_rule(found: Found, rule: Object, path: str) -> None:
    _check_verbs(found, rule.get("verbs"), f"{path}.verbs")
    urls, here = rule.get("nonResourceURLs"), f"{path}.nonResourceURLs"
    missing = "nonResourceURLs must contain at least one value"
    _check_all_or_some(found, urls, here, missing, "non-resource URLs")
    if urls and "*" not in urls:
        for position, url in enumerate(urls):
            problem = _url_problem(url)
            if problem:
                found.append(invalid(f"{here}[{position}]", url, problem))


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if "*" in url and (url.count("*") > 1 or not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


# -- priority levels ---------------------------------------------------------------------------


def check_priority_level(found: Found, obj: Object) -> None:
    name, spec = obj.get("metadata", {}).get("name", ""), obj.get("spec") or {}
    kind, limited, exempt = spec.get("type", ""), spec.get("limited"), spec.get("exempt")
    if _ROUND_TRIP in (obj["metadata"].get("annotations") or {}):
        detail = f"annotation '{_ROUND_TRIP}' is forbidden"
        found.append(forbidden("metadata.annotations", detail))
    if (name == _EXEMPT) != (kind == "Exempt"):
        detail = "must be 'Exempt' if and only if `name` is 'exempt'"
        found.append(invalid("spec.type", kind, detail))
    if kind == "Exempt":
        if limited is not None:
            found.append(forbidden("spec.limited", "must be nil if the type is not Limited"))
        if exempt is None:
            found.append(required("spec.exempt", "must not be empty"))
        else:
            _check_shares(found, exempt, "spec.exempt")
            _check_lendable(found, exempt, "spec.exempt")
    elif kind == "Limited":
        if exempt is not None:
            found.append(forbidden("spec.exempt", "must be nil if the type is Limited"))
        if limited is None:
            found.append(required("spec.limited", "must not be empty when type is Limited"))
        else:
            _check_limited(found, limited, "spec.limited")
    else:
        found.append(unsupported("spec.type", kind, _LEVEL_TYPES))
    _check_fixed(found, name, spec)
    check_flow_conditions(found, obj)


def _check_fixed(found: Found, name: str, spec: Object) -> None:
    fixed = FIXED_LEVELS.get(name)
    if fixed is None:
        return
    if name == _EXEMPT:
        # how much it lends is for the administrator to say
        what = "spec of 'exempt' except the 'spec.exempt' field"
        compared = {**spec, "exempt": fixed["exempt"]}
    else:
        what, compared = f"spec of '{name}'", spec
    if internal(compared, LEVEL) != internal(fixed, LEVEL):
        detail = f"{what} must equal the fixed value"
        found.append(invalid("spec", internal(spec, LEVEL), detail))


def _check_shares(found: Found, level: Object, path: str) -> None:
    shares = level.get("nominalConcurrencyShares")
    if shares is not None and shares < 0:
        found.append(invalid(f"{path}.nominalConcurrencyShares", shares, _NOT_NEGATIVE))


def _check_lendable(found: Found, level: Object, path: str) -> None:
    percent = level.get("lendablePercent")
    if percent is not None and not 0 <= percent <= 100:
        found.append(invalid(f"{path}.lendablePercent", percent, in_range(0, 100)))


def _check_limited(found: Found, limited: Object, path: str) -> None:
    _check_shares(found, limited, path)
    _check_response(found, limited.get("limitResponse") or {}, f"{path}.limitResponse")
    _check_lendable(found, limited, path)
    percent = limited.get("borrowingLimitPercent")
    if percent is not None and percent < 0:
        detail = f"if specified, {_NOT_NEGATIVE}"
        found.append(invalid(f"{path}.borrowingLimitPercent", percent, detail))


def _check_response(found: Found, response: Object, path: str) -> None:
    kind, queuing = response.get("type", ""), response.get("queuing")
    if kind == "Reject":
        if queuing is not None:
            detail = "must be nil if limited.limitResponse.type is not Limited"
            found.append(forbidden(f"{path}.queuing", detail))
    elif kind == "Queue":
        if queuing is None:
            detail = "must not be empty if limited.limitResponse.type is Limited"
            found.append(required(f"{path}.queuing", detail))
        else:
            _check_queuing(found, queuing, f"{path}.queuing")
    else:
        found.append(unsupported(f"{path}.type", kind, _RESPONSES))


def _check_queuing(found: Found, queuing: Object, path: str) -> None:
    length, queues, hand = (
        queuing.get(field, 0) for field in ("queueLengthLimit", "queues", "handSize")
    )
    if length <= 0:
        found.append(invalid(f"{path}.queueLengthLimit", length, "must be positive"))
    if queues <= 0:
        found.append(invalid(f"{path}.queues", queues, "must be positive"))
    elif queues > _MAX_QUEUES:
        found.append(invalid(f"{path}.queues", queues, f"must not be greater than {_MAX_QUEUES}"))
    if hand <= 0:
        found.append(invalid(f"{path}.handSize", hand, "must be positive"))
    elif hand > queues:
        detail = f"should not be greater than queues ({queues})"
        found.append(invalid(f"{path}.handSize", hand, detail))
    elif _entropy_bits(queues, hand) > _MAX_HASH_BITS:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be "
            f"greater than {_MAX_HASH_BITS}"
        )
        found.append(invalid(f"{path}.handSize", hand, detail))


def _entropy_bits(deck: int, hand: int) -> int:
    """How many bits of a hash it takes to deal a hand."""
    return ceil(log2(deck) * hand)
