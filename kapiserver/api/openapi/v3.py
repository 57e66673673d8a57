"""Paths written down as OpenAPI v3.0 has them. In: path items. Out: plain data.

Parameters are written out in every operation, as upstream does: kubectl looks there, and only
there, to see what the server supports.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kapiserver.api.openapi.operations import TEXT, Operation, PathItem
from kapiserver.api.openapi.parameters import Parameter
from kapiserver.api.openapi.v2 import extensions

REFERENCE = "#/components/schemas/"


def paths(items: Iterable[PathItem]) -> dict[str, Any]:
    return {item.path: _item(item) for item in items}


def _item(item: PathItem) -> dict[str, Any]:
    out: dict[str, Any] = {o.method: _operation(o) for o in item.operations}
    if item.parameters:
        out["parameters"] = [_parameter(parameter) for parameter in item.parameters]
    return out


def _parameter(parameter: Parameter) -> dict[str, Any]:
    out: dict[str, Any] = {
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "schema": {"type": parameter.type, "uniqueItems": True},
    }
    if parameter.required:
        out["required"] = True
    return out


def _content(name: str, types: tuple[str, ...]) -> dict[str, Any]:
    schema = {"type": "string"} if name == TEXT else {"$ref": REFERENCE + name}
    return {media_type: {"schema": schema} for media_type in types}


def _operation(operation: Operation) -> dict[str, Any]:
    out: dict[str, Any] = {
        "description": operation.description,
        "operationId": operation.operation_id,
    }
    if operation.parameters:
        out["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        out["requestBody"] = {"content": _content(operation.body, operation.body_types)}
        if operation.body_required:
            out["requestBody"]["required"] = True
    responses: dict[str, Any] = {}
    for code, description, schema in operation.answers():
        responses[code] = {"description": description}
        if schema:
            responses[code]["content"] = _content(schema, operation.produces)
    out["responses"] = responses
    out["tags"] = [operation.tag]
    return out | extensions(operation)
