"""Answers in protobuf through the whole pipeline: for clients that accept nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import trio
from api_world import Answer, Api, config_map, deployment

from kapiserver.request import Frame
from kapiserver.resources.definition import Version
from kapiserver.resources.protobuf import open_envelope
from kapiserver.resources.protobuf.encoder import definition_of
from kapiserver.resources.protobuf.wire import length, varint

PROTOBUF = "application/vnd.kubernetes.protobuf"
ONLY = {"accept": PROTOBUF}
PARTIAL = f"{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


def fields(data: bytes) -> list[tuple[int, bytes]]:
    """The fields of a message in which all have a length."""
    found, at = [], 0
    while at < len(data):
        tag, at = varint(data, at)
        assert tag & 7 == 2
        start, at = length(data, at)
        found.append((tag >> 3, data[start:at]))
    return found


def decoded(api: Api, body: bytes) -> dict[str, Any]:
    """What a client makes of an answer. Items of lists are of the kind that the list names."""
    envelope = open_envelope(body)
    messages = api.services.scopes.messages
    named = {"kind": envelope.kind, "apiVersion": envelope.api_version}
    kind = envelope.kind.removesuffix("List")
    if kind == envelope.kind:
        definition = definition_of(envelope.api_version, kind)
        return named | messages.get(definition).read(envelope.raw)
    parts = fields(envelope.raw)
    item = messages.get(definition_of(envelope.api_version, kind))
    metadata = messages.get(META + "ListMeta").read(parts[0][1])
    return named | {"metadata": metadata, "items": [item.read(data) for _, data in parts[1:]]}


def read(api: Api, answer: Answer, status: int = 200) -> dict[str, Any]:
    assert answer.header("content-type") == PROTOBUF, answer.body
    assert answer.status == status
    return decoded(api, answer.body)


async def test_objects_and_lists_are_what_they_are_in_json(api: Api) -> None:
    created = read(api, await api.post(MAPS, config_map("a", key="v"), headers=ONLY), 201)
    assert created == (await api.get(f"{MAPS}/a")).json
    assert read(api, await api.get(f"{MAPS}/a", headers=ONLY)) == created
    for index in range(120):
        await api.post(MAPS, config_map(f"m{index:03}"))
    in_json = (await api.get(f"{MAPS}?limit=110")).json
    listed = read(api, await api.get(f"{MAPS}?limit=110", headers=ONLY))
    assert listed["items"] == in_json["items"]
    assert listed["metadata"] == in_json["metadata"]
    assert listed["metadata"]["remainingItemCount"] == 11


async def test_every_verb_answers_in_protobuf(api: Api) -> None:
    web = read(api, await api.post(DEPLOYMENTS, deployment("web"), headers=ONLY), 201)
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox"
    scale = read(api, await api.get(f"{DEPLOYMENTS}/web/scale", headers=ONLY))
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 1})
    sent = {"spec": {"replicas": 3}}
    patched = read(api, await api.patch(f"{DEPLOYMENTS}/web", sent, headers=ONLY))
    assert patched["spec"]["replicas"] == 3
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
    }
    url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answered = read(api, await api.post(url, review, headers=ONLY), 201)
    assert answered["status"]["allowed"] is True
    deleted = read(api, await api.delete(f"{DEPLOYMENTS}/web", headers=ONLY))
    assert deleted["kind"] in ("Status", "Deployment")


async def test_errors_are_a_status_in_protobuf(api: Api) -> None:
    missing = read(api, await api.get(f"{MAPS}/none", headers=ONLY), 404)
    assert (missing["kind"], missing["apiVersion"]) == ("Status", "v1")
    assert missing["details"] == {"name": "none", "kind": "configmaps"}
    stranger = await api.get(MAPS, headers=ONLY, token="jane-token")
    assert read(api, stranger, 403)["reason"] == "Forbidden"
    wrong = await api.post(MAPS, config_map("Wrong"), headers=ONLY)
    assert read(api, wrong, 422)["details"]["causes"][0]["field"] == "metadata.name"


async def test_errors_come_in_the_form_that_was_asked_for(api: Api) -> None:
    missing = await api.get(f"{MAPS}/none", headers={"accept": "application/yaml"})
    assert missing.header("content-type") == "application/yaml"
    assert "reason: NotFound" in missing.text
    nothing = await api.get(f"{MAPS}/none", headers={"accept": "text/html"})
    assert (nothing.status, nothing.json["reason"]) == (406, "NotAcceptable")
    people = await api.get(f"{MAPS}/none", headers={"user-agent": "curl/8"})
    assert people.text.startswith('{\n  "kind": "Status",')


async def test_json_is_preferred_where_both_are_welcome(api: Api) -> None:
    both = await api.get(MAPS, headers={"accept": f"{PROTOBUF},application/json"})
    assert both.header("content-type") == "application/json"
    rather = await api.get(MAPS, headers={"accept": f"{PROTOBUF},application/json;q=0.5"})
    assert rather.header("content-type") == PROTOBUF


async def test_metadata_alone(api: Api) -> None:
    await api.post(MAPS, config_map("a", key="v"))
    one = await api.get(f"{MAPS}/a", headers={"accept": PARTIAL})
    envelope = open_envelope(one.body)
    assert (envelope.api_version, envelope.kind) == ("meta.k8s.io/v1", "PartialObjectMetadata")
    ((number, metadata),) = fields(envelope.raw)
    object_meta = api.services.scopes.messages.get(META + "ObjectMeta")
    assert (number, object_meta.read(metadata)["name"]) == (1, "a")
    listed = await api.get(MAPS, headers={"accept": PARTIAL.replace("Metadata;", "MetadataList;")})
    envelope = open_envelope(listed.body)
    assert envelope.kind == "PartialObjectMetadataList"
    (_, item) = fields(envelope.raw)[1]
    assert object_meta.read(fields(item)[0][1])["name"] == "a"


@pytest.mark.parametrize("path", [MAPS, f"{MAPS}/a", f"{MAPS}?watch=1"])
async def test_tables_have_no_message(api: Api, path: str) -> None:
    await api.post(MAPS, config_map("a"))
    accept = f"{PROTOBUF};as=Table;g=meta.k8s.io;v=v1"
    refused = await api.get(path, headers={"accept": accept})
    assert refused.status == 406
    assert refused.json["message"] == (
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )
    either = await api.get(path, headers={"accept": f"{accept}, application/json"})
    assert (either.status, either.header("content-type")) == (200, "application/json")


class Frames:
    """The receiving end of a stream of frames."""

    def __init__(self, count: int) -> None:
        self.data = b""
        self._count = count
        self._news = trio.Event()
        self.done = trio.Event()

    def events(self) -> list[tuple[str, bytes]]:
        found, at = [], 0
        while at < len(self.data):
            size = int.from_bytes(self.data[at : at + 4], "big")
            parts = dict(fields(self.data[at + 4 : at + 4 + size]))
            found.append((parts[1].decode(), fields(parts[2])[0][1]))
            at += 4 + size
        return found

    async def at_least(self, count: int) -> None:
        while len(self.events()) < count:
            await self._news.wait()

    def _take(self, data: bytes) -> bool:
        self.data += data
        self._news.set()
        self._news = trio.Event()
        if len(self.events()) >= self._count:
            self.done.set()
        return True

    def push(self, frame: Frame) -> bool:
        return self._take(frame.data)

    def flush(self) -> None:
        pass

    async def send(self, data: bytes) -> bool:
        return self._take(data)

    async def closed(self) -> None:
        await self.done.wait()


async def watched(api: Api, url: str, count: int, accept: str = PROTOBUF) -> Frames:
    answer = await api.get(url, headers={"accept": accept})
    assert answer.header("content-type") == f"{PROTOBUF};stream=watch"
    assert answer.stream is not None
    frames = Frames(count)
    api.nursery.start_soon(answer.stream, frames)
    return frames


async def test_a_watch_is_a_stream_of_frames(api: Api) -> None:
    await api.post(MAPS, config_map("a", key="v"))
    frames = await watched(api, f"{MAPS}?watch=1&allowWatchBookmarks=true", 4)
    with trio.fail_after(10):
        await frames.at_least(2)
        await api.patch(f"{MAPS}/a", {"data": {"key": "w"}})
        await api.delete(f"{MAPS}/a")
        await frames.done.wait()
    seen = [(kind, decoded(api, obj)) for kind, obj in frames.events()]
    assert [kind for kind, _ in seen] == ["ADDED", "BOOKMARK", "MODIFIED", "DELETED"]
    assert [obj.get("data") for _, obj in seen] == [{"key": "v"}, None, {"key": "w"}, {"key": "w"}]
    annotations = seen[1][1]["metadata"]["annotations"]
    assert annotations["k8s.io/initial-events-end"] == "true"
    # the list that clients put the events into: in the same form as these
    blueprint = base64.b64decode(annotations["kubernetes.io/initial-events-list-blueprint"])
    none = await api.get(f"{MAPS}?labelSelector=none", headers={"accept": PROTOBUF})
    listed = decoded(api, none.body)
    listed["metadata"] = {}
    assert decoded(api, blueprint) == listed


async def test_a_watch_of_metadata_and_one_that_fails(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    frames = await watched(api, f"{MAPS}?watch=1", 1, PARTIAL)
    with trio.fail_after(10):
        await frames.done.wait()
    assert open_envelope(frames.events()[0][1]).kind == "PartialObjectMetadata"
    future = "resourceVersion=999999999&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    frames = await watched(api, f"{MAPS}?watch=1&{future}&allowWatchBookmarks=true", 1)
    with trio.fail_after(10):
        await frames.done.wait()
    kind, obj = frames.events()[0]
    assert (kind, decoded(api, obj)["code"]) == ("ERROR", 504)


async def test_discovery_in_protobuf(api: Api) -> None:
    for path, kind in (
        ("/apis", "APIGroupList"),
        ("/api", "APIVersions"),
        ("/apis/apps", "APIGroup"),
    ):
        answer = await api.get(path, headers=ONLY)
        assert answer.header("content-type") == PROTOBUF
        assert open_envelope(answer.body).kind == kind
    envelope = open_envelope((await api.get("/api/v1", headers=ONLY)).body)
    messages = api.services.scopes.messages
    resources = messages.get(META + "APIResourceList").read(envelope.raw)["resources"]
    found = next(resource for resource in resources if resource["name"] == "pods")
    assert found["kind"] == "Pod"
    assert "watch" in found["verbs"]


WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"


@pytest.fixture
def widgets(api: Api) -> Iterator[Api]:
    """A server that has a custom resource."""
    scopes = api.services.scopes
    scopes.schemas.define(
        "com.example.v1.Widget",
        {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": f"#/definitions/{META}ObjectMeta"},
            },
        },
    )
    found = scopes.registry.resource("", "configmaps")
    assert found is not None
    version = Version("v1", "com.example.v1.Widget", "com.example.v1.WidgetList")
    widget = replace(
        found,
        group="example.com",
        kind="Widget",
        list_kind="WidgetList",
        plural="widgets",
        singular="widget",
        short_names=(),
        versions=(version,),
    )
    scopes.registry.add(widget)
    yield api
    scopes.schemas.forget("com.example.v1.Widget")


async def test_custom_resources_have_a_message_for_their_metadata_only(widgets: Api) -> None:
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    assert (await widgets.post(WIDGETS, widget)).status == 201
    for path, kind in ((f"{WIDGETS}/w", "Unstructured"), (WIDGETS, "UnstructuredList")):
        refused = read(widgets, await widgets.get(path, headers=ONLY), 406)
        assert refused["message"].startswith(f"object *unstructured.{kind} does not implement")
    partial = await widgets.get(f"{WIDGETS}/w", headers={"accept": PARTIAL})
    assert open_envelope(partial.body).kind == "PartialObjectMetadata"
    listed = (await widgets.get(WIDGETS)).json
    assert [item["kind"] for item in listed["items"]] == ["Widget"]


async def test_a_list_is_no_object_and_an_object_no_list(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    refused = await api.get(MAPS, headers={"accept": accept})
    assert (refused.status, refused.json["message"]) == (
        406,
        "you requested PartialObjectMetadata, but the requested object is a list "
        "(*core.ConfigMapList)",
    )
    accept = accept.replace("Metadata;", "MetadataList;")
    refused = await api.get(f"{MAPS}/a", headers={"accept": accept})
    assert (refused.status, refused.json["message"]) == (
        406,
        "you requested PartialObjectMetadataList, but the requested object is not a list "
        "(*core.ConfigMap)",
    )
