"""A kind of our own whose fields have every shape that merges: for scripts and properties."""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.resources.definition import ResourceDefinition, Version

DEFINITION = "test.v1.Thing"

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_MAP = {"type": "object", "additionalProperties": _TEXT}
_MARKS = {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"}
_POINT = {"type": "object", "properties": {"x": _NUMBER, "y": _NUMBER, "marks": _MARKS}}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
        "text": _TEXT,
        "number": _NUMBER,
        "struct": _POINT,
        "map": _MAP,
        "mapOfStructs": {"type": "object", "additionalProperties": _POINT},
        "whole": {**_POINT, "x-kubernetes-map-type": "atomic"},
        "list": {"type": "array", "items": _TEXT},
        "set": {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"},
        "items": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "properties": {"name": _TEXT, "value": _NUMBER, "tags": _MAP},
            },
        },
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {
                "type": "object",
                "properties": {
                    "port": _NUMBER,
                    "protocol": {**_TEXT, "default": "TCP"},
                    "comment": _TEXT,
                },
            },
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}

THINGS = ResourceDefinition(
    group="test",
    kind="Thing",
    plural="things",
    singular="thing",
    namespaced=True,
    versions=(Version("v1", DEFINITION),),
    storage_version="v1",
)


def a_thing(body: dict[str, Any]) -> dict[str, Any]:
    """One with these fields, which are copied."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(body))
    return {"apiVersion": "test/v1", "kind": "Thing", "metadata": {"name": "x"}, **copy}
