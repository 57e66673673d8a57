"""status, finalize, and what a server without nodes says to exec."""

from __future__ import annotations

from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"


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
    first = await api.delete("/api/v1/namespaces/x")
    assert (first.status, first.json["status"]["phase"]) == (200, "Terminating")
    second = await api.delete("/api/v1/namespaces/x")
    assert (second.status, second.json["status"]) == (200, "Success")
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
