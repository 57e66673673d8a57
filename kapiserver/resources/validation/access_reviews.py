"""authorization.k8s.io: whether a question about access can be answered at all."""

from __future__ import annotations

from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.internals import NIL
from kapiserver.resources.validation.labels import check_qualified, check_values

_RESOURCE = "spec.resourceAttributes"
_WITH_VALUES, _WITHOUT_VALUES = ("In", "NotIn"), ("Exists", "DoesNotExist")


def check_question(spec: Object) -> list[Cause]:
    """Exactly one thing is asked about, and its selectors are well formed."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    found: Found = []
    if resource is not None and path is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        found.append(invalid("spec.nonResourceAttributes", path, detail))
    if resource is None and path is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        found.append(invalid(_RESOURCE, NIL, detail))
    if resource is not None:
        for name, check in (("fieldSelector", _check_field), ("labelSelector", _check_label)):
            selector = resource.get(name)
            if selector is not None:
                here = f"{_RESOURCE}.{name}"
                _check_selector(found, selector, here)
                for position, requirement in enumerate(selector.get("requirements") or ()):
                    check(found, requirement, f"{here}.requirements[{position}]")
    return found


def _check_selector(found: Found, selector: Object, path: str) -> None:
    raw, requirements = selector.get("rawSelector", ""), selector.get("requirements")
    if raw and requirements:
        detail = "may not specified at the same time as requirements"
        found.append(invalid(f"{path}.rawSelector", raw, detail))
    if not raw and not requirements:
        detail = f"when {path} is specified, requirements or rawSelector is required"
        found.append(required(f"{path}.requirements", detail))


def _check_field(found: Found, requirement: Object, path: str) -> None:
    if not requirement.get("key"):
        found.append(required(f"{path}.key", "must be specified"))
    _check_count(found, requirement, path)


def _check_label(found: Found, requirement: Object, path: str) -> None:
    _check_count(found, requirement, path)
    check_qualified(found, requirement.get("key", ""), f"{path}.key")
    check_values(found, requirement.get("values") or (), f"{path}.values")


def _check_count(found: Found, requirement: Object, path: str) -> None:
    """Operators that are not known come from newer clients: they are let through."""
    operator, values = requirement.get("operator", ""), requirement.get("values")
    if operator in _WITH_VALUES and not values:
        detail = "must be specified when `operator` is 'In' or 'NotIn'"
        found.append(required(f"{path}.values", detail))
    if operator in _WITHOUT_VALUES and values:
        detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        found.append(forbidden(f"{path}.values", detail))


def check_subject(spec: Object) -> list[Cause]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [invalid("spec.user", "", "at least one of user or group must be specified")]


def check_metadata(review: Object, allowed: str = "") -> list[Cause]:
    """A question has no name, nor anything else that objects have."""
    metadata: dict[str, Any] = {
        key: value
        for key, value in (review.get("metadata") or {}).items()
        if value and key not in ("managedFields", allowed)
    }
    if not metadata:
        return []
    detail = f"must be empty except for {allowed}" if allowed else "must be empty"
    return [invalid("metadata", metadata, detail)]


def check_place(spec: Object, namespace: str) -> list[Cause]:
    """A question about one namespace asks about no other, nor about paths."""
    found: Found = []
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and resource.get("namespace", "") != namespace:
        detail = "must match metadata.namespace"
        found.append(invalid(f"{_RESOURCE}.namespace", resource.get("namespace", ""), detail))
    if path is not None:
        detail = "disallowed on this kind of request"
        found.append(invalid("spec.nonResourceAttributes", path, detail))
    return found
