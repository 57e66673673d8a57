"""Structural schemas: the part of a custom resource's schema that says what there is comes first,
and what only restricts values (allOf, anyOf, oneOf, not) names nothing that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.go_patterns import pattern_problem

INT_OR_STRING = "x-kubernetes-int-or-string"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
JUNCTORS = ("allOf", "anyOf", "oneOf")

_UNSUPPORTED = ("id", "$schema", "$ref", "patternProperties", "dependencies")
_UNSUPPORTED_NAMES = {"$schema": "schema"}
_MAPS = frozenset(("properties", "patternProperties", "definitions", "dependencies"))
_SCHEMAS = frozenset(("items", "not", "additionalProperties", "additionalItems", *JUNCTORS))
_EITHER = [{"type": "integer"}, {"type": "string"}]
_ROOT, _ITEM, _FIELD = "root", "item", "field"
_NO_TYPE = {
    _ROOT: "must not be empty at the root",
    _ITEM: "must not be empty for specified array items",
    _FIELD: "must not be empty for specified object fields",
}
_NESTED_EMPTY = "must be empty to be structural"
_NESTED_FALSE = "must be false to be structural"
_NESTED_UNDEFINED = "must be undefined to be structural"
# What a value restriction may not say, in the order in which it is reported.
_NOT_NESTED = (
    ("default", _NESTED_UNDEFINED),
    ("title", _NESTED_EMPTY),
    ("description", _NESTED_EMPTY),
    ("nullable", _NESTED_FALSE),
    (PRESERVE, _NESTED_FALSE),
    (EMBEDDED, _NESTED_FALSE),
    (INT_OR_STRING, _NESTED_FALSE),
    ("x-kubernetes-list-map-keys", _NESTED_EMPTY),
    ("x-kubernetes-list-type", _NESTED_UNDEFINED),
    ("x-kubernetes-map-type", _NESTED_UNDEFINED),
    ("x-kubernetes-validations", _NESTED_EMPTY),
)
_META_ONLY_NAMES = (
    "must not specify anything other than name and generateName, but metadata is implicitly "
    "specified"
)


def all_schemas(schema: Any) -> Iterator[Object]:
    """A schema and all that are inside it, wherever they stand."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict):
            continue
        yield each
        for name, value in each.items():
            if name in _MAPS:
                waiting += value.values()
            elif name in _SCHEMAS:
                waiting += value if isinstance(value, list) else (value,)


def not_convertible(schema: Any) -> str:
    """Why a schema cannot be taken for a structural one at all, or nothing."""
    if not isinstance(schema, dict):
        return ""
    for name in _UNSUPPORTED:
        if schema.get(name):
            return f"OpenAPIV3Schema '{_UNSUPPORTED_NAMES.get(name, name)}' is not supported"
    if schema.get("additionalItems") is not None:
        return "OpenAPIV3Schema 'additionalItems' is not supported"
    if schema.get("definitions"):
        return "OpenAPIV3Schema 'definitions' is not supported"
    nested = [schema.get("not")]
    for name in JUNCTORS:
        nested += schema.get(name) or ()
    nested.append(schema.get("additionalProperties"))
    for each in nested:
        if problem := not_convertible(each):
            return problem
    if schema.get(PRESERVE) is False:
        return f"internal error: '{PRESERVE}' must be true or undefined"
    items = schema.get("items")
    if isinstance(items, list) and items:
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    for each in (items, *(schema.get("properties") or {}).values()):
        if problem := not_convertible(each):
            return problem
    return ""


def structural_findings(schema: Object, path: str) -> Found:
    found: Found = []
    _check(found, schema, _ROOT, path)
    _check_complete(found, schema, schema, path, path)
    found.sort(key=_as_text)
    return found


def _as_text(cause: Cause) -> str:
    return f"{cause.field}: {cause.message}"


def _check(found: Found, schema: Any, level: str, path: str) -> None:
    if not isinstance(schema, dict):
        return
    get = schema.get
    kind, preserves = get("type") or "", bool(get(PRESERVE))
    embedded, either = bool(get(EMBEDDED)), bool(get(INT_OR_STRING))
    if kind == "array" and not isinstance(get("items"), dict):
        found.append(required(f"{path}.items", "must be specified"))
    _check(found, get("items"), _ITEM, f"{path}.items")
    properties: Object = get("properties") or {}
    for name, each in properties.items():
        _check(found, each, _FIELD, f"{path}.properties[{name}]")
    additional = get("additionalProperties")
    if additional is not None:
        if level == _ROOT:
            found.append(forbidden(f"{path}.additionalProperties", "must not be used at the root"))
        _check(found, additional, _FIELD, f"{path}.additionalProperties")
    if either:
        detail = f"must be false if {INT_OR_STRING} is true"
        for name, given in ((PRESERVE, preserves), (EMBEDDED, embedded)):
            if given:
                found.append(invalid(f"{path}.{name}", True, detail))
    _check_values(
        found,
        schema,
        path,
        skip_any=get("anyOf") == _EITHER,
        skip_first=any(each.get("anyOf") == _EITHER for each in (get("allOf") or [])[:1]),
    )
    if embedded and kind != "object":
        detail = f"must be object if {EMBEDDED} is true"
        at = f"{path}.type"
        found.append(invalid(at, kind, detail) if kind else required(at, detail))
    elif not kind and not either and not preserves:
        found.append(required(f"{path}.type", _NO_TYPE[level]))
    if embedded and additional is not None:
        detail = f"must not be used if {EMBEDDED} is set"
        found.append(forbidden(f"{path}.additionalProperties", detail))
    if level == _ROOT and kind and kind != "object":
        found.append(invalid(f"{path}.type", kind, "must be object at the root"))
    _check_meta(found, properties, level, path, described=level == _ROOT or embedded)
    if embedded and not preserves and not properties:
        detail = f"must not be empty if {EMBEDDED} is true without {PRESERVE}"
        found.append(required(f"{path}.properties", detail))


