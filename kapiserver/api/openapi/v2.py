"""Paths written down as OpenAPI v2 (Swagger 2.0) has them.

In: path items. Out: plain data. Query parameters stand once in the document and are referred to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kapiserver.api.openapi.operations import TEXT, Operation, PathItem
from kapiserver.api.openapi.parameters import Parameter

REFERENCE = "#/definitions/"


def paths(items: Iterable[PathItem], shared: dict[str, Any]) -> dict[str, Any]:
    """`shared` collects the document's parameters."""
    return {item.path: _item(item, shared) for item in items}


def _item(item: PathItem, shared: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {o.method: _operation(o, shared) for o in item.operations}
    if item.parameters:
        out["parameters"] = [_parameter(parameter, shared) for parameter in item.parameters]
    return out


def _parameter(parameter: Parameter, shared: dict[str, Any]) -> dict[str, Any]:
    full: dict[str, Any] = {
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "type": parameter.type,
        "uniqueItems": True,
    }
    if parameter.required:
        full["required"] = True
    if parameter.place == "path" and parameter.name == "name":
        return full  # its description differs from kind to kind
    known = f"{parameter.place}-{parameter.name}"
    if shared.setdefault(known, full) != full:
        return full
    return {"$ref": f"#/parameters/{known}"}


def _schema(name: str) -> dict[str, Any]:
    return {"type": "string"} if name == TEXT else {"$ref": REFERENCE + name}


def _operation(operation: Operation, shared: dict[str, Any]) -> dict[str, Any]:
    parameters = [_parameter(parameter, shared) for parameter in operation.parameters]
    if operation.body:
        body: dict[str, Any] = {"in": "body", "name": "body", "schema": _schema(operation.body)}
        if operation.body_required:
            body["required"] = True
        parameters.insert(0, body)
    responses: dict[str, Any] = {}
    for code, description, schema in operation.answers():
        responses[code] = {"description": description}
        if schema:
            responses[code]["schema"] = _schema(schema)
    out: dict[str, Any] = {
        "consumes": list(operation.body_types),
        "description": operation.description,
        "operationId": operation.operation_id,
    }
    if parameters:
        out["parameters"] = parameters
    out["produces"] = list(operation.produces)
    out["responses"] = responses
    out["schemes"] = ["https"]
    out["tags"] = [operation.tag]
    return out | extensions(operation)


def extensions(operation: Operation) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if operation.action:
        out["x-kubernetes-action"] = operation.action
    if operation.gvk is not None:
        group, version, kind = operation.gvk
        out["x-kubernetes-group-version-kind"] = {"group": group, "kind": kind, "version": version}
    return out
