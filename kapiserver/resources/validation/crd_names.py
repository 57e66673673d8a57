"""Names of a custom resource, approval of groups that belong to the community, and conversion."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.names import dns1035_label
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.go_urls import UrlError, parse_request_uri
from kapiserver.resources.validation.webhook_client import (
    check_address,
    check_bundle,
    check_review_versions,
)

APPROVAL = "api-approved.kubernetes.io"

_PROTECTED = ("k8s.io", "kubernetes.io")
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"
_NEEDS = f'protected groups must have approval annotation "{APPROVAL}"'
_MIXED_CASE = "may have mixed case, but should otherwise match: "
_ONLY_WEBHOOK = "should not be set when strategy is not set to Webhook"


def check_names(found: Found, names: Object, path: str) -> None:
    for field in ("plural", "singular"):
        value = names.get(field) or ""
        if value and (problems := dns1035_label(value)):
            found.append(invalid(f"{path}.{field}", value, ",".join(problems)))
    for field in ("kind", "listKind"):
        value = names.get(field) or ""
        if value and (problems := dns1035_label(value.lower())):
            detail = _MIXED_CASE + ",".join(problems)
            found.append(invalid(f"{path}.{field}", value, detail))
    _check_each(found, names, "shortNames", path)
    kind = names.get("kind") or ""
    if kind and kind == names.get("listKind"):
        detail = "kind and listKind may not be the same"
        found.append(invalid(f"{path}.listKind", kind, detail))
    _check_each(found, names, "categories", path)


def _check_each(found: Found, names: Object, field: str, path: str) -> None:
    for position, value in enumerate(names.get(field) or ()):
        if problems := dns1035_label(value):
            found.append(invalid(f"{path}.{field}[{position}]", value, ",".join(problems)))


def _approval(crd: Object) -> tuple[str, str]:
    """The annotation, and what state of approval it stands for."""
    text = ((crd.get("metadata") or {}).get("annotations") or {}).get(APPROVAL) or ""
    if not text:
        return text, "missing"
    if text.startswith("unapproved"):
        return text, "bypassed"
    try:
        url = parse_request_uri(text)
    except UrlError:
        return text, "invalid"
    return text, "approved" if url.host and url.scheme else "invalid"


def check_approval(found: Found, crd: Object, old: Object | None) -> None:
    """New groups of the community are reviewed; what an old object says may stay as it is."""
    group = (crd.get("spec") or {}).get("group") or ""
    if group not in _PROTECTED and not group.endswith(tuple(f".{end}" for end in _PROTECTED)):
        return
    text, state = _approval(crd)
    if old is not None and _approval(old)[1] == state:
        return
    path = f"metadata.annotations[{APPROVAL}]"
    if state == "missing":
        found.append(required(path, f"{_NEEDS}, {_SEE}"))
    elif state == "invalid":
        detail = f'{_NEEDS} with either a URL or a reason starting with "unapproved", {_SEE}'
        found.append(invalid(path, text, detail))


def check_conversion(
    found: Found, conversion: Object | None, path: str, *, known_review: bool, good_bundle: bool
) -> None:
    """`known_review`: one of the review versions must be ours; `good_bundle`: so must the
    bundle be readable."""
    if conversion is None:
        return
    strategy = conversion.get("strategy") or ""
    if not strategy:
        found.append(required(f"{path}.strategy"))
    elif strategy not in ("None", "Webhook"):
        found.append(unsupported(f"{path}.strategy", strategy, ("None", "Webhook")))
    webhook = conversion.get("webhook") or {}
    client, versions = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or []
    here = f"{path}.webhookClientConfig"
    if strategy != "Webhook":
        if client is not None:
            found.append(forbidden(here, _ONLY_WEBHOOK))
        if versions:
            found.append(forbidden(f"{path}.conversionReviewVersions", _ONLY_WEBHOOK))
        return
    if client is None:
        found.append(required(here, "required when strategy is set to Webhook"))
    else:
        check_address(found, client, here)
        if client.get("caBundle") and good_bundle:
            check_bundle(found, client["caBundle"], f"{here}.caBundle")
    at = f"{path}.conversionReviewVersions"
    check_review_versions(found, versions, at, known=known_review)
