"""Policies of jobs: which failures of pods count, and when enough of them have succeeded."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    invalid,
    required,
    too_long,
    too_many,
    unsupported,
    wrong,
)
from kapiserver.resources.validation.formats import Found, check_non_negative
from kapiserver.resources.validation.indexes import total_indexes
from kapiserver.resources.validation.internals import Field, Shape, nested, text
from kapiserver.resources.validation.labels import check_qualified

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_CONDITION_STATUSES = ("False", "True", "Unknown")
_MAX_RULES = 20
_MAX_EXIT_CODES = 255
_MAX_PATTERNS = 20
_MAX_INDEXES_TEXT = 64 * 1024

_FAILURE_POLICY: Shape = {
    "Rules": nested(
        "rules",
        {
            "Action": text("action"),
            "OnExitCodes": nested(
                "onExitCodes",
                {
                    "ContainerName": Field("containerName"),
                    "Operator": text("operator"),
                    "Values": Field("values"),
                },
            ),
            "OnPodConditions": nested(
                "onPodConditions", {"Type": text("type"), "Status": text("status")}
            ),
        },
    )
}
SUCCESS_POLICY: Shape = {
    "Rules": nested(
        "rules",
        {
            "SucceededIndexes": Field("succeededIndexes"),
            "SucceededCount": Field("succeededCount"),
        },
    )
}
POLICIES = {"podFailurePolicy": _FAILURE_POLICY, "successPolicy": SUCCESS_POLICY}


def _valid_values(choices: tuple[str, ...]) -> str:
    return "valid values: [" + " ".join(f'"{choice}"' for choice in choices) + "]"


def _check_choice(found: Found, value: str, choices: tuple[str, ...], path: str) -> None:
    if not value:
        found.append(required(path, _valid_values(choices)))
    elif value not in choices:
        found.append(unsupported(path, value, choices))


def check_failure_policy(found: Found, spec: Object, policy: Object, path: str) -> None:
    rules = policy.get("rules") or ()
    if len(rules) > _MAX_RULES:
        found.append(too_many(f"{path}.rules", len(rules), _MAX_RULES))
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {
        container.get("name")
        for field in ("containers", "initContainers")
        for container in pod.get(field) or ()
    }
    for position, rule in enumerate(rules):
        here = f"{path}.rules[{position}]"
        action = rule.get("action", "")
        if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            detail = "requires the backoffLimitPerIndex to be set"
            found.append(invalid(f"{here}.action", action, detail))
        _check_choice(found, action, _ACTIONS, f"{here}.action")
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes is not None:
            _check_exit_codes(found, codes, f"{here}.onExitCodes", names)
        if conditions:
            _check_conditions(found, conditions, f"{here}.onPodConditions")
        if codes is not None and conditions:
            detail = "specifying both OnExitCodes and OnPodConditions is not supported"
            found.append(wrong(here, detail))
        if codes is None and not conditions:
            detail = "specifying one of OnExitCodes and OnPodConditions is required"
            found.append(wrong(here, detail))


def _check_exit_codes(found: Found, codes: Object, path: str, names: set[Any]) -> None:
    operator, values = codes.get("operator", ""), codes.get("values") or []
    _check_choice(found, operator, ("In", "NotIn"), f"{path}.operator")
    container = codes.get("containerName")
    if container is not None and container not in names:
        detail = "must be one of the container or initContainer names in the pod template"
        found.append(invalid(f"{path}.containerName", container, detail))
    if not values:
        found.append(
            invalid(f"{path}.values", codes.get("values"), "at least one value is required")
        )
    elif len(values) > _MAX_EXIT_CODES:
        found.append(too_many(f"{path}.values", len(values), _MAX_EXIT_CODES))
    seen: set[int] = set()
    for position, value in enumerate(values):
        here = f"{path}.values[{position}]"
        if operator == "In" and value == 0:
            found.append(invalid(here, value, "must not be 0 for the In operator"))
        if value in seen:
            found.append(duplicate(here, value))
        seen.add(value)
    if values != sorted(values):
        found.append(invalid(f"{path}.values", values, "must be ordered"))


def _check_conditions(found: Found, conditions: Any, path: str) -> None:
    if len(conditions) > _MAX_PATTERNS:
        found.append(too_many(path, len(conditions), _MAX_PATTERNS))
    for position, pattern in enumerate(conditions):
        here = f"{path}[{position}]"
        check_qualified(found, pattern.get("type", ""), f"{here}.type")
        _check_choice(found, pattern.get("status", ""), _CONDITION_STATUSES, f"{here}.status")


def check_success_policy(found: Found, spec: Object, policy: Object, path: str) -> None:
    rules = policy.get("rules") or ()
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        found.append(required(f"{path}.rules", detail))
    if len(rules) > _MAX_RULES:
        found.append(too_many(f"{path}.rules", len(rules), _MAX_RULES))
    completions = spec.get("completions") or 0
    for position, rule in enumerate(rules):
        _check_success_rule(found, rule, completions, f"{path}.rules[{position}]")


def _check_success_rule(found: Found, rule: Object, completions: int, path: str) -> None:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        found.append(required(path, detail))
    total = 0
    if indexes is not None:
        here = f"{path}.succeededIndexes"
        if len(indexes) > _MAX_INDEXES_TEXT:
            found.append(too_long(here, _MAX_INDEXES_TEXT))
        total, problem = total_indexes(indexes, completions)
        if problem:
            detail = f"error parsing succeededIndexes: {problem}"
            found.append(invalid(here, indexes, detail))
    if count is None:
        return
    here = f"{path}.succeededCount"
    check_non_negative(found, rule, path, "succeededCount")
    if count > completions:
        detail = (
            f"must be less than or equal to {completions} (the number of specified completions)"
        )
        found.append(invalid(here, count, detail))
    if indexes is not None and count > total:
        detail = (
            f"must be less than or equal to {total} (the number of indexes in the specified "
            "succeededIndexes field)"
        )
        found.append(invalid(here, count, detail))
