"""PATCH in its three forms, against real schemas."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import trio
from api_world import Api, config_map, deployment, pod

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def test_merge_patch_removes_with_null(api: Api) -> None:
    await api.post(MAPS, config_map("a", x="1", y="2"))
    patched = await api.patch(f"{MAPS}/a", {"data": {"x": None, "z": "3"}})
    assert patched.status == 200
    assert patched.json["data"] == {"y": "2", "z": "3"}


async def test_json_patch_applies_in_order_or_not_at_all(api: Api) -> None:
    await api.post(MAPS, config_map("a", x="1"))
    good = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "add", "path": "/data/y", "value": "2"},
        {"op": "remove", "path": "/data/x"},
    ]
    assert (await api.patch(f"{MAPS}/a", good, "json")).json["data"] == {"y": "2"}
    bad = [
        {"op": "add", "path": "/data/z", "value": "3"},
        {"op": "test", "path": "/data/y", "value": "no"},
    ]
    refused = await api.patch(f"{MAPS}/a", bad, "json")
    assert refused.status == 422
    assert refused.json["reason"] == "Invalid"
    assert refused.json["message"] == (
        "the server rejected our request due to an error in our request"
    )
    assert (await api.get(f"{MAPS}/a")).json["data"] == {"y": "2"}


async def test_a_json_patch_may_name_what_is_shown_as_null(api: Api) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
    assert (await api.post(roles, {"metadata": {"name": "r"}})).json["rules"] is None
    shown = [
        {"op": "test", "path": "/rules", "value": None},
        {"op": "remove", "path": "/rules"},
    ]
    patched = await api.patch(f"{roles}/r", shown, "json")
    assert (patched.status, patched.json["rules"]) == (200, None)
    rule = {"op": "add", "path": "/rules/-", "value": {"verbs": ["get"]}}
    assert (await api.patch(f"{roles}/r", [rule], "json")).status == 422


async def test_json_patches_are_limited(api: Api) -> None:
    await api.post(MAPS, config_map("a", x="1"))
    many = [{"op": "test", "path": "/data/x", "value": "1"}] * 10_001
    refused = await api.patch(f"{MAPS}/a", many, "json")
    assert refused.status == 413
    assert refused.json["message"] == (
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got "
        "10001"
    )


async def test_strategic_patch_merges_containers_by_name(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d"))
    change = {
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "main", "image": "busybox:2"},
                        {"name": "side", "image": "envoy"},
                    ]
                }
            }
        }
    }
    patched = await api.patch(f"{DEPLOYMENTS}/d", change, "strategic")
    assert patched.status == 200, patched.text
    containers = {c["name"]: c for c in patched.json["spec"]["template"]["spec"]["containers"]}
    assert containers["main"]["image"] == "busybox:2"
    assert containers["main"]["imagePullPolicy"] == "Always"  # kept from before
    assert containers["side"]["image"] == "envoy"
    gone = {
        "spec": {
            "template": {"spec": {"containers": [{"name": "main", "$patch": "delete"}]}},
            "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
        }
    }
    patched = await api.patch(f"{DEPLOYMENTS}/d", gone, "strategic")
    assert [c["name"] for c in patched.json["spec"]["template"]["spec"]["containers"]] == ["side"]
    assert patched.json["spec"]["strategy"] == {"type": "Recreate"}


async def test_finalizers_merge_in_strategic_patches(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    for finalizer in ("example.com/one", "example.com/two"):
        change = {"metadata": {"finalizers": [finalizer]}}
        patched = await api.patch(f"{MAPS}/a", change, "strategic")
    assert set(patched.json["metadata"]["finalizers"]) == {"example.com/one", "example.com/two"}


async def test_unknown_fields_in_a_patch(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    warned = await api.patch(f"{MAPS}/a", {"colour": "red"})
    assert warned.status == 200
    assert warned.warnings == ['299 - "unknown field \\"colour\\""']
    strict = await api.patch(f"{MAPS}/a?fieldValidation=Strict", {"colour": "red"})
    assert strict.status == 422
    assert strict.json["message"].endswith('strict decoding error: unknown field "colour"')


async def test_what_is_no_patch_is_refused(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    unknown = await api.patch(f"{MAPS}/a", {}, "application/json")
    assert unknown.status == 415
    # upstream's router chooses routes by content type, and has no more to say
    assert unknown.json["message"] == "415: Unsupported Media Type"
    assert unknown.json["details"] == {}
    assert (await api.patch(f"{MAPS}/a", {}, "application/apply-patch+cbor")).status == 415
    # whatever else is wrong: clients that prefer CBOR take it as the word to use JSON
    forced = f"{MAPS}/a?fieldManager=m&force=true"
    assert (await api.patch(forced, {}, "application/apply-patch+cbor")).status == 415
    assert (await api.patch(f"{MAPS}/a", [], "merge")).status == 400
    assert (await api.patch(f"{MAPS}/a", {"op": "add"}, "json")).status == 400
    assert (await api.patch(f"{MAPS}/a", b"{", "merge")).status == 400
    assert (await api.patch(f"{MAPS}/none", {"data": {}})).status == 404


@pytest.mark.parametrize("kind", ["merge", "json", "strategic"])
async def test_a_patch_is_looked_at_when_there_is_something_to_patch(api: Api, kind: str) -> None:
    assert (await api.patch(f"{MAPS}/none", b"{nonsense", kind)).status == 404
    assert (await api.patch(f"{DEPLOYMENTS}/none/scale", b"{nonsense", "merge")).status == 404
    await api.post(MAPS, config_map("a"))
    assert (await api.patch(f"{MAPS}/a", b"{nonsense", kind)).status == 400


async def test_findings_in_operations_come_in_their_order(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    sent = (
        b'[{"op":"test","op":"add","path":"/data","value":{}},'
        b'{"op":"test","path":"/data","value":{},"why":1}]'
    )
    patched = await api.patch(f"{MAPS}/a", sent, "json")
    assert patched.warnings == [
        '299 - "json patch duplicate field \\"[0].op\\""',
        '299 - "json patch unknown field \\"[1].why\\""',
    ]


STRATEGIC_FAULTS: list[tuple[dict[str, Any], int, str, str]] = [
    (
        {"metadata": {"labels": {"a": 1}}},
        422,
        "Invalid",
        ' "" is invalid: patch: Invalid value: "map[metadata:map[labels:map[a:1]]]": cannot '
        "convert int64 to string",
    ),
    (
        {"metadata": {"labels": {"a": True}}},
        422,
        "Invalid",
        ' "" is invalid: patch: Invalid value: "map[metadata:map[labels:map[a:true]]]": '
        "unrecognized type: string",
    ),
    (
        {"spec": {"replicas": "x"}},
        422,
        "Invalid",
        ' "" is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": unrecognized type: '
        "int32",
    ),
    (
        {"spec": "x"},
        422,
        "Invalid",
        ' "" is invalid: patch: Invalid value: "map[spec:x]": cannot restore struct from: string',
    ),
    (
        {"spec": {"template": {"spec": {"containers": {"a": "b"}}}}},
        422,
        "Invalid",
        ' "" is invalid: patch: Invalid value: '
        '"map[spec:map[template:map[spec:map[containers:map[a:b]]]]]": cannot restore slice from '
        "map",
    ),
    (
        {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}},
        500,
        "",
        "map: map[image:x] does not contain declared merge key: name",
    ),
    (
        {"spec": {"strategy": {"$retainKeys": "x"}}},
        400,
        "BadRequest",
        "invalid patch format of retainKeys",
    ),
]


@pytest.mark.parametrize(("patch", "code", "reason", "message"), STRATEGIC_FAULTS)
async def test_strategic_patches_that_do_not_fit(
    api: Api, patch: dict[str, Any], code: int, reason: str, message: str
) -> None:
    await api.post(DEPLOYMENTS, deployment("web"))
    refused = (await api.patch(f"{DEPLOYMENTS}/web", patch, "strategic")).json
    assert (refused["code"], refused.get("reason", "")) == (code, reason)
    assert refused["message"] == message


async def test_a_patch_makes_nothing_of_another_kind(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("web"))
    url = f"{DEPLOYMENTS}/web"
    other = await api.patch(url, {"apiVersion": "v1", "kind": "Pod"})
    assert other.status == 422
    assert other.json["message"].endswith(
        "converting (v1.Pod) to (apps.Deployment): unknown conversion"
    )
    unheard = await api.patch(url, {"kind": "Airship"})
    assert unheard.status == 422
    assert 'no kind "Airship" is registered for version "apps/v1"' in unheard.json["message"]
    # a kind taken away comes back, and structs have theirs whatever a patch says
    assert (await api.patch(url, {"kind": None})).json["kind"] == "Deployment"
    assert (await api.patch(url, {"kind": "Pod"}, "strategic")).json["kind"] == "Deployment"


async def test_a_patch_with_a_stale_resource_version_is_a_conflict(api: Api) -> None:
    first = (await api.post(MAPS, config_map("a", x="1"))).json["metadata"]["resourceVersion"]
    await api.patch(f"{MAPS}/a", {"data": {"x": "2"}})
    stale = {"metadata": {"resourceVersion": first}, "data": {"x": "3"}}
    assert (await api.patch(f"{MAPS}/a", stale)).status == 409


async def test_concurrent_patches_all_count(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    async with trio.open_nursery() as nursery:
        for index in range(20):
            nursery.start_soon(api.patch, f"{MAPS}/a", {"data": {f"k{index}": "v"}})
    assert len((await api.get(f"{MAPS}/a")).json["data"]) == 20


async def test_an_invalid_result_is_refused_with_causes(api: Api) -> None:
    await api.post("/api/v1/namespaces/default/pods", pod("p"))
    patched = await api.patch(
        "/api/v1/namespaces/default/pods/p", {"metadata": {"labels": {"a": "not valid"}}}
    )
    assert patched.status == 422
    assert patched.json["details"]["causes"][0]["field"] == "metadata.labels"
    assert orjson.loads(patched.body)["reason"] == "Invalid"
