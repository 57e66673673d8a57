"""The schema of a custom resource: what OpenAPI v3 allows of it, and Kubernetes' extensions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.validation.crd_paths import PathError, field_at
from kapiserver.resources.validation.crd_shape import shown_items
from kapiserver.resources.validation.crd_structural import (
    EMBEDDED,
    JUNCTORS,
    PRESERVE,
    all_schemas,
    not_convertible,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.repeats import repeated

TYPES = ("array", "boolean", "integer", "number", "object", "string")

_LIST_TYPE = "x-kubernetes-list-type"
_LIST_KEYS = "x-kubernetes-list-map-keys"
_MAP_TYPE = "x-kubernetes-map-type"
_RULES = "x-kubernetes-validations"
_META = ("metadata", "kind", "apiVersion")
_NEWLINE = re.compile(r"[\n\r]")
_REASONS = (
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
)
_ATOMIC_ITEM = f"must be atomic as item of a list with {_LIST_TYPE}=set"


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of schemas: an update asks no more than what the old object kept."""

    schemas: bool = True
    types: bool = True
    structural: bool = True
    pruned_defaults: bool = True
    atomic_sets: bool = True
    map_keys: bool = True


@dataclass(frozen=True, slots=True)
class Walk:
    """Where in a schema we are: inside what every object has, where defaults are not ours."""

    demands: Demands
    inside_meta: bool = False
    no_defaults: str | None = None


def check_schema(
    found: Found, schema: Any, path: str, walk: Walk, *, is_root: bool = False
) -> None:
    if not isinstance(schema, dict):
        return
    _check_plain(found, schema, path, walk)
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        found.append(forbidden(f"{path}.uniqueItems", detail))
    _check_below(found, schema, path, walk, is_root=is_root)
    preserve = schema.get(PRESERVE)
    if preserve is False:
        found.append(invalid(f"{path}.{PRESERVE}", False, "must be true or undefined"))
    _check_topology(found, schema, path, walk.demands)
    if walk.demands.map_keys:
        found += map_key_findings(schema, path)
    _check_rules(found, schema, path)


def _check_plain(found: Found, schema: Object, path: str, walk: Walk) -> None:
    get = schema.get
    kind = get("type") or ""
    if walk.demands.types and kind and kind not in TYPES:
        found.append(unsupported(f"{path}.type", kind, TYPES))
    if get("default") is not None and walk.no_defaults is not None:
        detail = " ".join(filter(None, ("must not be set", walk.no_defaults)))
        found.append(forbidden(f"{path}.default", detail))
    if get("id"):
        found.append(forbidden(f"{path}.id", "id is not supported"))
    if get("additionalItems") is not None:
        detail = "additionalItems is not supported"
        found.append(forbidden(f"{path}.additionalItems", detail))
    for name in ("patternProperties", "definitions"):
        if get(name):
            found.append(forbidden(f"{path}.{name}", f"{name} is not supported"))
    for name in ("dependencies", "$ref"):
        if get(name) is not None:
            found.append(forbidden(f"{path}.{name}", f"{name} is not supported"))
    if kind == "null":
        detail = "type cannot be set to null, use nullable as an alternative"
        found.append(forbidden(f"{path}.type", detail))
    if isinstance(get("items"), list) and get("items"):
        detail = "items must be a schema object and not an array"
        found.append(forbidden(f"{path}.items", detail))
    if walk.inside_meta and get(EMBEDDED):
        detail = "must not be used inside of resource meta"
        found.append(forbidden(f"{path}.{EMBEDDED}", detail))


