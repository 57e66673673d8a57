"""A definition as OpenAPI v3 has it, from its v2 form.

In: one definition in v2 form. Out: the v3 form, as upstream publishes it: references to
components, `allOf` around a reference that has a description, both types of a quantity, defaults.
Also which other definitions it refers to. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kapiserver.resources.schema.defaults import DECLARED
from kapiserver.resources.schema.nodes import SPECIAL
from kapiserver.resources.schema.shapes import Shape, shapes_of

V2_PREFIX = "#/definitions/"
V3_PREFIX = "#/components/schemas/"

_ZERO = {"string": "", "integer": 0, "number": 0, "boolean": False}
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def references(schema: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to, repeated as often as it does."""
    if isinstance(schema, dict):
        ref = schema.get("$ref")
        if isinstance(ref, str):
            yield ref.removeprefix(V2_PREFIX).removeprefix(V3_PREFIX)
        for below in schema.values():
            yield from references(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from references(below)


def to_v3(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    out = _v3(schema, name)
    if name == _QUANTITY:
        del out["type"]
        out["oneOf"] = [{"type": "string"}, {"type": "number"}]
    return out


def _v3(schema: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    if schema.get("format") == "int-or-string":
        rest = {key: value for key, value in schema.items() if key != "type"}
        return {**rest, "oneOf": [{"type": "integer"}, {"type": "string"}]}
    out: dict[str, Any] = {}
    for key, value in schema.items():
        match key:
            case "$ref":
                out[key] = V3_PREFIX + value.removeprefix(V2_PREFIX)
            case "properties":
                shapes = shapes_of(name) or {}
                out[key] = {
                    field: _field(below, DECLARED.get((name, field)), shapes.get(field))
                    for field, below in value.items()
                }
            case "items" | "additionalProperties" if isinstance(value, dict):
                out[key] = _element(value)
            case _:
                out[key] = value
    if len(out) > 1 and "$ref" in out:
        # In OpenAPI 3.0, what stands beside a $ref is ignored.
        out["allOf"] = [{"$ref": out.pop("$ref")}]
    return out


def _field(schema: Mapping[str, Any], declared: Any, shape: Shape | None) -> dict[str, Any]:
    """A field that Go always writes has its zero value for a default."""
    if declared is None and shape is Shape.ALWAYS:
        return _element(schema)
    out = _v3(schema)
    if declared is not None:
        out["default"] = declared
    return out


def _text_formats(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Formats of strings (byte, date-time) are no strings in Go and have no empty default."""
    return schema if schema.get("type") == "string" else {}


def _element(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A value that is no pointer: so are items of lists and values of maps, all over the API."""
    out = _v3(schema)
    if _refers_to_struct(schema):
        if "$ref" in out:
            out["allOf"] = [{"$ref": out.pop("$ref")}]
        out["default"] = {}
    elif schema.get("type") in _ZERO and "format" not in _text_formats(schema):
        out["default"] = _ZERO[schema["type"]]
    return out


def _refers_to_struct(schema: Mapping[str, Any]) -> bool:
    ref = schema.get("$ref")
    return ref is not None and ref.removeprefix(V2_PREFIX) not in SPECIAL
