"""Labels, annotations and label selectors inside objects (metadata's own are checked elsewhere)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, too_long
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.label_syntax import label_value, qualified_name

ANNOTATIONS_LIMIT = 256 << 10


def check_qualified(found: Found, name: str, path: str) -> None:
    found += [invalid(path, name, problem) for problem in qualified_name(name)]


def check_labels(found: Found, labels: Any, path: str) -> None:
    for key, value in (labels or {}).items():
        if problems := qualified_name(key):
            found += [invalid(path, key, problem) for problem in problems]
        if problems := label_value(value):
            found += [invalid(path, value, problem) for problem in problems]


def check_annotations(found: Found, annotations: Any, path: str) -> None:
    size = 0
    for key, value in (annotations or {}).items():
        if problems := qualified_name(key.lower()):
            found += [invalid(path, key, problem) for problem in problems]
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        found.append(too_long(path, ANNOTATIONS_LIMIT))


def check_selector(found: Found, selector: Any, path: str, *, values: bool = True) -> None:
    """A metav1.LabelSelector; None is fine. `values`: whether values of expressions matter."""
    if not selector:
        return
    check_labels(found, selector.get("matchLabels"), f"{path}.matchLabels")
    for position, requirement in enumerate(selector.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{position}]"
        check_requirement(found, requirement, here, values=values)


def check_set_operator(found: Found, operator: str, values: Sequence[str], path: str) -> bool:
    """Whether the values fit the operator; False when it is none that all selectors have."""
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            found.append(required(f"{path}.values", detail))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            found.append(forbidden(f"{path}.values", detail))
    else:
        return False
    return True


def check_requirement(found: Found, requirement: Object, path: str, *, values: bool = True) -> None:
    operator = requirement.get("operator", "")
    given = requirement.get("values") or ()
    if not check_set_operator(found, operator, given, path):
        found.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    check_qualified(found, requirement.get("key", ""), f"{path}.key")
    if values:
        check_values(found, given, f"{path}.values")


def check_values(found: Found, values: Any, path: str) -> None:
    for position, value in enumerate(values):
        if problems := label_value(value):
            found += [invalid(f"{path}[{position}]", value, problem) for problem in problems]


def selects(selector: Object, labels: Object) -> bool:
    """Whether a label selector object selects a set of labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_meets(each, labels) for each in selector.get("matchExpressions") or ())


def is_empty(selector: Object) -> bool:
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def _meets(requirement: Object, labels: Object) -> bool:
    key, values = requirement.get("key", ""), requirement.get("values") or ()
    operator = requirement.get("operator", "")
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels
