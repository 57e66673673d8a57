"""Conditions of the common kind (metav1.Condition) in the status of an object."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, too_long, unsupported
from kapiserver.resources.names import regex_problem
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found
from kapiserver.resources.validation.labels import check_qualified

_STATUSES = ("False", "True", "Unknown")
_MAX_REASON = 1024
_MAX_MESSAGE = 32 * 1024
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_reason = re.compile(_REASON)
_REASON_PROBLEM = regex_problem(
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def check_conditions(found: Found, conditions: Any, path: str) -> None:
    seen: set[str] = set()
    for position, condition in enumerate(conditions or ()):
        here = f"{path}[{position}]"
        kind = condition.get("type", "")
        if kind in seen:
            found.append(duplicate(f"{here}.type", kind))
        seen.add(kind)
        check_condition(found, condition, here)


def check_condition(found: Found, condition: Object, path: str) -> None:
    check_qualified(found, condition.get("type", ""), f"{path}.type")
    status = condition.get("status", "")
    if status not in _STATUSES:
        found.append(unsupported(f"{path}.status", status, _STATUSES))
    generation = condition.get("observedGeneration", 0)
    if generation < 0:
        found.append(invalid(f"{path}.observedGeneration", generation, NON_NEGATIVE))
    if not condition.get("lastTransitionTime"):
        found.append(required(f"{path}.lastTransitionTime"))
    reason = condition.get("reason", "")
    if not reason:
        found.append(required(f"{path}.reason"))
    else:
        if not _reason.fullmatch(reason):
            found.append(invalid(f"{path}.reason", reason, _REASON_PROBLEM))
        if len(reason.encode()) > _MAX_REASON:
            found.append(too_long(f"{path}.reason", _MAX_REASON))
    if len(condition.get("message", "").encode()) > _MAX_MESSAGE:
        found.append(too_long(f"{path}.message", _MAX_MESSAGE))


def is_true(obj: Object, kind: str) -> bool:
    """Whether the status of an object has a condition of this type that is True."""
    return any(
        condition.get("type") == kind and condition.get("status") == "True"
        for condition in (obj.get("status") or {}).get("conditions") or ()
    )
