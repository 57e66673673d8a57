"""Defaults in the schema of a custom resource: each must be a value that the schema allows."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.validation.crd_structural import (
    EMBEDDED,
    PRESERVE,
    not_convertible,
    structural_findings,
)
from kapiserver.resources.validation.crd_values import check_value
from kapiserver.resources.validation.formats import Found

_META = ("apiVersion", "kind", "metadata")


def check_defaults(found: Found, schema: Any, path: str, *, pruned: bool) -> None:
    """A schema that is structural. `pruned`: defaults may have no fields that nobody declared."""
    _check(found, schema, path, pruned=pruned, is_root=True)


def _check(found: Found, schema: Any, path: str, *, pruned: bool, is_root: bool = False) -> None:
    if not isinstance(schema, dict):
        return
    embedded = is_root or schema.get(EMBEDDED)
    default = schema.get("default")
    if default is not None:
        here = f"{path}.default"
        if pruned and _has_unknown(default, schema, embedded=embedded):
            found.append(invalid(here, default, "must not have unknown fields"))
        check_value(found, default, schema, here)
    _check(found, schema.get("items"), f"{path}.items", pruned=pruned)
    for name, each in (schema.get("properties") or {}).items():
        if not (embedded and name in _META):
            _check(found, each, f"{path}.properties[{name}]", pruned=pruned)


def has_unpruned_defaults(schema: Object) -> bool:
    if not_convertible(schema) or structural_findings(schema, ""):
        return False
    return _any_unpruned(schema)


def _any_unpruned(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    default = schema.get("default")
    if default is not None and _has_unknown(default, schema, embedded=schema.get(EMBEDDED)):
        return True
    below = (schema.get("items"), *(schema.get("properties") or {}).values())
    return any(map(_any_unpruned, below))


def _has_unknown(value: Any, schema: Any, *, embedded: bool | None, keeps: bool = False) -> bool:
    """Whether pruning would take something away; `keeps` where it would not at this level."""
    known = schema if isinstance(schema, dict) else {}
    keeps = keeps or bool(known.get(PRESERVE))
    if isinstance(value, list):
        items = known.get("items")
        return any(_below(item, items, keeps=keeps) for item in value)
    if not isinstance(value, dict):
        return False
    properties, rest = known.get("properties") or {}, known.get("additionalProperties")
    for name, item in value.items():
        if embedded and name in _META:
            continue
        if name in properties or rest is not None:
            if _below(item, properties.get(name, rest)):
                return True
        elif not keeps:
            return True
    return False


def _below(value: Any, schema: Any, *, keeps: bool = False) -> bool:
    embedded = isinstance(schema, dict) and bool(schema.get(EMBEDDED))
    return _has_unknown(value, schema, embedded=embedded, keeps=keeps)
