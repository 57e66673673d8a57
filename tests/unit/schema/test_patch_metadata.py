"""What patches learn from the schema."""

from __future__ import annotations

from kapiserver.resources.schema import PatchNode, SchemaSet


def _pod_spec(schemas: SchemaSet) -> PatchNode:
    node = schemas.patch_meta("io.k8s.api.apps.v1.Deployment")
    for name in ("spec", "template", "spec"):
        node = node.field(name).child
    return node


def test_lists_say_how_they_merge_and_by_which_key(schemas: SchemaSet) -> None:
    containers = _pod_spec(schemas).field("containers")
    assert containers.strategies == {"merge"}
    assert containers.merge_key == "name"
    assert (containers.list_type, containers.list_map_keys) == ("map", ("name",))
    ports = containers.child.field("ports")
    assert ports.merge_key == "containerPort"
    assert ports.list_map_keys == ("containerPort", "protocol")
    assert ports.child.field("protocol").default == "TCP"


def test_retain_keys_and_atomic_maps_are_known(schemas: SchemaSet) -> None:
    spec = _pod_spec(schemas)
    assert spec.field("volumes").strategies == {"merge", "retainKeys"}
    deployment = schemas.patch_meta("io.k8s.api.apps.v1.Deployment").field("spec").child
    assert deployment.field("strategy").strategies == {"retainKeys"}
    assert deployment.field("selector").map_type == "atomic"
    assert spec.field("nodeSelector").map_type == "atomic"


def test_unknown_fields_and_free_form_data_have_no_hints(schemas: SchemaSet) -> None:
    unknown = _pod_spec(schemas).field("noSuchField")
    assert not unknown.known
    assert unknown.child.free_form
    assert not unknown.child.field("below").known


def test_a_map_has_one_set_of_hints_for_all_its_keys(schemas: SchemaSet) -> None:
    metadata = schemas.patch_meta("io.k8s.api.core.v1.Pod").field("metadata").child
    labels = metadata.field("labels").child
    assert labels.field("a") is labels.field("b")
    assert metadata.field("finalizers").strategies == {"merge"}
    assert metadata.field("ownerReferences").merge_key == "uid"


def test_recursive_definitions_can_be_walked(schemas: SchemaSet) -> None:
    node = schemas.patch_meta(
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
    )
    for _ in range(50):
        node = node.field("not").child
    assert node.field("type").known
