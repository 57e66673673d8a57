"""Roles and their bindings."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required, unsupported
from kapiserver.resources.names import path_segment
from kapiserver.resources.validation.formats import Found, check_subdomain
from kapiserver.resources.validation.internals import NIL, Shape, internal, text
from kapiserver.resources.validation.labels import check_selector

RBAC_GROUP = "rbac.authorization.k8s.io"

_SUBJECTS = ("ServiceAccount", "User", "Group")
_ROLE_REF: Shape = {
    "APIGroup": text("apiGroup"),
    "Kind": text("kind"),
    "Name": text("name"),
}


def check_rules(found: Found, rules: Any, *, namespaced: bool) -> None:
    for position, rule in enumerate(rules or ()):
        _check_rule(found, rule, f"rules[{position}]", namespaced=namespaced)


def _check_rule(found: Found, rule: Object, path: str, *, namespaced: bool) -> None:
    if not rule.get("verbs"):
        found.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        here = f"{path}.nonResourceURLs"
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            found.append(invalid(here, urls, detail))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            found.append(invalid(here, urls, detail))
        return
    if not rule.get("apiGroups"):
        detail = "resource rules must supply at least one api group"
        found.append(required(f"{path}.apiGroups", detail))
    if not rule.get("resources"):
        detail = "resource rules must supply at least one resource"
        found.append(required(f"{path}.resources", detail))


def check_aggregation(found: Found, rule: Any, old: Any) -> None:
    """A cluster role that takes its rules from others, found by their labels."""
    if rule is None:
        return
    selectors = rule.get("clusterRoleSelectors") or ()
    path = "aggregationRule.clusterRoleSelectors"
    if not selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        found.append(required(path, detail))
    lenient = _has_bad_values(old)
    for position, selector in enumerate(selectors):
        here = f"{path}[{position}]"
        check_selector(found, selector, here, values=not lenient)
        problems: Found = []
        check_selector(problems, selector, here)
        if problems:
            found.append(invalid(here, NIL, "invalid label selector."))


def _has_bad_values(rule: Any) -> bool:
    problems: Found = []
    for selector in (rule or {}).get("clusterRoleSelectors") or ():
        check_selector(problems, selector, "")
    return bool(problems)


def check_binding(found: Found, binding: Object, old: Object | None, *, namespaced: bool) -> None:
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    role = binding.get("roleRef") or {}
    group, kind, name = role.get("apiGroup", ""), role.get("kind", ""), role.get("name", "")
    if group != RBAC_GROUP:
        found.append(unsupported("roleRef.apiGroup", group, (RBAC_GROUP,)))
    if kind not in kinds:
        found.append(unsupported("roleRef.kind", kind, kinds))
    if not name:
        found.append(required("roleRef.name"))
    else:
        found += [invalid("roleRef.name", name, problem) for problem in path_segment(name)]
    for position, subject in enumerate(binding.get("subjects") or ()):
        _check_subject(found, subject, f"subjects[{position}]", namespaced=namespaced)
    if old is not None and internal(role, _ROLE_REF) != internal(
        old.get("roleRef") or {}, _ROLE_REF
    ):
        found.append(invalid("roleRef", internal(role, _ROLE_REF), "cannot change roleRef"))


def _check_subject(found: Found, subject: Object, path: str, *, namespaced: bool) -> None:
    kind, name = subject.get("kind", ""), subject.get("name", "")
    group = subject.get("apiGroup", "")
    if not name:
        found.append(required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            check_subdomain(found, name, f"{path}.name")
        if group:
            found.append(unsupported(f"{path}.apiGroup", group, ("",)))
        if not namespaced and not subject.get("namespace"):
            found.append(required(f"{path}.namespace"))
    elif kind not in _SUBJECTS:
        found.append(unsupported(f"{path}.kind", kind, _SUBJECTS))
    elif group != RBAC_GROUP:
        found.append(unsupported(f"{path}.apiGroup", group, (RBAC_GROUP,)))
