"""Webhook configurations: where webhooks are, what they are asked, and what old ones may keep."""

from __future__ import annotations

import re

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, unsupported
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.admission_rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION_POLICIES,
    check_conditions_to_match,
    check_rules,
    virtual_warnings,
)
from kapiserver.resources.validation.formats import Found, check_choice
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.webhook_client import (
    REVIEW_VERSIONS,
    check_address,
    check_review_versions,
    knows_reviews,
)

_NO_REVIEWS = f"must specify one of {', '.join(REVIEW_VERSIONS)}"
_SIDE_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown")
_NO_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_MAX_TIMEOUT = 30
_SELECTORS = ("namespaceSelector", "objectSelector")
_VALUE_OF_SELECTOR = re.compile(r"Selector\.matchExpressions\[\d+\]\.values\[\d+\]$")


def check_webhooks(
    found: Found, webhooks: list[Object], old: list[Object] | None, *, mutating: bool
) -> None:
    """What the old webhooks break is not held against the new ones."""
    before = old or []
    effects: tuple[str, ...] = _NO_SIDE_EFFECTS
    if any(hook.get("sideEffects") not in _NO_SIDE_EFFECTS for hook in before):
        effects = _SIDE_EFFECTS
    known = all(knows_reviews(hook.get("admissionReviewVersions") or []) for hook in before)
    names = [hook.get("name") or "" for hook in before]
    unique = len(set(names)) == len(names)
    loose = any(_selector_findings(hook, "") for hook in before)
    unchanged = old is not None and _same_conditions(webhooks, before)
    seen: set[str] = set()
    for position, hook in enumerate(webhooks):
        here = f"webhooks[{position}]"
        _check_name(found, hook.get("name") or "", f"{here}.name")
        check_rules(found, hook.get("rules"), f"{here}.rules")
        check_choice(found, hook.get("failurePolicy"), FAILURE_POLICIES, f"{here}.failurePolicy")
        check_choice(found, hook.get("matchPolicy"), MATCH_POLICIES, f"{here}.matchPolicy")
        _check_side_effects(found, hook.get("sideEffects"), effects, f"{here}.sideEffects")
        timeout = hook.get("timeoutSeconds")
        if timeout is not None and not 1 <= timeout <= _MAX_TIMEOUT:
            detail = f"the timeout value must be between 1 and {_MAX_TIMEOUT} seconds"
            found.append(invalid(f"{here}.timeoutSeconds", timeout, detail))
        found += [
            cause
            for cause in _selector_findings(hook, f"{here}.")
            if not (loose and _VALUE_OF_SELECTOR.search(cause.field))
        ]
        if mutating:
            policy, at = hook.get("reinvocationPolicy"), f"{here}.reinvocationPolicy"
            check_choice(found, policy, REINVOCATION_POLICIES, at)
        check_address(found, hook.get("clientConfig") or {}, f"{here}.clientConfig")
        if not unchanged:
            check_conditions_to_match(found, hook.get("matchConditions"), f"{here}.matchConditions")
        reviews = hook.get("admissionReviewVersions") or []
        at = f"{here}.admissionReviewVersions"
        check_review_versions(found, reviews, at, known=known, absent=_NO_REVIEWS)
        name = hook.get("name") or ""
        if unique and name in seen:
            found.append(duplicate(f"{here}.name", name))
        if name:
            seen.add(name)


def webhook_warnings(webhooks: list[Object]) -> list[str]:
    return [
        text
        for position, hook in enumerate(webhooks)
        for text in virtual_warnings(hook.get("rules"), f"webhooks[{position}].rules")
    ]


def _same_conditions(new: list[Object], old: list[Object]) -> bool:
    return len(new) == len(old) and all(
        same(one.get("matchConditions"), other.get("matchConditions"))
        for one, other in zip(new, old, strict=True)
    )


def _selector_findings(hook: Object, prefix: str) -> Found:
    found: Found = []
    for field in _SELECTORS:
        check_selector(found, hook.get(field), f"{prefix}{field}")
    return found


def _check_name(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
    elif problems := dns1123_subdomain(name):
        found.append(invalid(path, name, ",".join(problems)))
    elif name.count(".") < 2:
        detail = "should be a domain with at least three segments separated by dots"
        found.append(invalid(path, name, detail))


def _check_side_effects(
    found: Found, given: str | None, allowed: tuple[str, ...], path: str
) -> None:
    if given is None:
        found.append(required(path, f"must specify one of {', '.join(allowed)}"))
    elif given not in allowed:
        found.append(unsupported(path, given, allowed))
