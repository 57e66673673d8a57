"""Which requests take part in admission: rules, selectors and conditions of webhooks and policies.

Expressions are only looked at from outside here: nothing compiles them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    too_many,
)
from kapiserver.resources.names import dns1035_label, dns1123_subdomain, path_segment
from kapiserver.resources.validation.formats import Found, check_choice
from kapiserver.resources.validation.labels import check_qualified, check_selector
from kapiserver.resources.validation.repeats import repeated

ALL = "*"
FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
REINVOCATION_POLICIES = ("IfNeeded", "Never")
OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
MUTATING_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")

_SCOPES = ("*", "Cluster", "Namespaced")
_MAX_CONDITIONS = 64
_STATIC = ".static.k8s.io"
# Requests of these are asked about while others are admitted: webhooks never see them.
_VIRTUAL = {
    "authentication.k8s.io": ("selfsubjectreviews", "tokenreviews"),
    "authorization.k8s.io": (
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "subjectaccessreviews",
    ),
}


def check_not_static(found: Found, obj: Object) -> None:
    """Names of what is configured in files, which the API may not take."""
    name = (obj.get("metadata") or {}).get("name") or ""
    if name.endswith(_STATIC):
        detail = (
            f'names ending with "{_STATIC}" are reserved for static manifest-based configurations '
            "and cannot be managed via the API"
        )
        found.append(invalid("metadata.name", name, detail))


def static_warnings(obj: Object) -> list[str]:
    name = (obj.get("metadata") or {}).get("name") or ""
    if not name.endswith(_STATIC):
        return []
    return [
        f'metadata.name: names ending with "{_STATIC}" will be reserved for static manifest-based '
        "configurations when the ManifestBasedAdmissionControlConfig feature gate is enabled"
    ]


def check_rules(found: Found, rules: Any, path: str) -> None:
    for position, rule in enumerate(rules or ()):
        _check_rule(found, rule, f"{path}[{position}]")


def _check_rule(found: Found, rule: Object, path: str) -> None:
    operations = rule.get("operations") or []
    _check_alone(found, operations, "operations", f"{path}.operations")
    for position, operation in enumerate(operations):
        check_choice(found, operation, OPERATIONS, f"{path}.operations[{position}]")
    _check_alone(found, rule.get("apiGroups") or [], "API groups", f"{path}.apiGroups")
    versions = rule.get("apiVersions") or []
    _check_alone(found, versions, "API versions", f"{path}.apiVersions")
    for position, version in enumerate(versions):
        if not version:
            found.append(required(f"{path}.apiVersions[{position}]"))
    _check_resources(found, rule.get("resources") or [], f"{path}.resources")
    check_choice(found, rule.get("scope"), _SCOPES, f"{path}.scope")


def _check_alone(found: Found, values: list[str], what: str, path: str) -> None:
    if not values:
        found.append(required(path))
    if len(values) > 1 and ALL in values:
        detail = f"if '*' is present, must not specify other {what}"
        found.append(invalid(path, values, detail))


def _check_resources(found: Found, resources: list[str], path: str) -> None:
    if not resources:
        found.append(required(path))
    whole: set[str] = set()  # resources with all their subresources
    anywhere: set[str] = set()  # subresources of all resources
    last_is_plain = False
    for position, text in enumerate(resources):
        here = f"{path}[{position}]"
        if not text:
            found.append(required(here))
            continue
        resource, slash, subresource = text.partition("/")
        if not slash:
            last_is_plain = text != ALL
            continue
        if resource in whole:
            detail = f"if '{resource}/*' is present, must not specify {text}"
            found.append(invalid(here, text, detail))
        if subresource in anywhere:
            detail = f"if '*/{subresource}' is present, must not specify {text}"
            found.append(invalid(here, text, detail))
        if subresource == ALL:
            whole.add(resource)
        if resource == ALL:
            anywhere.add(subresource)
    if len(resources) > 1 and "*/*" in resources:
        detail = "if '*/*' is present, must not specify other resources"
        found.append(invalid(path, resources, detail))
    if ALL in resources and last_is_plain:
        detail = "if '*' is present, must not specify other resources without subresources"
        found.append(invalid(path, resources, detail))


def check_match_resources(found: Found, match: Object, path: str) -> None:
    check_choice(
        found, match.get("matchPolicy"), MATCH_POLICIES, f"{path}.matchPolicy", needed=True
    )
    for field in ("namespaceSelector", "objectSelector"):
        if match.get(field) is None:
            found.append(required(f"{path}.{field}"))
        else:
            check_selector(found, match[field], f"{path}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for position, rule in enumerate(match.get(field) or ()):
            here = f"{path}.{field}[{position}]"
            _check_names(found, rule.get("resourceNames") or [], f"{here}.resourceNames")
            _check_rule(found, rule, here)


def _check_names(found: Found, names: list[str], path: str) -> None:
    again = repeated(names)
    for position, name in enumerate(names):
        here = f"{path}[{position}]"
        found += [invalid(here, name, problem) for problem in path_segment(name)]
        if position in again:
            found.append(duplicate(here, name))


def check_conditions_to_match(found: Found, conditions: Any, path: str) -> None:
    seen: set[str] = set()
    if conditions and len(conditions) > _MAX_CONDITIONS:
        found.append(too_many(path, len(conditions), _MAX_CONDITIONS))
    for position, condition in enumerate(conditions or ()):
        here, name = f"{path}[{position}]", condition.get("name") or ""
        if not (condition.get("expression") or "").strip():
            found.append(required(f"{here}.expression"))
        if not name:
            found.append(required(f"{here}.name"))
            continue
        check_qualified(found, name, f"{here}.name")
        if name in seen:
            found.append(duplicate(f"{here}.name", name))
        seen.add(name)


def check_param_kind(found: Found, kind: Object, path: str) -> None:
    version, here = kind.get("apiVersion") or "", f"{path}.apiVersion"
    if not version:
        found.append(required(here))
    elif version.count("/") > 1:
        found.append(invalid(here, version, f"unexpected GroupVersion string: {version}"))
    else:
        group, _, name = version.rpartition("/")
        if group and (problems := dns1123_subdomain(group)):
            found.append(invalid(here, group, ",".join(problems)))
        if not name:
            found.append(invalid(here, version, "version must be specified"))
        elif problems := dns1035_label(name):
            found.append(invalid(here, name, ",".join(problems)))
    text = kind.get("kind") or ""
    if not text:
        found.append(required(f"{path}.kind"))
    elif problems := dns1035_label(text.lower()):
        detail = "may have mixed case, but should otherwise match: " + ",".join(problems)
        found.append(invalid(f"{path}.kind", text, detail))


def check_param_ref(found: Found, reference: Object | None, path: str) -> None:
    if reference is None:
        return
    name, selector = reference.get("name") or "", reference.get("selector")
    exclusive = "name and selector are mutually exclusive"
    if name:
        found += [invalid(f"{path}.name", name, problem) for problem in path_segment(name)]
        if selector is not None:
            found.append(forbidden(f"{path}.name", exclusive))
    if selector is not None:
        check_selector(found, selector, f"{path}.selector")
        if name:
            found.append(forbidden(f"{path}.selector", exclusive))
    if not name and selector is None:
        found.append(required(path, "one of name or selector must be specified"))
    action, here = reference.get("parameterNotFoundAction"), f"{path}.parameterNotFoundAction"
    check_choice(found, action or None, ("Deny", "Allow"), here, needed=True)


def virtual_warnings(rules: Any, path: str) -> list[str]:
    """Rules that name what webhooks never see; '*' names nothing in particular."""
    warnings = []
    for position, rule in enumerate(rules or ()):
        named = [rule.get(field) or () for field in ("apiGroups", "apiVersions", "resources")]
        if any(ALL in values for values in named):
            continue
        for resource in _virtual(named[0], named[2]):
            warnings.append(
                f"{path}[{position}]: {resource} is excluded from admission webhooks; this rule "
                "will have no effect"
            )
    return warnings


def _virtual(groups: Iterable[str], resources: Iterable[str]) -> dict[str, None]:
    named = list(resources)
    return {
        f"{resource}.{group}": None
        for group in groups
        for resource in named
        if resource in _VIRTUAL.get(group, ())
    }
