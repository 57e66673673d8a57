"""Webhook configurations: where webhooks are, what they are asked, and what old ones may keep."""

from __future__ import annotations

import re

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, unsupported
from kapiserver.resources.names import dns1035_label, dns1123_subdomain
from kapiserver.resources.validation.admission_rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION_POLICIES,
    check_choice,
    check_conditions_to_match,
    check_rules,
    virtual_warnings,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.labels import check_selector
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.webhook_client import (
    ONE_ADDRESS,
    check_webhook_service,
    check_webhook_url,
)

_REVIEW_VERSIONS = ("v1", "v1beta1")
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
    known = all(_has_known_review(hook) for hook in before)
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
        _check_client(found, hook.get("clientConfig") or {}, f"{here}.clientConfig")
        if not unchanged:
            check_conditions_to_match(found, hook.get("matchConditions"), f"{here}.matchConditions")
        _check_reviews(found, hook, f"{here}.admissionReviewVersions", known=known)
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


def _has_known_review(hook: Object) -> bool:
    versions = hook.get("admissionReviewVersions") or []
    return not versions or any(version in _REVIEW_VERSIONS for version in versions)


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


def _check_client(found: Found, client: Object, path: str) -> None:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        found.append(required(path, ONE_ADDRESS))
    elif url is not None:
        check_webhook_url(found, url, f"{path}.url")
    else:
        check_webhook_service(found, service or {}, f"{path}.service")


def _check_reviews(found: Found, hook: Object, path: str, *, known: bool) -> None:
    versions = hook.get("admissionReviewVersions") or []
    if not versions:
        found.append(required(path, f"must specify one of {', '.join(_REVIEW_VERSIONS)}"))
        return
    for position, version in enumerate(versions):
        here = f"{path}[{position}]"
        if version in versions[:position]:
            found.append(invalid(here, version, "duplicate version"))
            continue
        found += [invalid(here, version, problem) for problem in dns1035_label(version)]
    if known and not any(version in _REVIEW_VERSIONS for version in versions):
        detail = f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"
        found.append(invalid(path, versions, detail))
