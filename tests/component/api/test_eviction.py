"""pods/eviction: what disruption budgets let go, and what they say when they do not."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def eviction(name: str = "p", **options: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name},
    }
    return sent | ({"deleteOptions": options} if options else {})


async def running(api: Api, name: str = "p", *, ready: bool = True) -> None:
    await api.post(PODS, pod(name, labels={"app": "web"}))
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"phase": "Running", "conditions": [condition]}
    assert (await api.patch(f"{PODS}/{name}/status", {"status": status})).status == 200


async def budget(api: Api, name: str = "b", *, spec: Any = None, **status: Any) -> None:
    selector = {"matchLabels": {"app": "web"}}
    sent = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": selector, **(spec or {})},
    }
    assert (await api.post(BUDGETS, sent)).status == 201
    if status:
        patched = await api.patch(
            f"{BUDGETS}/{name}/status", {"status": {"observedGeneration": 1, **status}}
        )
        assert patched.status == 200, patched.text


async def test_without_a_budget_the_pod_goes(api: Api) -> None:
    await running(api)
    gone = await api.post(f"{PODS}/p/eviction", eviction())
    assert (gone.status, gone.json["status"], gone.json["code"]) == (201, "Success", 201)
    assert (await api.get(f"{PODS}/p")).status == 404


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Pending"])
async def test_a_pod_that_is_evicted_says_so_until_it_is_gone(api: Api, phase: str) -> None:
    held = pod("p", finalizers=["example.com/hold"])
    before = (await api.post(PODS, held)).json
    await api.patch(f"{PODS}/p/status", {"status": {"phase": phase}})
    await api.post(f"{PODS}/p/eviction", eviction(dryRun=["All"]))
    assert not (await api.get(f"{PODS}/p")).json["status"].get("conditions")
    tied = eviction(preconditions={"uid": before["metadata"]["uid"]})
    assert (await api.post(f"{PODS}/p/eviction", tied)).status == 201
    found = (await api.get(f"{PODS}/p")).json
    assert "deletionTimestamp" in found["metadata"]
    (condition,) = found["status"]["conditions"]
    assert condition.pop("lastTransitionTime")
    assert condition == {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    assert all(entry["manager"] == "test" for entry in found["metadata"]["managedFields"])


async def test_the_revision_of_an_eviction_is_the_one_that_the_client_saw(api: Api) -> None:
    await running(api)
    seen = (await api.get(f"{PODS}/p")).json["metadata"]["resourceVersion"]
    stale = await api.post(f"{PODS}/p/eviction", eviction(preconditions={"resourceVersion": "1"}))
    assert stale.status == 409
    assert "the ResourceVersion in the precondition (1)" in stale.json["message"]
    assert (await api.get(f"{PODS}/p")).json["metadata"]["resourceVersion"] == seen
    right = eviction(preconditions={"resourceVersion": seen})
    assert (await api.post(f"{PODS}/p/eviction", right)).status == 201
    assert (await api.get(f"{PODS}/p")).status == 404


@pytest.mark.parametrize(("selector", "status"), [({}, 429), (None, 201)])
async def test_an_empty_selector_guards_every_pod(api: Api, selector: Any, status: int) -> None:
    await running(api)
    await budget(api, spec={"selector": selector}, currentHealthy=1, desiredHealthy=1)
    assert (await api.post(f"{PODS}/p/eviction", eviction())).status == status


async def test_an_eviction_takes_one_disruption_and_leaves_a_note(api: Api) -> None:
    await running(api)
    await running(api, "q")
    await budget(api, disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1)
    assert (await api.post(f"{PODS}/p/eviction", eviction())).status == 201
    status = (await api.get(f"{BUDGETS}/b")).json["status"]
    assert status["disruptionsAllowed"] == 0
    assert list(status["disruptedPods"]) == ["p"]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "DisruptionAllowed",
        "False",
        "InsufficientPods",
    )
    second = await api.post(f"{PODS}/q/eviction", eviction("q"))
    assert (second.status, second.json["message"]) == (429, REFUSED)
    assert (await api.get(f"{PODS}/q")).status == 200


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, "The disruption budget b is still being processed by the server."),
        (
            {"currentHealthy": 1, "desiredHealthy": 2},
            "The disruption budget b needs 2 healthy pods and has 1 currently",
        ),
        (
            {"currentHealthy": 3, "desiredHealthy": 2},
            "The disruption budget b does not allow evicting pods currently",
        ),
    ],
)
async def test_the_cause_says_why_not(api: Api, status: dict[str, Any], why: str) -> None:
    await running(api)
    await budget(api, **status)
    refused = await api.post(f"{PODS}/p/eviction", eviction())
    assert (refused.status, refused.json["message"]) == (429, REFUSED)
    assert refused.json["reason"] == "TooManyRequests"
    details = refused.json["details"]
    assert details["causes"] == [{"reason": "DisruptionBudget", "message": why}]
    assert refused.header("retry-after") == ("" if status else "10")


async def test_what_the_controller_wrote_down_is_told(api: Api) -> None:
    await running(api)
    failed = {
        "type": "DisruptionAllowed",
        "status": "False",
        "reason": "SyncFailed",
        "message": "no controllers found",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    await budget(api, conditions=[failed])
    refused = await api.post(f"{PODS}/p/eviction", eviction())
    assert refused.json["details"]["causes"][0]["message"] == (
        "The disruption budget b does not allow evicting pods currently because it failed sync: "
        "no controllers found"
    )


async def test_pods_that_do_not_run_are_not_guarded(api: Api) -> None:
    await budget(api, currentHealthy=1, desiredHealthy=2)
    await api.post(PODS, pod("p", labels={"app": "web"}))
    assert (await api.post(f"{PODS}/p/eviction", eviction())).status == 201
    assert (await api.get(f"{PODS}/p")).status == 404


@pytest.mark.parametrize(
    ("spec", "healthy", "goes"),
    [
        ({}, 2, True),
        ({}, 1, False),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, 1, True),
        ({"unhealthyPodEvictionPolicy": "IfHealthyBudget"}, 1, False),
    ],
)
async def test_unhealthy_pods(api: Api, spec: Any, healthy: int, goes: bool) -> None:
    await running(api, ready=False)
    await budget(api, spec=spec, currentHealthy=healthy, desiredHealthy=2)
    answer = await api.post(f"{PODS}/p/eviction", eviction())
    assert answer.status == (201 if goes else 429)
    assert not (await api.get(f"{BUDGETS}/b")).json["status"].get("disruptedPods")


async def test_two_budgets_are_a_failure_in_a_status(api: Api) -> None:
    await running(api)
    await budget(api)
    await budget(api, "c")
    answer = await api.post(f"{PODS}/p/eviction", eviction())
    assert (answer.status, answer.json["status"], answer.json["code"]) == (201, "Failure", 500)
    assert answer.json["message"].startswith("This pod has more than one PodDisruptionBudget")
    assert (await api.get(f"{PODS}/p")).status == 200


async def test_a_dry_run_takes_nothing(api: Api) -> None:
    await running(api)
    await budget(api, disruptionsAllowed=1)
    for query, sent in (("?dryRun=All", eviction()), ("", eviction(dryRun=["All"]))):
        assert (await api.post(f"{PODS}/p/eviction{query}", sent)).status == 201
    assert (await api.get(f"{PODS}/p")).status == 200
    assert (await api.get(f"{BUDGETS}/b")).json["status"]["disruptionsAllowed"] == 1


async def test_preconditions_count(api: Api) -> None:
    await running(api)
    conflict = await api.post(f"{PODS}/p/eviction", eviction(preconditions={"uid": "other"}))
    assert conflict.status == 409
    assert "the UID in the precondition (other)" in conflict.json["message"]
    assert (await api.get(f"{PODS}/p")).status == 200


async def test_a_budget_that_is_out_of_bounds_forbids(api: Api) -> None:
    await running(api)
    noted = {f"p{number}": "2026-01-01T00:00:00Z" for number in range(2001)}
    await budget(api, disruptionsAllowed=1, disruptedPods=noted)
    refused = await api.post(f"{PODS}/p/eviction", eviction())
    assert (refused.status, refused.json["message"]) == (
        403,
        'poddisruptionbudget.policy "b" is forbidden: DisruptedPods map too big - too many '
        "evictions not confirmed by PDB controller",
    )


async def test_the_name_and_the_namespace_have_to_fit(api: Api) -> None:
    await running(api)
    misnamed = await api.post(f"{PODS}/p/eviction", eviction("q"))
    assert (misnamed.status, misnamed.json["message"]) == (
        400,
        "name in URL does not match name in Eviction object",
    )
    assert (await api.post(f"{PODS}/none/eviction", eviction("none"))).status == 404


async def test_a_namespace_that_is_going_away_takes_no_evictions(api: Api) -> None:
    """kubectl drain knows the cause, and waits for the namespace."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    assert (await api.post("/api/v1/namespaces", namespace)).status == 201
    held = pod("p")
    held["metadata"]["finalizers"] = ["example.com/held"]
    pods = "/api/v1/namespaces/x/pods"
    assert (await api.post(pods, held)).status == 201
    await api.delete("/api/v1/namespaces/x")
    refused = await api.post(f"{pods}/p/eviction", eviction())
    assert refused.status == 403
    assert refused.json["details"]["causes"][0]["reason"] == "NamespaceTerminating"


async def test_many_at_once_are_counted_one_by_one(api: Api) -> None:
    names = [f"p{number}" for number in range(30)]
    for name in names:
        await running(api, name)
    await budget(api, disruptionsAllowed=20, currentHealthy=30, desiredHealthy=10)
    statuses: list[int] = []

    async def evict(name: str) -> None:
        statuses.append((await api.post(f"{PODS}/{name}/eviction", eviction(name))).status)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(evict, name)
    assert sorted(statuses) == [201] * 20 + [429] * 10
    assert len((await api.get(PODS)).json["items"]) == 10
    status = (await api.get(f"{BUDGETS}/b")).json["status"]
    assert (status["disruptionsAllowed"], len(status["disruptedPods"])) == (0, 20)
