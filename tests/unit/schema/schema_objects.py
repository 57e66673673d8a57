"""Objects that a definition allows, for hypothesis: made from the schema, not from the validator.

`objects(schemas, name)` gives objects in the form that is stored: every value is canonical.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kapiserver.resources.schema import SchemaSet

_PREFIX = "#/definitions/"
_PLAIN = st.text("abcdefghij-.", max_size=8)
_FREE = st.dictionaries(_PLAIN, st.one_of(st.booleans(), st.integers(-9, 9), _PLAIN), max_size=3)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": st.sampled_from(
        ["0", "1", "100m", "1Gi", "1536Mi", "25k", "5e3"]
    ),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": st.one_of(
        _PLAIN, st.integers(-(2**31), 2**31 - 1)
    ),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _FREE,
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": _FREE,
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": st.just("2026-02-28T23:59:59Z"),
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": st.just("2026-02-28T23:59:59.000001Z"),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": st.one_of(_PLAIN, _FREE),
}
_DEPTH = 6


def objects(schemas: SchemaSet, name: str) -> st.SearchStrategy[dict[str, Any]]:
    return _values(schemas, {"$ref": _PREFIX + name}, _DEPTH)


def _values(schemas: SchemaSet, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    ref = schema.get("$ref")
    if ref is not None:
        name = ref.removeprefix(_PREFIX)
        if name in _BY_NAME:
            return _BY_NAME[name]
        return st.deferred(lambda: _values(schemas, schemas.definition(name), depth))
    match schema.get("type"), schema.get("format"):
        case "object", _:
            return _object(schemas, schema, depth - 1)
        case "array", _:
            item = _values(schemas, schema["items"], depth - 1)
            return st.lists(item, max_size=2 if depth > 0 else 0)
        case "string", "byte":
            return st.sampled_from(["", "aGk=", "AAAA"])
        case "string", _:
            return _PLAIN
        case "boolean", _:
            return st.booleans()
        case "integer", "int32":
            return st.integers(-(2**31), 2**31 - 1)
        case "integer", _:
            return st.integers(-(2**63), 2**63 - 1)
        case "number", _:
            return st.floats(allow_nan=False, allow_infinity=False)
    return _FREE


def _object(
    schemas: SchemaSet, schema: dict[str, Any], depth: int
) -> st.SearchStrategy[dict[str, Any]]:
    fields = schema.get("properties")
    if fields is not None:
        if depth <= 0:
            return st.just({})
        some = st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)
        return some.flatmap(
            lambda names: st.fixed_dictionaries(
                {field: _values(schemas, fields[field], depth) for field in names}
            )
        )
    below = schema.get("additionalProperties")
    if below is not None and depth > 0:
        return st.dictionaries(_PLAIN, _values(schemas, below, depth), max_size=2)
    return st.just({})
