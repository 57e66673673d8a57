"""Admission policies and their bindings; expressions are not compiled here, only required."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, unsupported
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.admission_rules import (
    FAILURE_POLICIES,
    MUTATING_OPERATIONS,
    REINVOCATION_POLICIES,
    check_conditions_to_match,
    check_match_resources,
    check_param_kind,
    check_param_ref,
)
from kapiserver.resources.validation.conditions import check_conditions
from kapiserver.resources.validation.formats import Found, check_choice
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.repeats import repeated
from kapiserver.resources.validation.same import same

_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_MAX_ANNOTATIONS = 20
_MAX_ANNOTATION_EXPRESSION = 5 * 1024
_NEWLINE = re.compile(r"[\n\r]")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED = frozenset(
    (
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)
_NOTHING_TO_DO = "validations or auditAnnotations must contain at least one item"
_TWO_DENIALS = (
    "must not contain both Deny and Warn (repeating the same validation failure information in "
    "the API response and headers serves no purpose)"
)


def check_validating_policy(found: Found, policy: Object, old: Object | None) -> None:
    spec = policy.get("spec") or {}
    _check_scope(found, spec, old, mutating=False)
    validations, annotations = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not annotations:
        found.append(required("spec.validations", _NOTHING_TO_DO))
        found.append(required("spec.auditAnnotations", _NOTHING_TO_DO))
        return
    for position, validation in enumerate(validations):
        _check_validation(found, validation, f"spec.validations[{position}]")
    name = (policy.get("metadata") or {}).get("name") or ""
    _check_annotations(found, annotations, name)


def check_mutating_policy(found: Found, policy: Object, old: Object | None) -> None:
    spec = policy.get("spec") or {}
    _check_scope(found, spec, old, mutating=True)
    mutations = spec.get("mutations") or []
    if not mutations:
        found.append(required("spec.mutations", "mutations must contain at least one item"))
    for position, mutation in enumerate(mutations):
        _check_mutation(found, mutation, f"spec.mutations[{position}]")
    again, here = spec.get("reinvocationPolicy") or None, "spec.reinvocationPolicy"
    check_choice(found, again, REINVOCATION_POLICIES, here, needed=True)


def _check_scope(found: Found, spec: Object, old: Object | None, *, mutating: bool) -> None:
    """What both kinds of policy say: when they take part, with which parameters."""
    before = (old or {}).get("spec") or {}
    failure = spec.get("failurePolicy")
    check_choice(found, failure, FAILURE_POLICIES, "spec.failurePolicy", needed=True)
    if spec.get("paramKind") is not None:
        check_param_kind(found, spec["paramKind"], "spec.paramKind")
    match, path = spec.get("matchConstraints"), "spec.matchConstraints"
    if match is None:
        found.append(required(path))
    else:
        check_match_resources(found, match, path)
        if not match.get("resourceRules"):
            found.append(required(f"{path}.resourceRules"))
        if mutating:
            _check_mutable(found, match, path)
    unchanged = old is not None and all(
        same(spec.get(field), before.get(field)) for field in ("paramKind", "matchConditions")
    )
    if not unchanged:
        check_conditions_to_match(found, spec.get("matchConditions"), "spec.matchConditions")
    for position, variable in enumerate(spec.get("variables") or ()):
        _check_variable(found, variable, f"spec.variables[{position}]")


def _check_mutable(found: Found, match: Object, path: str) -> None:
    """What is deleted is changed no more."""
    for rule in match.get("resourceRules") or ():
        for operation in rule.get("operations") or ():
            here = f"{path}.resourceRules.operations"
            check_choice(found, operation, MUTATING_OPERATIONS, here)


def _check_variable(found: Found, variable: Object, path: str) -> None:
    name = variable.get("name") or ""
    if not name.strip():
        found.append(required(f"{path}.name", "name is not specified"))
    elif not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
        found.append(invalid(f"{path}.name", name, "must be a valid CEL identifier"))
    if not (variable.get("expression") or "").strip():
        found.append(required(f"{path}.expression", "expression is not specified"))


def _check_validation(found: Found, validation: Object, path: str) -> None:
    get = validation.get
    if not (get("expression") or "").strip():
        found.append(required(f"{path}.expression", "expression is not specified"))
    expression, message = get("messageExpression") or "", get("message") or ""
    if expression and not expression.strip():
        detail = "must be non-empty if specified"
        found.append(invalid(f"{path}.messageExpression", expression, detail))
    if message and not message.strip():
        detail = "must be non-empty if specified"
        found.append(invalid(f"{path}.message", message, detail))
    elif _NEWLINE.search(message.strip()):
        detail = "must not contain line breaks"
        found.append(invalid(f"{path}.message", message, detail))
    check_choice(found, get("reason"), _REASONS, f"{path}.reason")


def _check_annotations(found: Found, annotations: list[Object], name: str) -> None:
    path = "spec.auditAnnotations"
    if len(annotations) > _MAX_ANNOTATIONS:
        shown = [
            {"Key": each.get("key", ""), "ValueExpression": each.get("valueExpression", "")}
            for each in annotations
        ]
        detail = f"must not have more than {_MAX_ANNOTATIONS} auditAnnotations"
        found.append(invalid(path, shown, detail))
    seen: set[str] = set()
    for position, annotation in enumerate(annotations):
        here, key = f"{path}[{position}]", annotation.get("key") or ""
        if name:
            check_qualified(found, f"{name}/{key}", f"{here}.key")
        else:
            detail = "requires metadata.name be non-empty"
            found.append(invalid(f"{here}.key", key, detail))
        expression = (annotation.get("valueExpression") or "").strip()
        if not expression:
            detail = "valueExpression is not specified"
            found.append(required(f"{here}.valueExpression", detail))
        elif len(expression.encode()) > _MAX_ANNOTATION_EXPRESSION:
            detail = f"must not exceed {_MAX_ANNOTATION_EXPRESSION} bytes in length"
            found.append(required(f"{here}.valueExpression", detail))
        if key in seen:
            found.append(duplicate(f"{here}.key", key))
        seen.add(key)


def _check_mutation(found: Found, mutation: Object, path: str) -> None:
    kind = mutation.get("patchType") or ""
    if not kind:
        found.append(required(f"{path}.patchType"))
        return
    if kind not in _PATCH_TYPES:
        found.append(unsupported(f"{path}.patchType", kind, _PATCH_TYPES))
        return
    fields = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
    wanted = fields.pop(kind)
    (other,) = fields.values()
    patch = mutation.get(wanted)
    if patch is None:
        detail = f"must be specified when patchType is {kind}"
        found.append(required(f"{path}.{wanted}", detail))
    elif not (patch.get("expression") or "").strip():
        found.append(required(f"{path}.{wanted}.expression"))
    if mutation.get(other) is not None:
        detail = f"must not be specified when patchType is {kind}"
        found.append(invalid(f"{path}.{other}", f"{{{other}}}", detail))


def check_policy_binding(found: Found, spec: Object, *, mutating: bool) -> None:
    name = spec.get("policyName") or ""
    if not name:
        found.append(required("spec.policyName"))
    found += [
        invalid("spec.policyName", name, problem)
        for problem in (dns1123_subdomain(name) if name else ())
    ]
    check_param_ref(found, spec.get("paramRef"), "spec.paramRef")
    match = spec.get("matchResources")
    if match is not None:
        check_match_resources(found, match, "spec.matchResources")
        if mutating:
            _check_mutable(found, match, "spec.matchResources")
    if not mutating:
        _check_actions(found, spec.get("validationActions") or [], "spec.validationActions")


def _check_actions(found: Found, actions: list[str], path: str) -> None:
    again = repeated(actions)
    for position, action in enumerate(actions):
        here = f"{path}[{position}]"
        check_choice(found, action, _ACTIONS, here)
        if position in again:
            found.append(duplicate(here, action))
    if "Deny" in actions and "Warn" in actions:
        found.append(invalid(path, actions, _TWO_DENIALS))
    if not actions:
        found.append(required(path, "at least one validation action is required"))


def check_policy_status(found: Found, status: Object) -> None:
    checking: Any = (status.get("typeChecking") or {}).get("expressionWarnings") or ()
    for position, warning in enumerate(checking):
        here = f"status.typeChecking.expressionWarnings[{position}]"
        if not warning.get("warning"):
            found.append(required(f"{here}.warning"))
        if not (warning.get("fieldRef") or "").strip():
            found.append(required(f"{here}.fieldRef"))
    check_conditions(found, status.get("conditions"), "status.conditions")
