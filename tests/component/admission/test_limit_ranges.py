"""Limit ranges: what they fill in, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, pod

DEFAULT = "/api/v1/namespaces/default"
PODS, CLAIMS = f"{DEFAULT}/pods", f"{DEFAULT}/persistentvolumeclaims"
WHO = 'pods "a" is forbidden: '


async def limit(api: Api, name: str = "limits", **fields: Any) -> None:
    made = await api.post(
        f"{DEFAULT}/limitranges",
        {"metadata": {"name": name}, "spec": {"limits": [{"type": "Container", **fields}]}},
    )
    assert made.status == 201, made.text


def using(requests: dict[str, str], limits: dict[str, str], **spec: Any) -> dict[str, Any]:
    made = pod("a")
    made["spec"]["containers"][0]["resources"] = {"requests": requests, "limits": limits}
    made["spec"].update(spec)
    return made


async def test_containers_get_what_they_do_not_name(api: Api) -> None:
    await limit(api, default={"cpu": "500m", "memory": "64Mi"}, defaultRequest={"cpu": "100m"})
    given = using({"cpu": "200m"}, {})
    given["spec"]["initContainers"] = [{"name": "first", "image": "busybox"}]
    made = (await api.post(PODS, given)).json
    everything = {"cpu": "500m", "memory": "64Mi"}
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "200m", "memory": "64Mi"},
        "limits": everything,
    }
    assert made["spec"]["initContainers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": everything,
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory request for container main; cpu, memory limit for "
        "container main; cpu, memory request for init container first; cpu, memory limit for init "
        "container first"
    )
    assert made["status"]["qosClass"] == "Burstable"


async def test_other_namespaces_have_other_limits(api: Api) -> None:
    await limit(api, default={"cpu": "1"})
    await api.post("/api/v1/namespaces", {"metadata": {"name": "free"}})
    made = (await api.post("/api/v1/namespaces/free/pods", pod("a"))).json
    assert made["spec"]["containers"][0]["resources"] == {}


PER = "cpu usage per Container is"
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"min": {"cpu": "100m"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}},
        using({"cpu": "50m"}, {}),
        f"minimum {PER} 100m, but request is 50m",
    ),
    (
        {"max": {"cpu": "1"}},
        using({"cpu": "1"}, {"cpu": "1.5"}),
        f"maximum {PER} 1, but limit is 1500m",
    ),
    (
        {"max": {"cpu": "1", "memory": "1Gi"}},
        using({}, {"cpu": "2", "memory": "2Gi"}),
        f"[maximum {PER} 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit "
        "is 2Gi]",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        using({"cpu": "100m"}, {"cpu": "300m"}),
        "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        using({}, {}),
        "cpu max limit to request ratio per Container is 2, but no request is specified or request "
        "is 0",
    ),
    (
        {"type": "Pod", "max": {"memory": "1Gi"}},
        using({}, {}),
        "maximum memory usage per Pod is 1Gi.  No limit is specified",
    ),
    (
        {"type": "Pod", "max": {"memory": "1Gi"}},
        using(
            {},
            {"memory": "768Mi"},
            initContainers=[
                {
                    "name": "side",
                    "image": "busybox",
                    "restartPolicy": "Always",
                    "resources": {"limits": {"memory": "512Mi"}},
                }
            ],
        ),
        "maximum memory usage per Pod is 1Gi, but limit is 1280Mi",
    ),
    (
        {"type": "Pod", "min": {"cpu": "1"}},
        using({}, {}),
        "minimum cpu usage per Pod is 1.  No request is specified",
    ),
]


@pytest.mark.parametrize(("fields", "given", "why"), REFUSED)
async def test_pods_out_of_range_are_refused(
    api: Api, fields: dict[str, Any], given: dict[str, Any], why: str
) -> None:
    await limit(api, **fields)
    refused = await api.post(PODS, given)
    assert (refused.status, refused.json["message"]) == (403, WHO + why)


SIZES = [
    ("1Gi", ""),
    ("512Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi"),
    ("3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"),
]


@pytest.mark.parametrize(("size", "why"), SIZES)
async def test_claims_out_of_range_are_refused(api: Api, size: str, why: str) -> None:
    await limit(api, type="PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "2Gi"})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    answer = await api.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})
    assert answer.status == (403 if why else 201)
    assert answer.json.get("message", "").endswith(why)


async def test_what_was_stored_is_not_held_against_a_later_change(api: Api) -> None:
    await api.post(PODS, using({"cpu": "1"}, {"cpu": "3", "memory": "1Gi"}))
    await limit(api, max={"cpu": "2"})
    grown = {"name": "main", "resources": {"limits": {"memory": "2Gi"}}}
    patch = {"spec": {"containers": [grown]}}
    fine = await api.patch(f"{PODS}/a/resize", patch, kind="strategic")
    assert fine.status == 200, fine.text
    grown["resources"] = {"limits": {"cpu": "4"}}
    refused = await api.patch(f"{PODS}/a/resize", patch, kind="strategic")
    assert refused.json["message"] == f"{WHO}maximum {PER} 2, but limit is 4"


NODES = [
    ({"cpu": "8", "memory": "8Gi"}, "linux", ""),
    (
        {"cpu": "1500m", "memory": "1Gi"},
        "linux",
        "Node didn't have enough allocatable resources: cpu, requested: 2000, allocatable: 1500; "
        "memory, requested: 2147483648, allocatable: 1073741824",
    ),
    (
        {"cpu": "8", "memory": "8Gi"},
        "windows",
        'pod resize is only supported on linux nodes, node "n" is "windows"',
    ),
]


@pytest.mark.parametrize(("allocatable", "system", "why"), NODES)
async def test_a_pod_grows_as_far_as_its_node_has_room(
    api: Api, allocatable: dict[str, str], system: str, why: str
) -> None:
    node = {
        "metadata": {"name": "n", "labels": {"kubernetes.io/os": system}},
        "status": {"allocatable": allocatable},
    }
    assert (await api.post("/api/v1/nodes", node)).status == 201
    await api.post(PODS, using({"cpu": "1", "memory": "1Gi"}, {}, nodeName="n"))
    wanted = {"name": "main", "resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}
    patch = {"spec": {"containers": [wanted]}}
    answer = await api.patch(f"{PODS}/a/resize", patch, kind="strategic")
    assert (answer.status, answer.json.get("message", "")) == (
        (403, WHO + why) if why else (200, "")
    )
