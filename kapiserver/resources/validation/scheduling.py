"""Where a pod may run: node selectors, affinity, tolerations, spreading, gates."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.internal_pods import TOLERATION
from kapiserver.resources.validation.internals import internal
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.labels import (
    check_qualified,
    check_selector,
    check_set_operator,
    check_values,
)
from kapiserver.resources.validation.pod_tolerance import STRICT, Tolerance, repeated_keys

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("Equal", "Exists")
_COMPARISONS = ("Lt", "Gt")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSIONS = ("Honor", "Ignore")
_WEIGHT = "must be in the range 1-100"
_BOTH = "exists in both matchLabelKeys and labelSelector"
_BAD_OPERATOR = "not a valid selector operator"
_POSITIVE = "must be greater than zero"


def check_tolerations(
    found: Found, tolerations: Any, path: str, *, comparisons: bool = False
) -> None:
    """`comparisons`: whether Lt and Gt, whose feature is off, are let pass."""
    for position, toleration in enumerate(tolerations):
        here = f"{path}[{position}]"
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        value, effect = toleration.get("value", ""), toleration.get("effect", "")
        if key:
            check_qualified(found, key, f"{here}.key")
        elif operator != "Exists":
            detail = (
                "operator must be Exists when `key` is empty, which means "
                '"match all values and all keys"'
            )
            found.append(invalid(f"{here}.operator", operator, detail))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            found.append(invalid(f"{here}.effect", effect, detail))
        if operator in ("", "Equal"):
            if problems := label_value(value):
                found.append(invalid(f"{here}.operator", value, ";".join(problems)))
        elif operator == "Exists":
            if value:
                detail = "value must be empty when `operator` is 'Exists'"
                found.append(invalid(f"{here}.operator", internal(toleration, TOLERATION), detail))
        elif operator not in _COMPARISONS:
            found.append(unsupported(f"{here}.operator", operator, _OPERATORS))
        elif not comparisons:
            choices = (*_OPERATORS, *_COMPARISONS)
            found.append(unsupported(f"{here}.operator", operator, choices))
        if effect and effect not in _EFFECTS:
            found.append(unsupported(f"{here}.effect", effect, _EFFECTS))


def check_affinity(
    found: Found, affinity: Object, path: str, tolerance: Tolerance = STRICT
) -> None:
    nodes = affinity.get("nodeAffinity")
    if nodes is not None:
        strict = not tolerance.node_label_values
        _check_node_affinity(found, nodes, f"{path}.nodeAffinity", strict=strict)
    for field in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(field)
        if pods is not None:
            values = not tolerance.pod_selector_values
            _check_pod_affinity(found, pods, f"{path}.{field}", values=values)


def _check_node_affinity(found: Found, nodes: Object, path: str, *, strict: bool) -> None:
    selector = nodes.get(_REQUIRED)
    if selector is not None:
        check_node_selector(found, selector, f"{path}.{_REQUIRED}", strict=strict)
    for position, term in enumerate(nodes.get(_PREFERRED) or ()):
        here = f"{path}.{_PREFERRED}[{position}]"
        _check_weight(found, term, here)
        preference = term.get("preference") or {}
        _check_node_term(found, preference, f"{here}.preference", strict=False)


def check_node_selector(found: Found, selector: Object, path: str, *, strict: bool = True) -> None:
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        detail = "must have at least one node selector term"
        found.append(required(f"{path}.nodeSelectorTerms", detail))
        return
    for position, term in enumerate(terms):
        _check_node_term(found, term, f"{path}.nodeSelectorTerms[{position}]", strict=strict)


def _check_node_term(found: Found, term: Object, path: str, *, strict: bool) -> None:
    for position, each in enumerate(term.get("matchExpressions") or ()):
        _check_node_labels(found, each, f"{path}.matchExpressions[{position}]", strict=strict)
    for position, each in enumerate(term.get("matchFields") or ()):
        _check_node_fields(found, each, f"{path}.matchFields[{position}]")


def _check_node_labels(found: Found, each: Object, path: str, *, strict: bool) -> None:
    operator, values = each.get("operator", ""), each.get("values") or ()
    if operator in ("Gt", "Lt"):
        if len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            found.append(required(f"{path}.values", detail))
    elif not check_set_operator(found, operator, values, path):
        found.append(invalid(f"{path}.operator", operator, _BAD_OPERATOR))
    check_qualified(found, each.get("key", ""), f"{path}.key")
    if strict:
        check_values(found, values, f"{path}.values")


def _check_node_fields(found: Found, each: Object, path: str) -> None:
    operator, key, values = each.get("operator", ""), each.get("key", ""), each.get("values") or ()
    if operator not in ("In", "NotIn"):
        found.append(invalid(f"{path}.operator", operator, _BAD_OPERATOR))
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        found.append(required(f"{path}.values", detail))
    if key != "metadata.name":
        found.append(invalid(f"{path}.key", key, "not a valid field selector key"))
        return
    for position, value in enumerate(values):
        here = f"{path}.values[{position}]"
        found += [invalid(here, value, problem) for problem in dns1123_subdomain(value)]


def _check_weight(found: Found, term: Object, path: str) -> None:
    weight = term.get("weight", 0)
    if not 1 <= weight <= 100:
        found.append(invalid(f"{path}.weight", weight, _WEIGHT))


def _check_pod_affinity(found: Found, pods: Object, path: str, *, values: bool) -> None:
    for position, term in enumerate(pods.get(_REQUIRED) or ()):
        _check_pod_term(found, term, f"{path}.{_REQUIRED}[{position}]", values=values)
    for position, weighted in enumerate(pods.get(_PREFERRED) or ()):
        here = f"{path}.{_PREFERRED}[{position}]"
        _check_weight(found, weighted, here)
        term = weighted.get("podAffinityTerm") or {}
        _check_pod_term(found, term, f"{here}.podAffinityTerm", values=values)


def _check_pod_term(found: Found, term: Object, path: str, *, values: bool) -> None:
    check_selector(found, term.get("labelSelector"), f"{path}.labelSelector", values=values)
    here = f"{path}.namespaceSelector"
    check_selector(found, term.get("namespaceSelector"), here, values=values)
    for name in term.get("namespaces") or ():
        found += [invalid(f"{path}.namespace", name, problem) for problem in dns1123_label(name)]
    _check_label_keys(found, term, path)
    topology = term.get("topologyKey", "")
    if not topology:
        found.append(required(f"{path}.topologyKey", "can not be empty"))
    check_qualified(found, topology, f"{path}.topologyKey")


def _check_label_keys(found: Found, holder: Object, path: str) -> None:
    """Keys of labels that stand for the pod's own values, on top of a selector."""
    matched = holder.get("matchLabelKeys") or ()
    mismatched = holder.get("mismatchLabelKeys") or ()
    for field, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        _check_keys(found, holder, keys, f"{path}.{field}")
    for position, key in repeated_keys(holder, matched):
        found.append(invalid(f"{path}[{position}]", key, _BOTH))
    for position, key in enumerate(matched):
        if key in mismatched:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            found.append(invalid(f"{path}.matchLabelKeys[{position}]", key, detail))


