"""Zero values: what Go leaves out when it writes an object, and what it writes unasked."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_objects import objects

from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.complete import FILL, FINISH, OPEN
from kapiserver.resources.schema.nodes import Form
from kapiserver.resources.schema.shapes import Shape, shapes_of

CORE = "io.k8s.api.core.v1."
RBAC = "io.k8s.api.rbac.v1."


def test_the_table_names_every_type_and_only_fields_that_exist(schemas: SchemaSet) -> None:
    without = []
    for name in schemas.names():
        node = schemas.node(name)
        shapes = shapes_of(name)
        if shapes is not None:
            assert shapes.keys() <= node.fields.keys(), name
        elif node.form is Form.STRUCT and not name.endswith("List"):
            without.append(name.rpartition(".")[2])
    assert without == ["Info"]  # of /version: never written


@pytest.mark.parametrize(
    ("definition", "field", "shape"),
    [
        (CORE + "Container", "resources", Shape.ALWAYS),
        (CORE + "Container", "command", Shape.OMITTED),
        (CORE + "Container", "securityContext", Shape.POINTER),
        (CORE + "EphemeralContainer", "name", Shape.ALWAYS),  # of an embedded struct
        (RBAC + "Role", "rules", Shape.ALWAYS),
        ("io.k8s.api.apps.v1.DeploymentSpec", "selector", Shape.NULLABLE),
        ("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "creationTimestamp", Shape.OMITTED),
        (CORE + "PodCondition", "lastProbeTime", Shape.ALWAYS),
    ],
)
def test_fields_have_the_shape_of_gos(
    schemas: SchemaSet, definition: str, field: str, shape: Shape
) -> None:
    assert schemas.node(definition).fields[field].shape is shape


def checked(schemas: SchemaSet, name: str, obj: dict[str, Any]) -> dict[str, Any]:
    assert schemas.validator(name).check(obj, on_unknown="collect") == ("", ())
    return obj


def test_a_null_is_a_zero_value(schemas: SchemaSet) -> None:
    obj = {"metadata": {"creationTimestamp": None, "labels": None}, "rules": None}
    assert checked(schemas, RBAC + "Role", obj) == {"metadata": {}}


def test_what_is_emptied_below_stays_where_go_has_a_pointer(schemas: SchemaSet) -> None:
    obj = {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}}
    assert checked(schemas, CORE + "PodSpec", obj) == {"affinity": {"nodeAffinity": {}}}


def test_a_fault_elsewhere_does_not_keep_zero_values(schemas: SchemaSet) -> None:
    obj = {"containers": [{"name": "", "args": [], "foo": 1, "ports": [{"hostIP": ""}, None]}]}
    findings = schemas.validator(CORE + "PodSpec").check(obj, on_unknown="collect")
    assert findings.unknown == ("containers[0].foo",)
    assert obj == {"containers": [{"name": "", "ports": [{}, {}]}]}


def test_custom_resources_keep_what_they_were_given(schemas: SchemaSet) -> None:
    definition = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"list": {"type": "array", "items": {}}}},
            "count": {"type": "integer"},
        },
    }
    schemas.define("example.Thing", definition)
    obj = {"spec": {"list": []}, "count": 0}
    assert checked(schemas, "example.Thing", obj) == {"spec": {"list": []}, "count": 0}
    schemas.validator("example.Thing").complete(obj, FINISH)
    assert obj == {"spec": {"list": []}, "count": 0}
    schemas.forget("example.Thing")


def test_completing_adds_structs_and_scalars_first_and_nulls_last(schemas: SchemaSet) -> None:
    validator = schemas.validator(CORE + "Pod")
    obj: dict[str, Any] = {
        "metadata": {},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    validator.complete(obj, FILL)
    assert obj["spec"] == {"containers": [{"name": "c", "resources": {}}]}
    filled = copy.deepcopy(obj)
    validator.complete(obj, FINISH)
    condition = obj["status"]["conditions"][0]
    assert condition == {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": None,
    }
    validator.complete(obj, OPEN)
    assert obj == filled


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    name=st.sampled_from([CORE + "Pod", CORE + "Node", RBAC + "Role", CORE + "Service"]),
)
def test_what_was_finished_reads_as_itself(
    schemas: SchemaSet, data: st.DataObject, name: str
) -> None:
    obj = data.draw(objects(schemas, name))
    validator = schemas.validator(name)
    validator.check(obj)
    validator.complete(obj, FINISH)
    finished = copy.deepcopy(obj)
    assert validator.check(obj, on_unknown="collect") == ("", ())
    validator.complete(obj, FINISH)
    assert obj == finished
    validator.complete(obj, OPEN)
    validator.complete(obj, FINISH)
    assert obj == finished
