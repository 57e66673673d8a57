"""Defaults of custom resources that are whole objects, or parts of their metadata."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import refused

from kapiserver.resources.definition import Object

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
AT = "spec.validation.openAPIV3Schema.properties[it]"
TEXT: Object = {"type": "string"}
METADATA = "must result in valid metadata: "


def embedded(**more: Any) -> Object:
    fields: Object = {"something": TEXT}
    return {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "properties": fields | more.pop("properties", {}),
        **more,
    }


def around(inner: Object, default: Object) -> Object:
    return {"type": "object", "properties": {"embedded": inner}, "default": {"embedded": default}}


def meta(**fields: Any) -> Object:
    """Metadata of an embedded object; its fields have defaults."""
    return embedded(properties={"metadata": {"type": "object", "properties": fields}})


def found(schema: Object) -> list[tuple[str, str]]:
    root = {"type": "object", "properties": {"it": schema}}
    crd: Object = {
        "metadata": {"name": "foos.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "foos", "kind": "Foo"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
            ],
        },
    }
    return refused(CRDS, crd)


POD: Object = {"apiVersion": "v1", "kind": "Pod"}


@pytest.mark.parametrize(
    ("default", "field", "message"),
    [
        ({**POD, "metadata": {"name": "foo", "unknown": 42}}, "", ""),
        ({"metadata": {}, "kind": "Pod"}, ".apiVersion", "Required value"),
        ({"metadata": {}, "apiVersion": "v1"}, ".kind", "Required value"),
        ({**POD, "apiVersion": 42}, ".apiVersion", "Invalid value: 42: must be a string"),
        ({**POD, "kind": 42}, ".kind", "Invalid value: 42: must be a string"),
        ({**POD, "apiVersion": ""}, ".apiVersion", "Required value"),
        (
            {**POD, "apiVersion": "a/b/c"},
            ".apiVersion",
            'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        ),
        (
            {**POD, "metadata": {"name": 42}},
            ".metadata",
            'Invalid value: {"name":42}: json: cannot unmarshal number into Go struct field '
            "ObjectMeta.name of type string",
        ),
        (
            {**POD, "metadata": {"labels": {"foo": 42}}},
            ".metadata",
            'Invalid value: {"labels":{"foo":42}}: json: cannot unmarshal number into Go struct '
            "field ObjectMeta.labels of type string",
        ),
        (
            {**POD, "metadata": {"annotations": 42}},
            ".metadata",
            'Invalid value: {"annotations":42}: json: cannot unmarshal number into Go struct '
            "field ObjectMeta.annotations of type map[string]string",
        ),
        (
            {**POD, "metadata": {"finalizers": {}}},
            ".metadata",
            'Invalid value: {"finalizers":{}}: json: cannot unmarshal object into Go struct field '
            "ObjectMeta.finalizers of type []string",
        ),
        (
            {**POD, "metadata": {"generation": "1", "uid": None}},
            ".metadata",
            'Invalid value: {"generation":"1","uid":null}: json: cannot unmarshal string into Go '
            "struct field ObjectMeta.generation of type int64",
        ),
        (
            {**POD, "metadata": {"creationTimestamp": 1}},
            ".metadata",
            'Invalid value: {"creationTimestamp":1}: json: cannot unmarshal number into Go value '
            "of type string",
        ),
        (
            {**POD, "metadata": 42},
            ".metadata",
            "Invalid value: 42: json: cannot unmarshal number into Go value of type v1.ObjectMeta",
        ),
        (
            {**POD, "metadata": {"name": "%"}},
            ".metadata.name",
            "Invalid value: \"%\": may not contain '%'",
        ),
        (
            {**POD, "metadata": {"generation": -1}},
            ".metadata.generation",
            "Invalid value: -1: must be greater than or equal to 0",
        ),
    ],
)
def test_a_default_that_is_an_object(default: Object, field: str, message: str) -> None:
    plain = [(f"{AT}.default{field}", message)] if message else []
    assert found(embedded(default=default)) == plain
    deeper = [(f"{AT}.default.embedded{field}", message)] if message else []
    assert found(around(embedded(), default)) == deeper


def test_what_is_in_lists_and_maps_is_looked_at() -> None:
    listed = {"type": "array", "items": embedded(), "default": [{**POD, "kind": 1}]}
    kind = "Invalid value: 1: must be a string"
    assert found(listed) == [(f"{AT}.default[0].kind", kind)]
    mapped = {
        "type": "object",
        "additionalProperties": embedded(),
        "default": {"a": {**POD, "kind": 1}},
    }
    assert found(mapped) == [(f"{AT}.default[a].kind", kind)]


def test_names_and_labels_of_defaults_are_well_formed() -> None:
    metadata = {"labels": {"foo": "x y"}, "finalizers": ["-"], "namespace": "A"}
    fields = [field for field, _ in found(embedded(default={**POD, "metadata": metadata}))]
    assert [field.removeprefix(f"{AT}.default.metadata.") for field in fields] == [
        "namespace",
        "labels",
        "finalizers",
    ]
    kind = embedded(default={**POD, "kind": "%"})
    [(field, message)] = found(kind)
    assert field == f"{AT}.default.kind"
    assert message.startswith('Invalid value: "%": may have mixed case, but should otherwise match')


@pytest.mark.parametrize(
    ("schema", "place", "message"),
    [
        (meta(name={**TEXT, "default": "foo"}), "", ""),
        (
            meta(name={**TEXT, "default": 42}),
            ".properties[metadata].properties[name]",
            f'Invalid value: 42: {METADATA}metadata: Invalid value: {{"name":42}}: json: cannot '
            "unmarshal number into Go struct field ObjectMeta.name of type string",
        ),
        (
            meta(name={**TEXT, "default": "%"}),
            ".properties[metadata].properties[name]",
            f'Invalid value: "%": {METADATA}metadata.name: Invalid value: "%": may not contain '
            "'%'",
        ),
        (
            meta(finalizers={"type": "array", "items": {**TEXT, "default": 1}}),
            ".properties[metadata].properties[finalizers].items",
            f'Invalid value: 1: {METADATA}metadata: Invalid value: {{"finalizers":[1]}}: json: '
            "cannot unmarshal number into Go struct field ObjectMeta.finalizers of type string",
        ),
        (
            embedded(properties={"kind": {**TEXT, "default": 42}}),
            ".properties[kind]",
            f"Invalid value: 42: {METADATA}kind: Invalid value: 42: must be a string",
        ),
        (
            meta(name={**TEXT, "default": "bar", "enum": ["foo"]}),
            ".properties[metadata].properties[name]",
            'Unsupported value: "bar": supported values: "foo"',
        ),
        (
            embedded(
                properties={"metadata": {"type": "object", "default": {"name": "a", "more": 1}}}
            ),
            "",
            "",
        ),
    ],
)
def test_a_default_inside_of_metadata(schema: Object, place: str, message: str) -> None:
    assert found(schema) == ([(f"{AT}{place}.default", message)] if message else [])


def test_all_that_is_wrong_is_told_at_once() -> None:
    default = {"name": "%", "labels": {"a": "x y"}}
    schema = embedded(properties={"metadata": {"type": "object", "default": default}})
    [(_, message)] = found(schema)
    assert f"{METADATA}[metadata.name: Invalid" in message
    assert ", metadata.labels: Invalid" in message