def _check_below(found: Found, schema: Object, path: str, walk: Walk, *, is_root: bool) -> None:
    additional, properties = schema.get("additionalProperties"), schema.get("properties") or {}
    if additional is not None:
        if properties and additional is not True:
            detail = "additionalProperties and properties are mutual exclusive"
            found.append(forbidden(f"{path}.additionalProperties", detail))
        inner = walk
        if walk.inside_meta:
            why = "inside additionalProperties applying to object metadata"
            inner = replace(walk, no_defaults=why)
        check_schema(found, additional, f"{path}.additionalProperties", inner)
    for name, each in properties.items():
        inner = walk
        if (is_root or schema.get(EMBEDDED)) and name in _META:
            inner = replace(inner, inside_meta=True)
            if is_root:
                inner = replace(inner, no_defaults=f"in top-level {name}")
        check_schema(found, each, f"{path}.properties[{name}]", inner)
    check_schema(found, schema.get("not"), f"{path}.not", walk)
    for name in JUNCTORS:
        for position, each in enumerate(schema.get(name) or ()):
            check_schema(found, each, f"{path}.{name}[{position}]", walk)
    for name, each in (schema.get("definitions") or {}).items():
        check_schema(found, each, f"{path}.definitions[{name}]", walk)
    items = schema.get("items")
    if isinstance(items, list):
        for position, each in enumerate(items):
            check_schema(found, each, f"{path}.items[{position}]", walk)
    check_schema(found, items, f"{path}.items", walk)
    for name, each in (schema.get("dependencies") or {}).items():
        check_schema(found, each, f"{path}.dependencies[{name}]", walk)


def _must_be(found: Found, schema: Object, kind: str, extension: str, path: str) -> bool:
    given = schema.get("type") or ""
    if schema.get(extension) is None or given == kind:
        return True
    detail, here = f"must be {kind} if {extension} is specified", f"{path}.type"
    found.append(invalid(here, given, detail) if given else required(here, detail))
    return False


def _check_topology(found: Found, schema: Object, path: str, demands: Demands) -> None:
    items = schema.get("items")
    _must_be(found, schema, "object", _MAP_TYPE, path)
    map_type, list_type = schema.get(_MAP_TYPE), schema.get(_LIST_TYPE)
    if map_type is not None and map_type not in ("atomic", "granular"):
        found.append(unsupported(f"{path}.{_MAP_TYPE}", map_type, ("atomic", "granular")))
    is_array = _must_be(found, schema, "array", _LIST_TYPE, path)
    if is_array and demands.atomic_sets and (wrong := _not_atomic(schema)):
        shown = items.get(_LIST_TYPE) or "null" if isinstance(items, dict) else "null"
        found.append(invalid(f"{path}.items.{wrong}", shown, _ATOMIC_ITEM))
    if list_type is not None and list_type not in ("atomic", "set", "map"):
        found.append(unsupported(f"{path}.{_LIST_TYPE}", list_type, ("atomic", "set", "map")))
    keys = schema.get(_LIST_KEYS) or []
    if keys and list_type != "map":
        detail, here = f"must be map if {_LIST_KEYS} is non-empty", f"{path}.{_LIST_TYPE}"
        found.append(
            required(here, detail) if list_type is None else invalid(here, list_type, detail)
        )
    if list_type == "map":
        _check_map_list(found, items, keys, path)


def _not_atomic(schema: Object) -> str:
    """The extension that keeps the items of a set from being compared as a whole, if any."""
    items = schema.get("items")
    if schema.get(_LIST_TYPE) != "set" or not isinstance(items, dict):
        return ""
    kind = items.get("type")
    if kind == "array" and items.get(_LIST_TYPE) not in (None, "atomic"):
        return _LIST_TYPE
    if kind == "object" and items.get(_MAP_TYPE) != "atomic":
        return _MAP_TYPE
    return ""


def _check_map_list(found: Found, items: Any, keys: list[str], path: str) -> None:
    if not keys:
        detail = f"must not be empty if {_LIST_TYPE} is map"
        found.append(required(f"{path}.{_LIST_KEYS}", detail))
    if items is None:
        detail = f"must have a schema if {_LIST_TYPE} is map"
        found.append(required(f"{path}.items", detail))
    elif not isinstance(items, dict):
        detail = f"must only have a single schema if {_LIST_TYPE} is map"
        found.append(invalid(f"{path}.items", shown_items(items), detail))
    elif items.get("type") != "object":
        detail = f"must be object if parent array's {_LIST_TYPE} is map"
        found.append(invalid(f"{path}.items.type", items.get("type") or "", detail))
    else:
        known: Object = items.get("properties") or {}
        again = repeated(keys)
        for position, key in enumerate(keys):
            if key not in known:
                detail = "entries must all be names of item properties"
                found.append(invalid(f"{path}.{_LIST_KEYS}", keys, detail))
            elif known[key].get("type") in ("array", "object"):
                detail = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
                here = f"{path}.items.properties[{key}].type"
                found.append(invalid(here, "object", detail))
            if position in again:
                detail = "must not contain duplicate entries"
                found.append(invalid(f"{path}.{_LIST_KEYS}", keys, detail))


