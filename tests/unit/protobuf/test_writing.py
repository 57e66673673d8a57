"""Objects as messages: what is written reads back as it was, and looks as Go writes it."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_bytes import MAGIC, f, message

from kapiserver.resources.protobuf import Encoder, Messages, Unwritable, open_envelope
from kapiserver.resources.protobuf.encoder import definition_of
from kapiserver.resources.protobuf.numbers import Field, fields_of
from kapiserver.resources.protobuf.writers import Writers
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import Form, Node

RECORDED = orjson.loads(Path(__file__).with_name("kubectl_bodies.json").read_bytes())
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
EMPTY_TYPE = f(3, "") + f(4, "")


@pytest.fixture(scope="session")
def encoder(protobuf_schemas: SchemaSet) -> Encoder:
    return Encoder(protobuf_schemas)


def read(messages: Messages, body: bytes) -> dict[str, Any]:
    """A whole answer, as a client decodes it."""
    envelope = open_envelope(body)
    obj = messages.get(definition_of(envelope.api_version, envelope.kind)).read(envelope.raw)
    return {"kind": envelope.kind, "apiVersion": envelope.api_version, **obj}


@pytest.mark.parametrize("sent", RECORDED, ids=[sent["command"] for sent in RECORDED])
def test_what_kubectl_sent_reads_back_as_it_was(
    sent: dict[str, Any], encoder: Encoder, messages: Messages
) -> None:
    assert read(messages, encoder.document(sent["object"])) == sent["object"]


def test_the_bytes_are_those_of_go_but_for_zeros(encoder: Encoder) -> None:
    """kubectl's bytes of a name and labels, where nothing is left out."""
    recorded = next(sent for sent in RECORDED if sent["object"]["kind"] == "ConfigMap")
    theirs = base64.b64decode(recorded["body"])
    ours = encoder.document(recorded["object"])
    zeros = [f(2, ""), f(3, ""), f(4, ""), f(5, ""), f(6, ""), f(7, 0), f(8, b"")]
    name = message(f(1, "cm1"), *zeros)
    data = message(f(2, f(1, "a") + f(2, "b")), f(2, f(1, "c") + f(2, "")))
    head = MAGIC + f(1, f(1, "v1") + f(2, "ConfigMap"))
    assert theirs == head + f(2, f(1, name) + data) + EMPTY_TYPE
    assert ours == head + f(2, f(1, f(1, "cm1")) + data) + EMPTY_TYPE


@pytest.mark.parametrize(
    ("definition", "obj", "expected"),
    [
        (
            META + "ObjectMeta",
            {"creationTimestamp": "2026-01-02T03:04:05Z"},
            f(8, f(1, 1767323045)),
        ),
        (META + "ObjectMeta", {"creationTimestamp": None, "labels": {}}, b""),
        (META + "ObjectMeta", {"generation": -1}, f(7, -1)),
        (
            META + "ObjectMeta",
            {"annotations": {"a": None}, "finalizers": [None]},
            f(12, f(1, "a") + f(2, "")) + f(14, ""),
        ),
        (
            META + "ObjectMeta",
            {"deletionTimestamp": "2026-01-02T05:04:05.123456789+02:00"},
            f(9, f(1, 1767323045)),
        ),
        (META + "OwnerReference", {"controller": False}, f(6, 0)),
        (META + "ManagedFieldsEntry", {"fieldsV1": {"f:a": {}}}, f(7, f(1, '{"f:a":{}}'))),
        (
            "io.k8s.api.coordination.v1.LeaseSpec",
            {"renewTime": "2026-01-02T03:04:05.000006Z"},
            f(4, f(1, 1767323045) + f(2, 6000)),
        ),
        (
            "io.k8s.api.core.v1.ServicePort",
            {"targetPort": "http"},
            f(4, f(1, 1) + f(3, "http")),
        ),
        ("io.k8s.api.core.v1.ServicePort", {"targetPort": 80}, f(4, f(1, 0) + f(2, 80))),
        (
            "io.k8s.api.core.v1.ResourceRequirements",
            {"limits": {"cpu": "1"}},
            f(1, f(1, "cpu") + f(2, f(1, "1"))),
        ),
        ("io.k8s.api.core.v1.Secret", {"data": {"a": "AAE="}}, f(2, f(1, "a") + f(2, b"\0\1"))),
        (
            "io.k8s.api.core.v1.Volume",
            {"name": "v", "emptyDir": {}},
            f(1, "v") + f(2, f(2, b"")),
        ),
        (
            "io.k8s.api.admissionregistration.v1.RuleWithOperations",
            {"operations": ["CREATE"], "apiGroups": ["*"]},
            f(1, "CREATE") + f(2, f(1, "*")),
        ),
        (
            "io.k8s.api.core.v1.PodSecurityContext",
            {"supplementalGroups": [1, 300]},
            f(4, 1) + f(4, 300),
        ),
    ],
)
def test_values(
    definition: str, obj: dict[str, Any], expected: bytes, protobuf_schemas: SchemaSet
) -> None:
    assert Writers(protobuf_schemas).get(definition).write(obj) == expected


