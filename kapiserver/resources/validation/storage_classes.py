"""Storage classes and volume attributes classes: who makes volumes, and of what kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.node_labels import DEPRECATED_NODE_LABELS

_MAX_PARAMETERS = 512
_MAX_PARAMETERS_SIZE = 256 << 10
_RECLAIM_POLICIES = ("Delete", "Retain")
_FEW = 50  # topologies that are told one by one which others each is like
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")


def check_storage_class(found: Found, obj: Object) -> None:
    _check_driver(found, obj.get("provisioner", ""), "provisioner")
    _check_parameters(found, obj.get("parameters") or {}, "parameters")
    policy = obj.get("reclaimPolicy", "")
    if policy and policy not in _RECLAIM_POLICIES:
        found.append(unsupported("reclaimPolicy", policy, _RECLAIM_POLICIES))
    mode = obj.get("volumeBindingMode")
    if mode is None:
        found.append(required("volumeBindingMode"))
    elif mode not in _BINDING_MODES:
        found.append(unsupported("volumeBindingMode", mode, _BINDING_MODES))
    _check_topologies(found, obj.get("allowedTopologies") or (), "allowedTopologies")


def check_attributes_class(found: Found, obj: Object) -> None:
    _check_driver(found, obj.get("driverName", ""), "driverName")
    _check_parameters(found, obj.get("parameters") or {}, "parameters")
    if not obj.get("parameters"):
        found.append(required("parameters", "must contain at least one key/value pair"))


def check_stays(found: Found, obj: Object, old: Object, *fields: str) -> None:
    found += [
        forbidden(field, f"updates to {field} are forbidden.")
        for field in fields
        if obj.get(field) != old.get(field)
    ]


def _check_driver(found: Found, name: str, path: str) -> None:
    if not name:
        found.append(required(path))
    else:
        check_qualified(found, name.lower(), path)


def _check_parameters(found: Found, parameters: Object, path: str) -> None:
    if len(parameters) > _MAX_PARAMETERS:
        found.append(too_long(path, _MAX_PARAMETERS))
        return
    if "" in parameters:
        found.append(invalid(path, "", "field can not be empty."))
    if sum(len(k.encode()) + len(v.encode()) for k, v in parameters.items()) > _MAX_PARAMETERS_SIZE:
        found.append(too_long(path, _MAX_PARAMETERS_SIZE))


def _check_topologies(found: Found, topologies: Any, path: str) -> None:
    # a term without expressions is like each of those that have not been looked at yet
    seen: Counter[frozenset[tuple[str, frozenset[str]]]] = Counter()
    seen[frozenset()] = len(topologies)
    most = len(topologies) * 2 if len(topologies) <= _FEW else 1
    for position, term in enumerate(topologies):
        here = f"{path}[{position}].matchLabelExpressions"
        expressions: dict[str, frozenset[str]] = {}
        for index, each in enumerate(term.get("matchLabelExpressions") or ()):
            _check_expression(found, each, f"{here}[{index}]")
            key = each.get("key", "")
            if key in expressions:
                found.append(duplicate(f"{here}[{index}].key", key))
            expressions[key] = frozenset(each.get("values") or ())
        terms = frozenset(expressions.items())
        found += [duplicate(here, "")] * min(seen[terms], most)
        seen[terms] += 1


def _check_expression(found: Found, expression: Object, path: str) -> None:
    values = expression.get("values") or ()
    if not values:
        found.append(required(f"{path}.values"))
    seen: set[str] = set()
    for position, value in enumerate(values):
        if value in seen:
            found.append(duplicate(f"{path}.values[{position}]", value))
        seen.add(value)
    check_qualified(found, expression.get("key", ""), f"{path}.key")


def storage_class_warnings(obj: Object) -> Iterator[str]:
    for position, term in enumerate(obj.get("allowedTopologies") or ()):
        here = f"allowedTopologies[{position}].matchLabelExpressions"
        for index, expression in enumerate(term.get("matchLabelExpressions") or ()):
            why = DEPRECATED_NODE_LABELS.get(expression.get("key", ""))
            if why:
                yield f"{here}[{index}].key: {why}"
