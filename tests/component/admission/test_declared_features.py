"""What a node does not know is not asked of it."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Answer, Api, pod

NODES = "/api/v1/nodes"
PODS = "/api/v1/namespaces/default/pods"
SMALL = {"cpu": "100m", "memory": "64Mi"}
LARGE = {"cpu": "200m", "memory": "64Mi"}


async def make_node(api: Api, *features: str) -> None:
    await api.post(NODES, {"metadata": {"name": "n", "labels": {"kubernetes.io/os": "linux"}}})
    status = {"allocatable": {"cpu": "4", "memory": "4Gi"}, "declaredFeatures": list(features)}
    assert (await api.patch(f"{NODES}/n/status", {"status": status})).status == 200


async def resized(api: Api, before: Any, after: Any, *, whole: bool = False) -> Answer:
    """A pod on the node, and what becomes of its resize. `whole`: of the pod's own resources."""
    sent = pod("a")
    sent["spec"]["nodeName"] = "n"
    owner = sent["spec"] if whole else sent["spec"]["containers"][0]
    owner["resources"] = before
    assert (await api.post(PODS, sent)).status == 201
    container = {"name": "main", "resources": after}
    spec = {"resources": after} if whole else {"containers": [container]}
    return await api.patch(f"{PODS}/a/resize", {"spec": spec}, kind="strategic")


GUARANTEED = ({"requests": SMALL, "limits": SMALL}, {"requests": LARGE, "limits": LARGE})
BURSTABLE = ({"requests": SMALL}, {"requests": LARGE})


@pytest.mark.parametrize(
    ("resources", "whole", "feature"),
    [
        (GUARANTEED, False, "GuaranteedQoSPodCPUResize"),
        (BURSTABLE, False, ""),
        (BURSTABLE, True, "InPlacePodLevelResourcesVerticalScaling"),
    ],
)
async def test_a_resize_needs_what_the_node_declares(
    api: Api, resources: tuple[Any, Any], whole: bool, feature: str
) -> None:
    await make_node(api, "SomethingElse")
    answer = await resized(api, *resources, whole=whole)
    if not feature:
        assert answer.status == 200, answer.text
        return
    assert (answer.status, answer.json["message"]) == (
        403,
        f'pods "a" is forbidden: pod update requires features {feature} which are not available '
        'on node "n"',
    )
    await api.patch(f"{NODES}/n/status", {"status": {"declaredFeatures": [feature]}})
    await api.delete(f"{PODS}/a?gracePeriodSeconds=0")
    assert (await resized(api, *resources, whole=whole)).status == 200


async def test_what_is_not_about_resources_needs_nothing(api: Api) -> None:
    await make_node(api)
    sent = pod("a")
    sent["spec"]["nodeName"] = "n"
    sent["spec"]["containers"][0]["resources"] = GUARANTEED[0]
    await api.post(PODS, sent)
    changed = {"spec": {"containers": [{"name": "main", "image": "other"}]}}
    assert (await api.patch(f"{PODS}/a", changed, kind="strategic")).status == 200
    same = {"cpu": "0.1", "memory": "65536Ki"}
    spelled = {"containers": [{"name": "main", "resources": {"requests": same, "limits": same}}]}
    answer = await api.patch(f"{PODS}/a/resize", {"spec": spelled}, kind="strategic")
    assert answer.status == 200, answer.text
