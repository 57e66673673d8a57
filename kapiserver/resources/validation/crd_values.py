"""A value against the schema of a custom resource, in the words of kube-openapi's validators.

In: decoded JSON, a schema. Out: findings; `name` is the place of the value as messages spell it,
`path` the field that they are reported for. Changes nothing.
"""

from __future__ import annotations

from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    invalid,
    required,
    shown,
    too_long,
    too_many,
    unsupported,
)
from kapiserver.resources.validation.crd_formats import has_format
from kapiserver.resources.validation.crd_structural import INT_OR_STRING
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.go_patterns import matches


def check_value(found: Found, value: Any, schema: Any, path: str, name: str = "") -> None:
    if not isinstance(schema, dict):
        return
    if not _has_type(found, value, schema, path, name) or value is None:
        if value is None:
            _check_enum(found, value, schema, path)
        return
    _check_junctors(found, value, schema, path, name)
    if isinstance(value, str):
        _check_text(found, value, schema, path, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(found, value, schema, path, name)
    elif isinstance(value, list):
        _check_list(found, value, schema, path, name)
    _check_enum(found, value, schema, path)
    if isinstance(value, dict):
        _check_object(found, value, schema, path, name)


def json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _of_type(found: Found, kind: str, value: str, path: str, name: str) -> None:
    text = f"{name} in body must be of type {kind}: {shown(value)}"
    found.append(Cause("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {text}", path))


def _has_type(found: Found, value: Any, schema: Object, path: str, name: str) -> bool:
    kinds = [schema["type"]] if schema.get("type") else []
    if schema.get(INT_OR_STRING):
        kinds = ["integer", "string"]
    actual = json_type(value)
    if not kinds or actual in kinds or (value is None and schema.get("nullable")):
        return True
    if actual == "integer" and "number" in kinds:
        return True
    if actual == "number" and "integer" in kinds and value.is_integer():
        return True
    _of_type(found, ",".join(kinds), actual, path, name)
    return False


def _is_valid(value: Any, schema: Any, name: str) -> Found:
    found: Found = []
    check_value(found, value, schema, "", name)
    return found


def _check_junctors(found: Found, value: Any, schema: Object, path: str, name: str) -> None:
    subject = shown(name)
    if anyof := schema.get("anyOf"):
        attempts = [_is_valid(value, each, name) for each in anyof]
        if all(attempts):
            text = f"{subject} must validate at least one schema (anyOf)"
            found.append(invalid(path, "", text))
            _tell(found, min(attempts, key=len), path)
    if oneof := schema.get("oneOf"):
        attempts = [_is_valid(value, each, name) for each in oneof]
        good = sum(not attempt for attempt in attempts)
        if good != 1:
            why = "Found none valid" if not good else f"Found {good} valid alternatives"
            text = f"{subject} must validate one and only one schema (oneOf). {why}"
            found.append(invalid(path, "", text))
            if not good:
                _tell(found, min(attempts, key=len), path)
    if allof := schema.get("allOf"):
        attempts = [_is_valid(value, each, name) for each in allof]
        bad = [attempt for attempt in attempts if attempt]
        for attempt in bad:
            _tell(found, attempt, path)
        if bad:
            why = ". None validated" if len(bad) == len(attempts) else ""
            text = f"{subject} must validate all the schemas (allOf){why}"
            found.append(invalid(path, "", text))
    unwanted = schema.get("not")
    if isinstance(unwanted, dict) and not _is_valid(value, unwanted, name):
        found.append(invalid(path, "", f"{subject} must not validate the schema (not)"))


def _tell(found: Found, causes: Found, path: str) -> None:
    found += [cause._replace(field=path + cause.field) for cause in causes]


def _check_text(found: Found, value: str, schema: Object, path: str, name: str) -> None:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        found.append(too_long(path, int(longest)))
    if shortest is not None and len(value) < shortest:
        text = f"{name} in body should be at least {int(shortest)} chars long"
        found.append(invalid(path, value, text))
    pattern = schema.get("pattern")
    if pattern and not matches(pattern, value):
        found.append(invalid(path, value, f"{name} in body should match '{pattern}'"))
    form = schema.get("format")
    if form and not has_format(form, value):
        _of_type(found, form, value, path, name)


def _check_number(found: Found, value: float, schema: Object, path: str, name: str) -> None:
    factor = schema.get("multipleOf")
    if factor and (value / factor) % 1:
        found.append(invalid(path, value, f"{name} in body should be a multiple of {factor:g}"))
    for bound, strict, words in (
        ("maximum", "exclusiveMaximum", "less than"),
        ("minimum", "exclusiveMinimum", "greater than"),
    ):
        limit = schema.get(bound)
        if limit is None:
            continue
        beyond = value > limit if bound == "maximum" else value < limit
        if beyond or (schema.get(strict) and value == limit):
            relation = words if schema.get(strict) else f"{words} or equal to"
            found.append(invalid(path, value, f"{name} in body should be {relation} {limit:g}"))


def _check_list(found: Found, value: list[Any], schema: Object, path: str, name: str) -> None:
    for position, item in enumerate(value):
        here = f"{name}[{position}]"
        check_value(found, item, schema.get("items"), f"{path}[{position}]", here)
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    if fewest is not None and len(value) < fewest:
        text = f"{name} in body should have at least {int(fewest)} items"
        found.append(invalid(path, len(value), text))
    if most is not None and len(value) > most:
        found.append(too_many(path, len(value), int(most)))


def _check_enum(found: Found, value: Any, schema: Object, path: str) -> None:
    choices = schema.get("enum")
    if choices and not any(
        json_type(each) == json_type(value) and each == value for each in choices
    ):
        texts = [each if isinstance(each, str) else shown(each) for each in choices]
        found.append(unsupported(path, value, texts))


def _check_object(found: Found, value: Object, schema: Object, path: str, name: str) -> None:
    fewest, most = schema.get("minProperties"), schema.get("maxProperties")
    if fewest is not None and len(value) < fewest:
        text = f"{name} in body should have at least {int(fewest)} properties"
        found.append(invalid(path, len(value), text))
    if most is not None and len(value) > most:
        found.append(too_many(path, len(value), int(most)))
    dot = f"{name}." if name else ""
    for key in schema.get("required") or ():
        if key not in value:
            found.append(required(f"{path}.{key}"))
    known: Object = schema.get("properties") or {}
    for key, item in value.items():
        below = known.get(key, schema.get("additionalProperties"))
        if below is False:
            text = f"{name}.{key} in body is a forbidden property"
            found.append(invalid(f"{path}.{key}", "", text))
        check_value(found, item, below, f"{path}.{key}", f"{dot}{key}")
