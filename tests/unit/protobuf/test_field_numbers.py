"""The table of field numbers agrees with the schemas, whole kinds at a time."""

from __future__ import annotations

from collections.abc import Iterator

from kapiserver.resources.protobuf.numbers import fields_of, is_numbered
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
# Kinds that come in bodies without being resources of their own.
BESIDE = (
    META + "DeleteOptions",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.core.v1.Binding",
    "io.k8s.api.policy.v1.Eviction",
)
IN_THE_ENVELOPE = frozenset({"apiVersion", "kind"})


def closure(schemas: SchemaSet) -> list[str]:
    """Every struct that a body of a built-in kind can contain."""
    kinds = {v.schema for d in builtin_registry().definitions() for v in d.versions}
    return [
        name
        for name in schemas.closure(kinds.union(BESIDE))
        if schemas.node(name).form is Form.STRUCT
    ]


def json_names(definition: str) -> Iterator[str]:
    for field in fields_of(definition):
        if field.inlined:
            yield from json_names(field.name)
        else:
            yield field.name


def test_every_property_of_every_built_in_kind_has_a_number(protobuf_schemas: SchemaSet) -> None:
    names = closure(protobuf_schemas)
    assert len(names) > 500
    for name in names:
        assert is_numbered(name), name
        wanted = set(protobuf_schemas.node(name).fields)
        # Only objects have apiVersion and kind in the envelope; references have fields of these
        # names, and those are numbered.
        assert wanted - set(json_names(name)) <= IN_THE_ENVELOPE, name


def test_nothing_is_numbered_that_the_schema_does_not_have(protobuf_schemas: SchemaSet) -> None:
    for name in closure(protobuf_schemas):
        assert set(json_names(name)) <= set(protobuf_schemas.node(name).fields), name


def test_no_number_and_no_name_is_used_twice_in_a_message(protobuf_schemas: SchemaSet) -> None:
    for name in closure(protobuf_schemas):
        numbers = [field.number for field in fields_of(name)]
        assert len(numbers) == len(set(numbers)), name
        names = list(json_names(name))
        assert len(names) == len(set(names)), name


def test_references_to_other_objects_keep_their_kind(protobuf_schemas: SchemaSet) -> None:
    """apiVersion and kind may lack a number only where the envelope has them."""
    objects = {v.schema for d in builtin_registry().definitions() for v in d.versions} | {*BESIDE}
    for name in closure(protobuf_schemas):
        missing = set(protobuf_schemas.node(name).fields) - set(json_names(name))
        if missing:
            assert name in objects, name


def test_numbers_known_from_upstreams_proto_files() -> None:
    known = {
        "io.k8s.api.core.v1.PodSpec": {"volumes": 1, "containers": 2, "hostUsers": 37},
        "io.k8s.api.apps.v1.DeploymentSpec": {"paused": 7, "progressDeadlineSeconds": 9},
        "io.k8s.api.core.v1.ServiceSpec": {"ports": 1, "clusterIPs": 18, "ipFamilies": 19},
        META + "ObjectMeta": {"name": 1, "labels": 11, "managedFields": 17},
    }
    for name, numbers in known.items():
        table = {field.name: field.number for field in fields_of(name)}
        assert numbers.items() <= table.items()