def _check_keys(found: Found, holder: Object, keys: Any, path: str) -> None:
    if keys and holder.get("labelSelector") is None:
        found.append(forbidden(path, "must not be specified when labelSelector is not set"))
        return
    for position, key in enumerate(keys):
        check_qualified(found, key, f"{path}[{position}]")


def check_spreading(
    found: Found, constraints: Any, path: str, tolerance: Tolerance = STRICT
) -> None:
    last = {
        (each.get("topologyKey", ""), each.get("whenUnsatisfiable", "")): position
        for position, each in enumerate(constraints)
    }
    for position, each in enumerate(constraints):
        here = f"{path}[{position}]"
        skew = each.get("maxSkew", 0)
        if skew <= 0:
            found.append(invalid(f"{here}.maxSkew", skew, _POSITIVE))
        topology = each.get("topologyKey", "")
        if not topology:
            found.append(required(f"{here}.topologyKey", "can not be empty"))
        action = each.get("whenUnsatisfiable", "")
        if action not in _UNSATISFIABLE:
            found.append(unsupported(f"{here}.whenUnsatisfiable", action, _UNSATISFIABLE))
        kind = (topology, action)
        if last[kind] != position:
            pair = f"{{{topology}, {action}}}"
            found.append(duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", pair))
        _check_domains(found, each, action, f"{here}.minDomains")
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            policy = each.get(field)
            if policy is not None and policy not in _INCLUSIONS:
                found.append(unsupported(f"{here}.{field}", policy, _INCLUSIONS))
        if tolerance.spread_keys:
            _check_unmerged_keys(found, each, f"{here}.matchLabelKeys")
        else:
            _check_label_keys(found, each, here)
        if not tolerance.spread_selectors:
            check_selector(found, each.get("labelSelector"), f"{here}.labelSelector")


def _check_domains(found: Found, each: Object, action: str, path: str) -> None:
    domains = each.get("minDomains")
    if domains is None:
        return
    if domains <= 0:
        found.append(invalid(path, domains, _POSITIVE))
    if action != "DoNotSchedule":
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        found.append(invalid(path, domains, detail))


def _check_unmerged_keys(found: Found, each: Object, path: str) -> None:
    """The rule from before keys became expressions of the selector."""
    keys, selector = each.get("matchLabelKeys") or (), each.get("labelSelector") or {}
    _check_keys(found, each, keys, path)
    used = {
        *(selector.get("matchLabels") or ()),
        *(e.get("key", "") for e in selector.get("matchExpressions") or ()),
    }
    for position, key in enumerate(keys):
        if key in used:
            found.append(invalid(f"{path}[{position}]", key, _BOTH))


def check_gates(found: Found, gates: Any, path: str) -> None:
    seen: set[str] = set()
    for position, gate in enumerate(gates):
        name = gate.get("name", "")
        check_qualified(found, name, f"{path}[{position}]")
        if name in seen:
            found.append(duplicate(f"{path}[{position}]", name))
        seen.add(name)
