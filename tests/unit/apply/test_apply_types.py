"""Sets recorded under other schemas, names of managers, and how elements are spelt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kapiserver.api.apply.check import problems
from kapiserver.api.apply.elements import ElementError, canonical, shown
from kapiserver.api.apply.manager import FieldManager
from kapiserver.api.apply.managers import (
    NAME_LIMIT,
    ManagedFieldsError,
    check_entries,
    decoded,
    from_user_agent,
    is_reset,
)
from kapiserver.api.apply.reconcile import reconcile
from kapiserver.api.apply.sets import FieldsError, FieldSet, in_order, of_paths, parse
from kapiserver.api.apply.types import FieldTypes
from kapiserver.resources.registry import Registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Node

_TEXT = {"type": "string"}


def _types(schemas: SchemaSet, name: str, **field: Any) -> Any:
    schemas.define(name, {"type": "object", "properties": {"place": field}})
    return FieldTypes(schemas).of(name)


def _map(schemas: SchemaSet, *, atomic: bool) -> Any:
    hint = {"x-kubernetes-map-type": "atomic"} if atomic else {}
    return _types(schemas, "test.Map", type="object", additionalProperties=_TEXT, **hint)


def _list(schemas: SchemaSet, *, atomic: bool) -> Any:
    hint = {"x-kubernetes-list-type": "atomic" if atomic else "set"}
    return _types(schemas, "test.List", type="array", items=_TEXT, **hint)


WHOLE = of_paths(("f:place",))


def test_who_owned_part_of_what_became_atomic_owns_all_of_it(schemas: SchemaSet) -> None:
    keys = of_paths(("f:place", "f:a"), ("f:place", "f:b"))
    assert reconcile(_map(schemas, atomic=True), keys) == WHOLE
    values = of_paths(("f:place", 'v:"a"'))
    assert reconcile(_list(schemas, atomic=True), values) == WHOLE


def test_who_owned_all_of_what_is_no_longer_atomic_owns_the_container_alone(
    schemas: SchemaSet,
) -> None:
    """Nobody can tell it from somebody who owns an empty container."""
    assert reconcile(_map(schemas, atomic=False), WHOLE) is WHOLE
    assert reconcile(_list(schemas, atomic=False), WHOLE) is WHOLE


def test_what_fits_is_left_alone(schemas: SchemaSet) -> None:
    fields: FieldSet = of_paths(("f:place", "f:a"), ("f:unknown", "f:x"))
    assert reconcile(_map(schemas, atomic=False), fields) is fields
    assert reconcile(_map(schemas, atomic=True), WHOLE) is WHOLE


def test_a_replaced_definition_has_new_types(schemas: SchemaSet) -> None:
    types = FieldTypes(schemas)
    schemas.define("test.Changing", {"type": "object", "properties": {"a": _TEXT}})
    before = types.of("test.Changing")
    assert types.of("test.Changing") is before
    schemas.define("test.Changing", {"type": "object", "properties": {"b": _TEXT}})
    assert types.of("test.Changing") is not before


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("kubectl/v1.37.1 (linux/amd64) kubernetes/1", "kubectl"),
        ("Mozilla", "Mozilla"),
        ("", ""),
        ("a\x07b/1", "ab"),
        ("x" * 200, "x" * NAME_LIMIT),
        ("é" * 100, "é" * (NAME_LIMIT // 2)),
    ],
)
def test_clients_are_known_by_their_programs_name(agent: str, name: str) -> None:
    assert from_user_agent(agent) == name


def test_elements_have_one_spelling() -> None:
    assert canonical('k:{ "b": 1, "a": "x" }') == 'k:{"a":"x","b":1}'
    assert canonical('v: "x"') == 'v:"x"'
    assert canonical("i:07") == "i:7"
    assert canonical("z:later") is None
    for wrong in ("f", "name", "k:[1]", "v:{", "i:x"):
        with pytest.raises(ElementError):
            canonical(wrong)


def test_paths_are_shown_as_upstream_shows_them() -> None:
    path = ("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"a\\"b"', "i:3")
    assert shown(path) == '.spec[containerPort=80,protocol="TCP"][="a\\"b"][3]'
    strange = ('k:{"name":{"a":[1,null],"b":{}}}', "v:false")
    assert shown(strange) == "[name=a=[1,null]b=][=false]"


def test_sets_from_outside_are_brought_to_one_form() -> None:
    sent: Any = {"f:a": {".": {}}, "f:b": {"f:c": {}, "x:d": {}}, "f:e": {"x:d": {}}}
    assert parse(sent) == {"f:a": {}, "f:b": {"f:c": {}}, "f:e": {}}
    assert parse({"f:a": None}) == {"f:a": {}}
    refused: list[Any] = [[], {"f:a": []}, {"q": {}}]
    for wrong in refused:
        with pytest.raises(FieldsError):
            parse(wrong)


def test_sets_are_written_in_order() -> None:
    keys = ['k:{"a":"x","p":80}', 'k:{"a":"x","p":443}', 'k:{"a":"y","p":8}', 'k:{"p":1}']
    values = ["v:1.5", "v:2", "v:10", 'v:"1"', "v:false", "v:true", "v:null"]
    for expected in (keys, values, ["i:2", "i:10"], ["f:A", "f:a", "f:b"]):
        shuffled: FieldSet = {element: {} for element in [*reversed(expected), "."]}
        assert list(in_order(shuffled)) == [".", *expected]


ENTRY = {
    "manager": "m",
    "operation": "Apply",
    "apiVersion": "v1",
    "fieldsType": "FieldsV1",
    "fieldsV1": {},
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"operation": "Grab"}, "operation must be `Apply` or `Update`"),
        ({"apiVersion": ""}, "apiVersion must not be empty"),
        ({"fieldsType": ""}, "missing fieldsType in managed fields entry 0"),
        ({"fieldsType": "V2"}, 'invalid fieldsType "V2" in managed fields entry 0'),
        ({"fieldsV1": {"a": {}}}, "error decoding set"),
    ],
)
def test_entries_that_are_none(change: Any, problem: str) -> None:
    with pytest.raises(ManagedFieldsError, match=problem):
        decoded([{**ENTRY, **change}])


def test_names_in_entries_are_checked() -> None:
    wrong = [ENTRY, {**ENTRY, "manager": "m" * 129, "subresource": "s" * 257}]
    assert [cause.field for cause in check_entries(wrong)] == [
        "metadata.managedFields[1].manager",
        "metadata.managedFields[1].subresource",
    ]


def test_resets() -> None:
    assert is_reset([])
    assert is_reset([{}])
    assert not is_reset(None)
    assert not is_reset([ENTRY])


def test_every_kind_that_is_served_can_be_applied(types: FieldTypes, registry: Registry) -> None:
    for definition in registry.definitions():
        for version in definition.versions:
            manager = FieldManager(definition, version, "", types, registry)
            config: dict[str, Any] = {
                "apiVersion": manager.api_version,
                "kind": definition.kind,
                "metadata": {"name": "x", "labels": {"a": "b"}},
            }
            applied = manager.apply(None, config, "me", "now", force=False)
            fields = applied["metadata"]["managedFields"][0]["fieldsV1"]
            assert fields == {"f:metadata": {"f:labels": {"f:a": {}}}}, definition.resource


class Interrupted(SchemaSet):
    """A schema set at which others come by while a type is made of it."""

    meanwhile: Callable[[], None] | None = None

    def node(self, name: str) -> Node:
        if name == "test.Inner" and self.meanwhile is not None:
            visit, self.meanwhile = self.meanwhile, None
            visit()
        return super().node(name)


def test_nobody_finds_a_type_that_is_not_whole() -> None:
    schemas = Interrupted.load()
    assert isinstance(schemas, Interrupted)
    inner = {"type": "object", "properties": {"a": _TEXT, "up": {"$ref": "#/definitions/test.Up"}}}
    schemas.define("test.Inner", inner)
    up = {"inner": {"$ref": "#/definitions/test.Inner"}, "b": _TEXT}
    schemas.define("test.Up", {"type": "object", "properties": up})
    types = FieldTypes(schemas)
    found: list[Any] = []
    schemas.meanwhile = lambda: found.append(types.of("test.Up"))
    types.of("test.Up")
    for kind in (*found, types.of("test.Up")):
        assert sorted(kind.fields) == ["b", "inner"]
        assert sorted(kind.fields["inner"].type.fields) == ["a", "up"]
        assert sorted(kind.fields["inner"].type.fields["up"].type.fields) == ["b", "inner"]
    assert found


def test_key_fields_are_named_in_the_order_of_the_schema(schemas: SchemaSet) -> None:
    keys = ["zone", "name"]
    item = {"type": "object", "properties": dict.fromkeys(keys, _TEXT)}
    schemas.define(
        "test.Keyed",
        {
            "type": "object",
            "properties": {
                "place": {
                    "type": "array",
                    "items": item,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": keys,
                }
            },
        },
    )
    assert problems(FieldTypes(schemas), "test.Keyed", {"place": [{}]}) == (
        ".place: element 0: associative list with keys has an element that omits all key fields "
        '["zone" "name"] (and doesn\'t have default values for any key fields)'
    )


@pytest.mark.parametrize("index", ["5_0", " 5", "٣", "", "9" * 30])
def test_indexes_are_plain_numbers(index: str) -> None:
    with pytest.raises(ElementError):
        canonical(f"i:{index}")
