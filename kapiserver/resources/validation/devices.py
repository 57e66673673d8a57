"""What claims on devices and the devices themselves have in common: names, taints, sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    invalid,
    required,
    too_long,
    too_many,
    unsupported,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain, regex_problem
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.repeats import repeated

Check = Callable[[Found, Any, str], None]

MAX_CONDITIONS = 8

_MAX_DRIVER = 63
_MAX_POOL = 253
_MAX_IDENTIFIER = 32
_MAX_BINDING = 4
_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_identifier = re.compile(_IDENTIFIER)
_IDENTIFIER_PROBLEM = regex_problem(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of "
    "alphanumeric characters or '_'",
    _IDENTIFIER,
    "my_name",
    "MY_NAME",
    "MyName",
)
_CASELESS_PROBLEM = regex_problem(
    "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character",
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    "Example.com",
)
_uuid = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_TOLERATION_OPERATORS = ("Equal", "Exists")


def check_list(found: Found, values: list[Any], most: int, check: Check, path: str) -> None:
    """Items are only looked at when there are not too many of them."""
    if 0 <= most < len(values):
        found.append(too_many(path, len(values), most))
        return
    for position, value in enumerate(values):
        check(found, value, f"{path}[{position}]")


def check_set(
    found: Found,
    values: list[Any],
    most: int,
    check: Check,
    path: str,
    key: Callable[[Any], Hashable] = lambda value: value,
    *,
    shows_key: bool = False,
) -> None:
    """Items that have a key of their own; `shows_key` where duplicates are told by it alone."""
    check_list(found, values, most, check, path)
    if 0 <= most < len(values):
        return
    seen: set[Hashable] = set()
    for position, value in enumerate(values):
        identity = key(value)
        if identity in seen:
            found.append(duplicate(f"{path}[{position}]", identity if shows_key else value))
        seen.add(identity)


def by_name(value: Object) -> Hashable:
    return value.get("name") or ""


def check_name(found: Found, name: str, path: str) -> None:
    found += [invalid(path, name, problem) for problem in dns1123_label(name)]


def check_needed_name(found: Found, name: str, path: str) -> None:
    if name:
        check_name(found, name, path)
    else:
        found.append(required(path))


def check_driver_name(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
        return
    if len(name) > _MAX_DRIVER:
        found.append(too_long(path, _MAX_DRIVER))
    found += [invalid(path, name, problem) for problem in dns1123_subdomain(name.lower())]


def check_given_driver(found: Found, name: str, path: str) -> None:
    """The name of a driver where it is only repeated."""
    if not name:
        found.append(required(path))
        return
    if len(name) > _MAX_DRIVER:
        found.append(too_long(path, _MAX_DRIVER))
    if dns1123_subdomain(name.lower()):
        found.append(invalid(path, name, _CASELESS_PROBLEM))


def check_given_pool(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
        return
    if len(name) > _MAX_POOL:
        found.append(too_long(path, _MAX_POOL))
    for position, part in enumerate(name.split("/")):
        where = f"segment {position}: "
        if not part:
            found.append(invalid(path, name, f"{where}must not be empty"))
            continue
        found += [invalid(path, part, where + problem) for problem in dns1123_subdomain(part)]


def check_pool_name(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
        return
    if len(name) > _MAX_POOL:
        found.append(too_long(path, _MAX_POOL))
    for part in name.split("/"):
        found += [invalid(path, part, problem) for problem in dns1123_subdomain(part)]


def check_identifier(found: Found, name: str, path: str) -> None:
    if len(name) > _MAX_IDENTIFIER:
        found.append(too_long(path, _MAX_IDENTIFIER))
    if not _identifier.fullmatch(name):
        found.append(invalid(path, name, _IDENTIFIER_PROBLEM))


def check_qualified_name(found: Found, name: str, path: str) -> None:
    """A C identifier that may have the name of a driver before it."""
    parts = name.split("/")
    if len(parts) > 2:
        found.append(invalid(path, name, "must not contain more than one slash"))
        return
    domain, *_ = parts
    if len(parts) == 2 and not domain:
        found.append(invalid(path, "", "the domain must not be empty"))
    elif len(parts) == 2:
        check_driver_name(found, domain, path)
    if len(parts) == 2 and not parts[1]:
        found.append(invalid(path, "", "the name must not be empty"))
    else:
        check_identifier(found, parts[-1], path)


def check_full_name(found: Found, name: str, path: str) -> None:
    """A C identifier in a domain."""
    prefix, slash, identifier = name.partition("/")
    if not slash:
        check_identifier(found, name, path)
        detail = "a fully qualified name must be a domain and a name separated by a slash"
        found.append(invalid(path, name, detail))
        return
    if "/" in identifier:
        return
    if not prefix:
        found.append(invalid(path, "", "prefix must not be empty"))
    else:
        if len(prefix) > _MAX_DRIVER:
            found.append(too_long(path, _MAX_DRIVER))
        found += [
            invalid(path, prefix, f"prefix: {problem}") for problem in dns1123_subdomain(prefix)
        ]
    if not identifier:
        found.append(invalid(path, "", "name must not be empty"))
    else:
        check_identifier(found, identifier, path)


def check_uuid(found: Found, text: str, path: str) -> None:
    if not _uuid.fullmatch(text):
        detail = "must be a lowercase UUID in 8-4-4-4-12 format"
        found.append(invalid(path, text, detail))


def check_taint(found: Found, taint: Object, path: str, old: Object | None = None) -> None:
    """An effect that the old taint had is let be."""
    check_qualified(found, taint.get("key") or "", f"{path}.key")
    value, effect = taint.get("value") or "", taint.get("effect") or ""
    found += [invalid(f"{path}.value", value, problem) for problem in label_value(value)]
    if old is not None and (old.get("effect") or "") == effect:
        return
    if not effect:
        found.append(required(f"{path}.effect"))
    elif effect not in _EFFECTS:
        found.append(unsupported(f"{path}.effect", effect, _EFFECTS))


def check_toleration(found: Found, toleration: Object, path: str) -> None:
    get = toleration.get
    if get("key"):
        check_qualified(found, get("key") or "", f"{path}.key")
    operator, value, effect = get("operator") or "", get("value") or "", get("effect") or ""
    if operator == "Exists" and value:
        detail = "must be empty for operator `Exists`"
        found.append(invalid(f"{path}.value", value, detail))
    elif operator == "Equal":
        found += [invalid(f"{path}.value", value, problem) for problem in label_value(value)]
    elif not operator:
        found.append(required(f"{path}.operator"))
    elif operator not in _TOLERATION_OPERATORS:
        found.append(unsupported(f"{path}.operator", operator, _TOLERATION_OPERATORS))
    if effect and effect not in _EFFECTS:
        found.append(unsupported(f"{path}.effect", effect, _EFFECTS))


def check_binding_conditions(found: Found, owner: Object, path: str) -> None:
    """What must come true, and what must not, before a pod is bound to a device's node."""
    wanted, failures = "bindingConditions", "bindingFailureConditions"
    lists: dict[str, list[str]] = {name: owner.get(name) or [] for name in (wanted, failures)}
    for name, values in lists.items():
        check_list(found, values, _MAX_BINDING, check_qualified, f"{path}.{name}")
    for name, values in lists.items():
        again = repeated(values)
        for position, value in enumerate(values):
            here = f"{path}.{name}[{position}]"
            if position in again:
                found.append(duplicate(here, value))
            if name == failures and value in lists[wanted]:
                detail = f"{failures} must not overlap with {wanted}"
                found.append(invalid(here, value, detail))
    for name, other in ((wanted, failures), (failures, wanted)):
        if lists[other] and not lists[name]:
            detail = f"{name} are required to use {other}"
            found.append(invalid(f"{path}.{name}", owner.get(name), detail))
