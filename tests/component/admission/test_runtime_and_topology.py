"""What pods take over from their runtime class and from their node."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
SANDBOX = {
    "metadata": {"name": "sandbox"},
    "handler": "kata",
    "overhead": {"podFixed": {"cpu": "250m", "memory": "64Mi"}},
    "scheduling": {
        "nodeSelector": {"runtime": "kata"},
        "tolerations": [{"key": "kata", "operator": "Exists", "effect": "NoSchedule"}],
    },
}


def with_spec(**spec: Any) -> dict[str, Any]:
    made = pod("a")
    made["spec"].update(spec)
    return made


async def test_a_pod_takes_over_what_its_runtime_class_says(api: Api) -> None:
    await api.post(CLASSES, SANDBOX)
    covered = {"key": "kata", "operator": "Equal", "value": "x", "effect": "NoSchedule"}
    given = with_spec(
        runtimeClassName="sandbox", nodeSelector={"disk": "ssd"}, tolerations=[covered]
    )
    made = (await api.post(PODS, given)).json["spec"]
    assert made["overhead"] == {"cpu": "250m", "memory": "64Mi"}
    assert made["nodeSelector"] == {"disk": "ssd", "runtime": "kata"}
    assert [t["key"] for t in made["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "kata",
    ]


async def test_the_same_overhead_in_other_words_is_fine(api: Api) -> None:
    await api.post(CLASSES, SANDBOX)
    given = with_spec(runtimeClassName="sandbox", overhead={"cpu": "0.25", "memory": "65536Ki"})
    assert (await api.post(PODS, given)).status == 201


OTHER = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
REFUSED = [
    ({"runtimeClassName": "none"}, 'pod rejected: RuntimeClass "none" not found'),
    ({"runtimeClassName": "sandbox", "overhead": {"cpu": "1"}}, OTHER),
    (
        {"overhead": {"cpu": "1"}},
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
    ),
    (
        {"runtimeClassName": "sandbox", "nodeSelector": {"runtime": "runc"}},
        "conflict: runtimeClass.scheduling.nodeSelector[runtime] = kata; "
        "pod.spec.nodeSelector[runtime] = runc",
    ),
]


@pytest.mark.parametrize(("spec", "why"), REFUSED)
async def test_a_pod_cannot_say_otherwise(api: Api, spec: dict[str, Any], why: str) -> None:
    await api.post(CLASSES, SANDBOX)
    refused = await api.post(PODS, with_spec(**spec))
    assert (refused.status, refused.json["message"]) == (403, f'pods "a" is forbidden: {why}')


ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


async def test_a_pod_has_the_zone_of_its_node(api: Api) -> None:
    labels = {ZONE: "z1", REGION: "r1", "disk": "ssd"}
    await api.post("/api/v1/nodes", {"metadata": {"name": "n", "labels": labels}})
    placed = with_spec(nodeName="n")
    placed["metadata"]["labels"] = {ZONE: "wrong"}
    made = await api.post(PODS, placed)
    assert made.json["metadata"]["labels"] == {ZONE: "z1", REGION: "r1"}

    await api.post(PODS, pod("b"))
    target = {"metadata": {"name": "b"}, "target": {"kind": "Node", "name": "n"}}
    assert (await api.post(f"{PODS}/b/binding", target)).status == 201
    bound = (await api.get(f"{PODS}/b")).json
    assert bound["metadata"]["labels"] == {ZONE: "z1", REGION: "r1"}


async def test_a_node_that_is_not_there_has_no_zone(api: Api) -> None:
    made = await api.post(PODS, with_spec(nodeName="none"))
    assert (made.status, "labels" in made.json["metadata"]) == (201, False)
