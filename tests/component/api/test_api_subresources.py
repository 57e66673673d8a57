"""status, scale, binding, eviction, finalize, and what a server without nodes says to exec."""

from __future__ import annotations

from typing import Any

from api_world import Api, deployment, pod

PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def test_scale_reads_and_writes_replicas(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("d", 2))
    scale = (await api.get(f"{DEPLOYMENTS}/d/scale")).json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=d"}
    scale["spec"]["replicas"] = 5
    assert (await api.put(f"{DEPLOYMENTS}/d/scale", scale)).json["spec"]["replicas"] == 5
    stale = await api.put(f"{DEPLOYMENTS}/d/scale", scale)
    assert stale.status == 409
    patched = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 3}})
    assert patched.json["spec"]["replicas"] == 3
    assert (await api.get(f"{DEPLOYMENTS}/d")).json["spec"]["replicas"] == 3
    negative = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": -1}})
    assert negative.status == 422
    assert (await api.get(f"{DEPLOYMENTS}/none/scale")).status == 404


async def test_status_is_written_apart_from_the_rest(api: Api) -> None:
    created = (await api.post(PODS, pod("p"))).json
    created["status"]["phase"] = "Running"
    created["spec"]["nodeName"] = "sneaky"
    updated = await api.put(f"{PODS}/p/status", created)
    assert updated.status == 200, updated.text
    assert updated.json["status"]["phase"] == "Running"
    assert "nodeName" not in updated.json["spec"]
    assert (await api.get(f"{PODS}/p/status")).json["status"]["phase"] == "Running"
    assert (await api.delete(f"{PODS}/p/status")).status == 405


def binding(name: str, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


async def test_a_pod_is_bound_once(api: Api) -> None:
    await api.post(PODS, pod("p"))
    bound = await api.post(f"{PODS}/p/binding", binding("p", "n1"))
    assert (bound.status, bound.json["status"]) == (201, "Success")
    read = (await api.get(f"{PODS}/p")).json
    assert read["spec"]["nodeName"] == "n1"
    conditions = {c["type"]: c["status"] for c in read["status"]["conditions"]}
    assert conditions["PodScheduled"] == "True"
    again = await api.post(f"{PODS}/p/binding", binding("p", "n2"))
    assert again.status == 409
    assert again.json["message"] == (
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
    )


async def test_disruption_budgets_refuse_evictions(api: Api) -> None:
    running = pod("p", labels={"app": "web"})
    await api.post(PODS, running)
    await api.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}})
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    assert (await api.post(budgets, budget)).status == 201
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    refused = await api.post(f"{PODS}/p/eviction", eviction)
    assert refused.status == 429
    assert refused.json["message"] == (
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    await api.patch(f"{budgets}/b/status", {"status": {"disruptionsAllowed": 1}})
    assert (await api.post(f"{PODS}/p/eviction", eviction)).status == 201
    assert (await api.get(f"{PODS}/p")).status == 404


async def test_finalize_lets_a_namespace_go(api: Api) -> None:
    sent = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    created = (await api.post("/api/v1/namespaces", sent)).json
    assert created["spec"]["finalizers"] == ["kubernetes"]
    created["spec"]["finalizers"] = []
    kept = await api.put("/api/v1/namespaces/x", created)
    assert kept.json["spec"]["finalizers"] == ["kubernetes"]
    freed = await api.put("/api/v1/namespaces/x/finalize", kept.json | {"spec": {}})
    assert freed.status == 200
    assert not freed.json["spec"].get("finalizers")
    assert (await api.delete("/api/v1/namespaces/x")).status == 200
    assert (await api.get("/api/v1/namespaces/x")).status == 404


async def test_there_is_no_node_to_connect_to(api: Api) -> None:
    await api.post(PODS, pod("p"))
    log = await api.get(f"{PODS}/p/log")
    assert (log.status, log.body) == (204, b"")
    refused = await api.get(f"{PODS}/p/exec?command=ls")
    assert (refused.status, refused.json["message"]) == (
        400,
        "pod p does not have a host assigned",
    )
    assert (await api.get(f"{PODS}/none/log")).status == 404