def _check_meta(
    found: Found, properties: Object, level: str, path: str, *, described: bool
) -> None:
    """What every object has; `described` where the schema is one of whole objects."""
    if described:
        for name in ("kind", "apiVersion"):
            if name in properties and properties[name].get("type") != "string":
                given = properties[name].get("type") or ""
                here = f"{path}.properties[{name}].type"
                found.append(invalid(here, given, "must be string"))
    metadata = properties.get("metadata")
    if not isinstance(metadata, dict):
        return
    here = f"{path}.properties[metadata]"
    if described and metadata.get("type") != "object":
        found.append(invalid(f"{here}.type", metadata.get("type") or "", "must be object"))
    if level != _ROOT:
        return
    names = set(metadata.get("properties") or ())
    ignored = {"type", "default", "externalDocs", "example"}
    if names <= {"name", "generateName"}:
        ignored.add("properties")
    if any(value for name, value in metadata.items() if name not in ignored):
        found.append(forbidden(here, _META_ONLY_NAMES))


def _check_values(
    found: Found, schema: Object, path: str, *, skip_any: bool = False, skip_first: bool = False
) -> None:
    if not skip_any:
        for position, each in enumerate(schema.get("anyOf") or ()):
            _check_nested(found, each, f"{path}.anyOf[{position}]")
    for position, each in enumerate(schema.get("allOf") or ()):
        here = f"{path}.allOf[{position}]"
        _check_nested(found, each, here, skip_any=skip_first and position == 0)
    for position, each in enumerate(schema.get("oneOf") or ()):
        _check_nested(found, each, f"{path}.oneOf[{position}]")
    _check_nested(found, schema.get("not"), f"{path}.not")
    pattern = schema.get("pattern")
    if pattern and (problem := pattern_problem(pattern)):
        detail = f"must be a valid regular expression, but isn't: {problem}"
        found.append(invalid(f"{path}.pattern", pattern, detail))


def _check_nested(found: Found, schema: Any, path: str, *, skip_any: bool = False) -> None:
    if not isinstance(schema, dict):
        return
    _check_values(found, schema, path, skip_any=skip_any)
    _check_nested(found, schema.get("items"), f"{path}.items")
    properties: Object = schema.get("properties") or {}
    for name, each in properties.items():
        _check_nested(found, each, f"{path}.properties[{name}]")
    if schema.get("type"):
        found.append(forbidden(f"{path}.type", _NESTED_EMPTY))
    if schema.get("additionalProperties") is not None:
        found.append(forbidden(f"{path}.additionalProperties", _NESTED_UNDEFINED))
    for name, detail in _NOT_NESTED:
        given = schema.get(name)
        if given or (given is not None and detail == _NESTED_UNDEFINED):
            found.append(forbidden(f"{path}.{name}", detail))
    if "metadata" in properties:
        detail = "must not be specified in a nested context"
        found.append(forbidden(f"{path}.properties[metadata]", detail))


def _check_complete(found: Found, values: Any, schema: Any, path: str, said: str) -> None:
    """Every field that a restriction names exists: `said` is where it is named."""
    if not isinstance(values, dict):
        return
    nested = [(values.get("not"), f"{said}.not")]
    for name in JUNCTORS:
        nested += [
            (each, f"{said}.{name}[{position}]")
            for position, each in enumerate(values.get(name) or ())
        ]
    for each, where in nested:
        _check_named(found, each, schema, path, where)


def _check_named(found: Found, values: Any, schema: Any, path: str, said: str) -> None:
    if not isinstance(values, dict):
        return
    if not isinstance(schema, dict):
        found.append(required(path, f"because it is defined in {said}"))
        return
    _check_complete(found, values, schema, path, said)
    _check_named(found, values.get("items"), schema.get("items"), f"{path}.items", f"{said}.items")
    known: Object = schema.get("properties") or {}
    for name, each in (values.get("properties") or {}).items():
        here, there = f"{path}.properties[{name}]", f"{said}.properties[{name}]"
        if name in known:
            _check_named(found, each, known[name], here, there)
        else:
            found.append(required(here, f"because it is defined in {there}"))