def map_key_findings(schema: Object, path: str) -> Found:
    """Items of sets and maps are never null, and the keys of maps always there."""
    found: Found = []
    items, list_type = schema.get("items"), schema.get(_LIST_TYPE)
    if not isinstance(items, dict) or list_type not in ("set", "map"):
        return found
    if items.get("nullable"):
        detail = f"cannot be nullable when {_LIST_TYPE} is {list_type}"
        found.append(forbidden(f"{path}.items.nullable", detail))
    if list_type == "set":
        return found
    known: Object = items.get("properties") or {}
    for key in schema.get(_LIST_KEYS) or ():
        if key not in known:
            continue
        here = f"{path}.items.properties[{key}]"
        if key not in (items.get("required") or ()) and known[key].get("default") is None:
            detail = (
                f"this property is in {_LIST_KEYS}, so it must have a default or be a required "
                "property"
            )
            found.append(required(f"{here}.default", detail))
        if known[key].get("nullable"):
            detail = f"this property is in {_LIST_KEYS}, so it cannot be nullable"
            found.append(forbidden(f"{here}.nullable", detail))
    return found


def has_invalid_types(schema: Any) -> bool:
    return any((each.get("type") or TYPES[0]) not in TYPES for each in all_schemas(schema))


def has_loose_sets(schema: Any) -> bool:
    return any(_not_atomic(each) for each in all_schemas(schema))


def has_loose_keys(schema: Any) -> bool:
    return any(map_key_findings(each, "") for each in all_schemas(schema))


def _check_rules(found: Found, schema: Object, path: str) -> None:
    for position, rule in enumerate(schema.get(_RULES) or ()):
        here = f"{path}.{_RULES}[{position}]"
        text, message = rule.get("rule") or "", rule.get("message") or ""
        expression, field = rule.get("messageExpression") or "", rule.get("fieldPath") or ""
        if not text.strip():
            found.append(required(f"{here}.rule", "rule is not specified"))
        elif message and not message.strip():
            detail = "message must be non-empty if specified"
            found.append(invalid(f"{here}.message", message, detail))
        elif _NEWLINE.search(message.strip()):
            detail = "message must not contain line breaks"
            found.append(invalid(f"{here}.message", message, detail))
        elif _NEWLINE.search(text.strip()) and not message:
            detail = "message must be specified if rule contains line breaks"
            found.append(required(f"{here}.message", detail))
        if expression and not expression.strip():
            detail = "messageExpression must be non-empty if specified"
            found.append(required(f"{here}.messageExpression", detail))
        reason = rule.get("reason")
        if reason is not None and reason not in _REASONS:
            found.append(unsupported(f"{here}.reason", reason, _REASONS))
        if field and not field.strip():
            detail = "fieldPath must be non-empty if specified"
            found.append(invalid(f"{here}.fieldPath", field, detail))
        if _NEWLINE.search(field):
            detail = "fieldPath must not contain line breaks"
            found.append(invalid(f"{here}.fieldPath", field, detail))
        if field and not _leads_somewhere(schema, field):
            detail = "fieldPath must be a valid path"
            found.append(invalid(f"{here}.fieldPath", field, detail))


def _leads_somewhere(schema: Object, field: str) -> bool:
    if not_convertible(schema):
        return True  # what is wrong with the schema is said elsewhere
    try:
        field_at(schema, field)
    except PathError:
        return False
    return True
