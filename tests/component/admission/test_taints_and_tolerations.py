"""New nodes take no pods yet; pods stay for a while on nodes that are lost."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def added(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}


OTHER = {"key": "gpu", "operator": "Exists"}
EVERYTHING = {"operator": "Exists"}
SHORT = {**added(NOT_READY), "tolerationSeconds": 5}
NO_SCHEDULE = {"key": NOT_READY, "operator": "Exists", "effect": "NoSchedule"}

TOLERATIONS = [
    ([], [added(NOT_READY), added(UNREACHABLE)]),
    ([OTHER], [OTHER, added(NOT_READY), added(UNREACHABLE)]),
    ([EVERYTHING], [EVERYTHING]),
    ([SHORT], [SHORT, added(UNREACHABLE)]),
    ([NO_SCHEDULE], [NO_SCHEDULE, added(NOT_READY), added(UNREACHABLE)]),
]


@pytest.mark.parametrize(("given", "expected"), TOLERATIONS)
async def test_a_pod_tolerates_lost_nodes_for_a_while(
    api: Api, given: list[Any], expected: list[Any]
) -> None:
    made = pod("a")
    made["spec"]["tolerations"] = given
    assert (await api.post(PODS, made)).json["spec"]["tolerations"] == expected


TAINT = {"key": NOT_READY, "effect": "NoSchedule"}
TAINTS = [
    ([], [TAINT]),
    ([{"key": "gpu", "effect": "NoSchedule"}], [{"key": "gpu", "effect": "NoSchedule"}, TAINT]),
    ([{**TAINT, "value": "x"}], [{**TAINT, "value": "x"}]),
    ([{**TAINT, "effect": "NoExecute"}], [{**TAINT, "effect": "NoExecute"}, TAINT]),
]


@pytest.mark.parametrize(("given", "expected"), TAINTS)
async def test_a_new_node_is_not_ready(api: Api, given: list[Any], expected: list[Any]) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"taints": given}}
    assert (await api.post("/api/v1/nodes", node)).json["spec"]["taints"] == expected
    ready = await api.patch("/api/v1/nodes/n", {"spec": {"taints": None}})
    assert "taints" not in ready.json["spec"]
