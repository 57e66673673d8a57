"""pods/binding: a scheduler puts a pod on a node."""

from __future__ import annotations

from typing import Any

from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"


def binding(name: str, node: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, **metadata},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


async def test_a_pod_is_bound_once(api: Api) -> None:
    await api.post(PODS, pod("p"))
    nominated = {"status": {"nominatedNodeName": "n1"}}
    await api.patch(f"{PODS}/p/status", nominated)
    sent = binding("p", "n1", annotations={"by": "us"}, labels={"rack": "r1"})
    bound = await api.post(f"{PODS}/p/binding", sent)
    assert (bound.status, bound.json["status"]) == (201, "Success")
    read = (await api.get(f"{PODS}/p")).json
    assert read["spec"]["nodeName"] == "n1"
    assert read["metadata"]["annotations"] == {"by": "us"}
    assert read["metadata"]["labels"]["rack"] == "r1"
    assert "nominatedNodeName" not in read["status"]
    conditions = {c["type"]: c["status"] for c in read["status"]["conditions"]}
    assert conditions["PodScheduled"] == "True"
    again = await api.post(f"{PODS}/p/binding", binding("p", "n2"))
    assert again.status == 409
    assert again.json["message"] == (
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
    )


async def test_the_topology_of_the_node_comes_with_it(api: Api) -> None:
    where = {"topology.kubernetes.io/zone": "z", "topology.kubernetes.io/region": "r"}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1", "labels": {**where, "other": "x"}},
    }
    assert (await api.post("/api/v1/nodes", node)).status == 201
    await api.post(PODS, pod("p"))
    await api.post(f"{PODS}/p/binding", binding("p", "n1"))
    labels = (await api.get(f"{PODS}/p")).json["metadata"]["labels"]
    assert where.items() <= labels.items()
    assert "other" not in labels


async def test_the_binding_may_name_the_state_that_it_is_about(api: Api) -> None:
    created = (await api.post(PODS, pod("p"))).json["metadata"]
    other = await api.post(f"{PODS}/p/binding", binding("p", "n1", uid="other"))
    assert other.status == 409
    assert other.json["message"].endswith(
        f"Precondition failed: UID in precondition: other, UID in object meta: {created['uid']}"
    )
    old = await api.post(f"{PODS}/p/binding", binding("p", "n1", resourceVersion="1"))
    assert old.status == 409
    known = {field: created[field] for field in ("uid", "resourceVersion")}
    assert (await api.post(f"{PODS}/p/binding", binding("p", "n1", **known))).status == 201


async def test_what_is_refused(api: Api) -> None:
    gated = pod("gated")
    gated["spec"]["schedulingGates"] = [{"name": "wait"}]
    await api.post(PODS, gated)
    refused = await api.post(f"{PODS}/gated/binding", binding("gated", "n1"))
    assert (refused.status, refused.json["message"]) == (
        409,
        'Operation cannot be fulfilled on pods/binding "gated": '
        "pod gated has non-empty .spec.schedulingGates",
    )
    misnamed = await api.post(f"{PODS}/gated/binding", binding("other", "n1"))
    assert (misnamed.status, misnamed.json["message"]) == (
        400,
        "name in URL does not match name in Binding object",
    )
    nowhere = await api.post(f"{PODS}/gated/binding", binding("gated", ""))
    assert (nowhere.status, nowhere.json["message"]) == (
        422,
        'Binding "gated" is invalid: target.name: Required value',
    )
    assert (await api.post(f"{PODS}/none/binding", binding("none", "n1"))).status == 404


async def test_a_dry_run_binds_nothing(api: Api) -> None:
    await api.post(PODS, pod("p"))
    assert (await api.post(f"{PODS}/p/binding?dryRun=All", binding("p", "n1"))).status == 201
    assert "nodeName" not in (await api.get(f"{PODS}/p")).json["spec"]


async def test_old_clients_bind_with_a_kind_of_its_own(api: Api) -> None:
    await api.post(PODS, pod("p"))
    bindings = "/api/v1/namespaces/default/bindings"
    bound = await api.post(bindings, binding("p", "n1"))
    assert (bound.status, bound.json["status"]) == (201, "Success")
    assert (await api.get(f"{PODS}/p")).json["spec"]["nodeName"] == "n1"
    refused = await api.post(bindings, {**binding("p", "n1"), "target": {"kind": "Pod"}})
    assert refused.status == 422
    assert [(cause["field"], cause["message"]) for cause in refused.json["details"]["causes"]] == [
        ("target.kind", 'Unsupported value: "Pod": supported values: "Node", "<empty>"'),
        ("target.name", "Required value"),
    ]
    assert (await api.post(bindings, binding("gone", "n1"))).status == 404