def test_a_list_has_the_types_of_its_items_in_its_own(encoder: Encoder) -> None:
    item = encoder.body_of("v1", "ConfigMap")
    items = [item({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": n}}) for n in "ab"]
    metadata = {"resourceVersion": "7", "continue": "t", "remainingItemCount": 3}
    written = b"".join(encoder.list("v1", "ConfigMapList", metadata, items))
    raw = f(1, f(2, "7") + f(3, "t") + f(4, 3)) + f(2, f(1, f(1, "a"))) + f(2, f(1, f(1, "b")))
    assert written == MAGIC + f(1, f(1, "v1") + f(2, "ConfigMapList")) + f(2, raw) + EMPTY_TYPE


def test_an_event_is_a_frame(encoder: Encoder, messages: Messages) -> None:
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}}
    event = f(1, "ADDED") + f(2, f(1, encoder.document(document)))
    assert encoder.event("ADDED", document) == len(event).to_bytes(4, "big") + event


def test_metadata_alone_has_a_message(encoder: Encoder) -> None:
    document = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a"},
    }
    assert open_envelope(encoder.document(document)).raw == f(1, f(1, "a"))


@pytest.mark.parametrize(
    ("api_version", "kind", "go_type"),
    [
        ("example.com/v1", "Widget", "unstructured.Unstructured"),
        ("apps.example.com/v1", "Deployment", "unstructured.Unstructured"),
        ("x.k8s.io/v1", "WidgetList", "unstructured.UnstructuredList"),
        ("meta.k8s.io/v1", "Table", "v1.Table"),
    ],
)
def test_what_has_no_message_is_refused(
    api_version: str, kind: str, go_type: str, encoder: Encoder
) -> None:
    with pytest.raises(Unwritable) as caught:
        encoder.document({"kind": kind, "apiVersion": api_version, "metadata": {}, "items": []})
    assert str(caught.value) == (
        f"object *{go_type} does not implement the protobuf marshalling interface and cannot be "
        "encoded to a protobuf message"
    )


def test_every_built_in_kind_can_be_written(encoder: Encoder) -> None:
    for definition in builtin_registry().definitions():
        for version in definition.versions:
            group = f"{definition.group}/" if definition.group else ""
            assert definition_of(group + version.name, definition.kind) == version.schema


# --- any object ------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=200)
MOMENTS = st.datetimes(min_value=datetime(1800, 1, 1))
# No zeros: they are the same as nothing for most fields.
SCALARS: dict[Form, st.SearchStrategy[Any]] = {
    Form.STRING: TEXT,
    Form.BOOL: st.just(True),
    Form.INT32: st.integers(-(1 << 31), (1 << 31) - 1).filter(bool),
    Form.INT64: st.integers(-(1 << 63), (1 << 63) - 1).filter(bool),
    Form.FLOAT: st.floats(0.5, 1e9).map(lambda x: int(x) if x.is_integer() else x),
    Form.BYTES: st.binary(min_size=1).map(lambda data: base64.b64encode(data).decode()),
    Form.TIME: MOMENTS.map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    Form.MICRO_TIME: MOMENTS.map(lambda moment: moment.isoformat(timespec="microseconds") + "Z"),
    Form.QUANTITY: st.sampled_from(["0", "1", "100m", "2Gi", "1e3"]),
    Form.INT_OR_STRING: st.one_of(st.integers(-5, 1 << 20), TEXT),
    Form.OBJECT: st.dictionaries(TEXT, st.one_of(st.none(), TEXT, st.integers(-9, 9)), min_size=1),
    Form.ANY: st.one_of(TEXT, st.integers(1, 9), st.lists(st.booleans(), min_size=1)),
}

