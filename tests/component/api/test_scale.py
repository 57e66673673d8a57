"""The scale subresource of everything that has replicas."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, deployment

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONTROLLERS = "/api/v1/namespaces/default/replicationcontrollers"
TEMPLATE = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
SELECTOR = {
    "matchLabels": {"app": "x"},
    "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
}
OTHERS: dict[str, dict[str, Any]] = {
    "/apis/apps/v1/namespaces/default/replicasets": {"kind": "ReplicaSet"},
    "/apis/apps/v1/namespaces/default/statefulsets": {"kind": "StatefulSet"},
}


async def test_it_reads_and_writes_replicas(api: Api) -> None:
    created = (await api.post(DEPLOYMENTS, deployment("d", 2))).json["metadata"]
    scale = (await api.get(f"{DEPLOYMENTS}/d/scale")).json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    assert scale["metadata"] == {field: created[field] for field in kept}
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=d"}
    scale["spec"]["replicas"] = 5
    assert (await api.put(f"{DEPLOYMENTS}/d/scale", scale)).json["spec"]["replicas"] == 5
    stale = await api.put(f"{DEPLOYMENTS}/d/scale", scale)
    assert stale.status == 409
    patched = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 3}})
    assert patched.json["spec"]["replicas"] == 3
    assert (await api.get(f"{DEPLOYMENTS}/d")).json["spec"]["replicas"] == 3


async def test_zero_is_left_out_as_go_does(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d", 2))
    patched = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 0}})
    assert (patched.json["spec"], patched.json["status"]["replicas"]) == ({}, 0)
    assert (await api.get(f"{DEPLOYMENTS}/d")).json["spec"]["replicas"] == 0


async def test_it_is_shown_as_a_table(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d", 2))
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    table = (await api.get(f"{DEPLOYMENTS}/d/scale", headers=accept)).json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [(each["name"], each["type"]) for each in table["columnDefinitions"]]
    assert columns == [
        ("Name", "string"),
        ("Desired", "integer"),
        ("Available", "integer"),
        ("Age", "string"),
    ]
    (row,) = table["rows"]
    assert row["cells"][:3] == ["d", 2, 0]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    whole = (await api.get(f"{DEPLOYMENTS}/d/scale?includeObject=Object", headers=accept)).json
    assert whole["rows"][0]["object"]["kind"] == "Scale"


@pytest.mark.parametrize("path", OTHERS)
async def test_other_kinds(api: Api, path: str) -> None:
    spec = {"replicas": 1, "selector": SELECTOR, "template": TEMPLATE}
    sent = {"apiVersion": "apps/v1", "metadata": {"name": "o"}, "spec": spec, **OTHERS[path]}
    assert (await api.post(path, sent)).status == 201
    scaled = await api.patch(f"{path}/o/scale", {"spec": {"replicas": 4}})
    assert scaled.json["spec"] == {"replicas": 4}
    assert scaled.json["status"]["selector"] == "app=x,!tier"


async def test_replication_controllers_have_a_bare_map(api: Api) -> None:
    sent = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc"},
        "spec": {"replicas": 1, "template": TEMPLATE},
    }
    assert (await api.post(CONTROLLERS, sent)).status == 201
    scaled = await api.patch(f"{CONTROLLERS}/rc/scale", {"spec": {"replicas": 2}})
    assert scaled.json["status"]["selector"] == "app=x"


async def test_what_is_refused(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d", 2))
    path = f"{DEPLOYMENTS}/d/scale"
    negative = await api.patch(path, {"spec": {"replicas": -1}})
    assert (negative.status, negative.json["message"]) == (
        422,
        'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: '
        "must be greater than or equal to 0",
    )
    scale = (await api.get(path)).json
    wrong = await api.put(path, scale | {"spec": {"replicas": "3"}})
    assert (wrong.status, wrong.json["message"]) == (
        400,
        'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string into '
        "Go struct field ScaleSpec.spec.replicas of type int32",
    )
    uid = scale["metadata"]["uid"]
    other = {"metadata": {**scale["metadata"], "uid": "other"}, "spec": {"replicas": -1}}
    replaced = await api.put(path, scale | other)
    assert (replaced.status, replaced.json["message"]) == (
        409,
        'Operation cannot be fulfilled on deployments.apps "d": StorageError: invalid object, '
        "Code: 4, Key: /registry/deployments/default/d, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: other, UID in object meta: {uid}",
    )
    conflict = await api.patch(path, {"metadata": {"uid": "other"}})
    assert (conflict.status, conflict.json["message"]) == (
        409,
        'Operation cannot be fulfilled on deployments/scale.apps "d": Precondition failed: UID in '
        f"precondition: other, UID in object meta: {scale['metadata']['uid']}",
    )


async def test_what_does_not_exist(api: Api) -> None:
    read = await api.get(f"{DEPLOYMENTS}/none/scale")
    assert (read.status, read.json["message"]) == (404, 'deployments.apps "none" not found')
    written = await api.patch(f"{DEPLOYMENTS}/none/scale", {"spec": {"replicas": 1}})
    assert (written.status, written.json["message"]) == (404, 'deployments.apps "none" not found')
