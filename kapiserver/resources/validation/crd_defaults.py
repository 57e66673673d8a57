"""Defaults in the schema of a custom resource: each must be a value that the schema allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.validation.crd_meta import meta_findings, undecodable
from kapiserver.resources.validation.crd_structural import (
    EMBEDDED,
    PRESERVE,
    not_convertible,
    structural_findings,
)
from kapiserver.resources.validation.crd_values import check_value
from kapiserver.resources.validation.formats import Found

_META = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True, slots=True)
class _Around:
    """The object that a schema is inside of: its schema, and the way down from there."""

    schema: Object
    steps: tuple[str | None, ...] = ()  # None: into a list
    is_meta: bool = False

    def below(self, step: str | None, *, is_meta: bool = False) -> _Around:
        return _Around(self.schema, (*self.steps, step), self.is_meta or is_meta)

    def holding(self, value: Any) -> Object:
        """An object that has nothing but the value."""
        for step in reversed(self.steps):
            value = [value] if step is None else {step: value}
        return {"apiVersion": "validation/v1", "kind": "Validation", **value}


def check_defaults(found: Found, schema: Any, path: str, *, pruned: bool) -> None:
    """A schema that is structural. `pruned`: defaults may have no fields that nobody declared."""
    _check(found, schema, path, _Around(schema), pruned=pruned, is_root=True)


def _check(
    found: Found, schema: Any, path: str, around: _Around, *, pruned: bool, is_root: bool = False
) -> None:
    if not isinstance(schema, dict):
        return
    embedded = is_root or bool(schema.get(EMBEDDED))
    if embedded:
        around = _Around(schema)
    default = schema.get("default")
    if default is not None:
        here = f"{path}.default"
        if around.is_meta:
            _check_part_of_meta(found, default, schema, here, around)
        else:
            if pruned and _has_unknown(default, schema, embedded=embedded):
                found.append(invalid(here, default, "must not have unknown fields"))
            _check_default(found, default, schema, here, embedded=embedded)
    _check(found, schema.get("items"), f"{path}.items", around.below(None), pruned=pruned)
    for name, each in (schema.get("properties") or {}).items():
        inside = around.below(name, is_meta=embedded and name in _META)
        _check(found, each, f"{path}.properties[{name}]", inside, pruned=pruned)


def _check_default(
    found: Found, default: Any, schema: Object, path: str, *, embedded: bool
) -> None:
    if cause := undecodable(default, schema, path, whole=embedded):
        found.append(cause)
    elif causes := meta_findings(default, schema, path, whole=embedded):
        found += causes
    else:
        check_value(found, default, schema, path)


def _check_part_of_meta(
    found: Found, default: Any, schema: Object, path: str, around: _Around
) -> None:
    """Only the object around it can tell whether the default is a good one."""
    obj = around.holding(default)
    cause = undecodable(obj, around.schema, "", whole=True)
    causes = [cause] if cause else meta_findings(obj, around.schema, "", whole=True)
    if not causes:
        check_value(found, default, schema, path)
        return
    texts = list(dict.fromkeys(f"{each.field}: {each.message}" for each in causes))
    shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    found.append(invalid(path, default, f"must result in valid metadata: {shown}"))


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