DEPTH = 5


class AnyObject:
    """Objects of a definition: a few of its fields, filled down to a depth."""

    def __init__(self, schemas: SchemaSet, draw: st.DrawFn) -> None:
        self._schemas = schemas
        self._draw = draw

    def struct(self, definition: str, depth: int) -> dict[str, Any]:
        nodes = self._schemas.node(definition).fields
        names = [field.name for field in all_fields(definition)]
        chosen = self._draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=6))
        found = {name: self.value(nodes[name], depth - 1) for name in chosen}
        return {name: value for name, value in found.items() if value not in (None, {}, [])}

    def value(self, node: Node, depth: int) -> Any:
        draw = self._draw
        if node.form in SCALARS:
            return draw(SCALARS[node.form])
        if depth <= 0:
            return None
        match node.form:
            case Form.REF:
                return self.struct(node.ref, depth)
            case Form.LIST:
                items = [self._item(node, depth) for _ in range(draw(st.integers(1, 3)))]
                return [item for item in items if item is not None]
            case Form.MAP:
                entries = {draw(TEXT): self._item(node, depth) for _ in range(2)}
                return {key: value for key, value in entries.items() if value is not None}
            case Form.SCHEMA_OR_BOOL:
                return draw(st.booleans())
            case Form.SCHEMA_OR_STRINGS:
                return draw(st.lists(TEXT, min_size=1, max_size=2))
        return None

    def _item(self, node: Node, depth: int) -> Any:
        assert node.item is not None
        return self.value(node.item, depth - 1)


def all_fields(definition: str) -> list[Field]:
    found: list[Field] = []
    for field in fields_of(definition):
        found += all_fields(field.name) if field.inlined else [field]
    return found


@pytest.mark.parametrize(
    "definition",
    [
        "io.k8s.api.core.v1.Pod",
        "io.k8s.api.core.v1.Secret",
        "io.k8s.api.core.v1.PersistentVolume",
        "io.k8s.api.apps.v1.StatefulSet",
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
        "io.k8s.api.authentication.v1.TokenReview",
        "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
        "io.k8s.api.resource.v1.ResourceClaim",
        "io.k8s.api.networking.v1.Ingress",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        META + "Status",
        META + "APIResourceList",
    ],
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_object_reads_back_as_it_was(
    definition: str, data: st.DataObject, protobuf_schemas: SchemaSet, messages: Messages
) -> None:
    build = st.composite(lambda draw: AnyObject(protobuf_schemas, draw).struct(definition, DEPTH))
    obj = data.draw(build())
    written = Writers(protobuf_schemas).get(definition).write(obj)
    assert without_nothing(messages.get(definition).read(written)) == without_nothing(obj)


def without_nothing(value: Any) -> Any:
    """Structs that hold nothing are shown or not, as the Go field is."""
    if isinstance(value, dict):
        kept = {key: without_nothing(below) for key, below in value.items()}
        return {key: below for key, below in kept.items() if below not in ({}, [])}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def test_the_aggregated_discovery_document_is_a_message(encoder: Encoder) -> None:
    kind = {"group": "", "version": "", "kind": "Pod"}
    resource = {
        "resource": "pods",
        "responseKind": kind,
        "scope": "Namespaced",
        "singularResource": "pod",
        "verbs": ["get", "list"],
        "shortNames": ["po"],
        "subresources": [{"subresource": "log", "responseKind": kind, "verbs": ["get"]}],
    }
    version = {"version": "v1", "resources": [resource], "freshness": "Current"}
    document = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{"metadata": {"name": "things"}, "versions": [version]}],
    }
    envelope = open_envelope(encoder.document(document))
    assert (envelope.api_version, envelope.kind) == ("apidiscovery.k8s.io/v2", document["kind"])
    pod = f(1, "") + f(2, "") + f(3, "Pod")
    sub = f(1, "log") + f(2, pod) + f(4, "get")
    one = f(1, "pods") + f(2, pod) + f(3, "Namespaced") + f(4, "pod") + f(5, "get") + f(5, "list")
    one += f(6, "po") + f(8, sub)
    raw = bytes(envelope.raw)
    assert f(1, "v1") + f(2, one) + f(3, "Current") in raw
    assert raw.startswith(f(1, encoder._writers.get(META + "ListMeta").write({})))
