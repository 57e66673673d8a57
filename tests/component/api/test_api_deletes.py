"""Deletion: grace, finalizers, preconditions, collections, namespaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio
from api_world import Answer, Api, Events, config_map, deployment, pod

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


def message(answer: Answer) -> str:
    text: str = answer.json["message"]
    return text


class NamespaceWatch:
    """Follows one namespace, from before what is awaited happens."""

    def __init__(self, events: Events) -> None:
        self._events = events

    async def until(self, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        with trio.fail_after(15):
            seen = 0
            while True:
                for event in self._events.lines[seen:]:
                    seen += 1
                    if done(event):
                        return event
                await self._events.wait_for(seen + 1)


async def follow(api: Api, name: str) -> NamespaceWatch:
    url = f"/api/v1/namespaces?watch=1&fieldSelector=metadata.name%3D{name}"
    return NamespaceWatch(await api.watch(url))


def deleted(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "DELETED")


def explained(event: dict[str, Any]) -> bool:
    return bool(event["object"]["status"].get("conditions"))


async def test_delete_answers_with_a_status_and_the_object_is_gone(api: Api) -> None:
    uid = (await api.post(MAPS, config_map("a"))).json["metadata"]["uid"]
    answer = await api.delete(f"{MAPS}/a")
    assert answer.status == 200
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": uid},
    }
    again = await api.delete(f"{MAPS}/a")
    assert (again.status, message(again)) == (404, 'configmaps "a" not found')


async def test_some_kinds_answer_with_their_last_state(api: Api) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}}
    url = "/api/v1/namespaces/default/serviceaccounts"
    await api.post(url, account)
    assert (await api.delete(f"{url}/s")).json["kind"] == "ServiceAccount"


async def test_finalizers_hold_an_object_until_they_are_taken_away(api: Api) -> None:
    sent = config_map("a")
    sent["metadata"]["finalizers"] = ["example.com/hold"]
    await api.post(MAPS, sent)
    marked = await api.delete(f"{MAPS}/a")
    assert marked.status == 200
    assert marked.json["kind"] == "ConfigMap"
    assert marked.json["metadata"]["deletionGracePeriodSeconds"] == 0
    since = marked.json["metadata"]["deletionTimestamp"]
    assert (await api.delete(f"{MAPS}/a")).json["metadata"]["deletionTimestamp"] == since
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}}
    refused = await api.patch(f"{MAPS}/a", more)
    assert refused.status == 422
    assert "no new finalizers can be added if the object is being deleted" in message(refused)
    again = await api.post(MAPS, config_map("a"))
    assert message(again) == 'object is being deleted: configmaps "a" already exists'
    freed = await api.patch(f"{MAPS}/a", {"metadata": {"finalizers": None}})
    assert freed.status == 200
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_preconditions_guard(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a"))).json["metadata"]
    wrong = await api.delete(f"{MAPS}/a", {"preconditions": {"uid": "other"}})
    assert wrong.status == 409
    assert message(wrong) == (
        'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does '
        f"not match the UID in record ({created['uid']}). The object might have been deleted and "
        "then recreated"
    )
    old = await api.delete(f"{MAPS}/a", {"preconditions": {"resourceVersion": "1"}})
    assert old.status == 409
    right = {"preconditions": {"uid": created["uid"]}, "apiVersion": "v1", "kind": "DeleteOptions"}
    assert (await api.delete(f"{MAPS}/a", right)).status == 200


async def test_pods_that_run_get_their_grace_period(api: Api) -> None:
    await api.post(PODS, pod("idle"))
    idle = await api.watch(f"{PODS}?watch=1&fieldSelector=metadata.name=idle")
    at_once = (await api.delete(f"{PODS}/idle?gracePeriodSeconds=30")).json["metadata"]
    assert at_once["deletionGracePeriodSeconds"] == 0
    assert at_once["generation"] == 2
    assert (await api.get(f"{PODS}/idle")).status == 404  # never scheduled: gone at once
    await idle.wait_for(3)
    assert [event["type"] for event in idle.lines] == ["ADDED", "MODIFIED", "DELETED"]
    sent = pod("busy")
    sent["spec"]["nodeName"] = "n1"
    await api.post(PODS, sent)
    marked = (await api.delete(f"{PODS}/busy")).json["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 30
    shorter = (await api.delete(f"{PODS}/busy?gracePeriodSeconds=5")).json["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 5
    longer = (await api.delete(f"{PODS}/busy?gracePeriodSeconds=60")).json["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 5
    watch = await api.watch(f"{PODS}?watch=1&resourceVersion={longer['resourceVersion']}")
    last = (await api.delete(f"{PODS}/busy?gracePeriodSeconds=0")).json["metadata"]
    assert last["deletionGracePeriodSeconds"] == 0
    assert (await api.get(f"{PODS}/busy")).status == 404
    # that it goes at once is seen before it is gone
    await watch.wait_for(2)
    assert watch.seen() == [("MODIFIED", "busy"), ("DELETED", "busy")]


async def test_propagation_policies_become_finalizers(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    held = await api.delete(f"{MAPS}/a", {"propagationPolicy": "Foreground"})
    assert held.json["metadata"]["finalizers"] == ["foregroundDeletion"]
    await api.post(MAPS, config_map("b"))
    held = await api.delete(f"{MAPS}/b?propagationPolicy=Orphan")
    assert held.json["metadata"]["finalizers"] == ["orphan"]
    both = {"propagationPolicy": "Orphan", "orphanDependents": True}
    refused = await api.delete(f"{MAPS}/b", both)
    assert refused.status == 422
    assert "orphanDependents and deletionPropagation cannot be both set" in message(refused)
    assert (await api.delete(f"{MAPS}/b?propagationPolicy=Perhaps")).status == 422


async def test_collections_are_deleted_by_selector(api: Api) -> None:
    for name, tier in (("a", "web"), ("b", "db"), ("c", "web")):
        sent = config_map(name)
        sent["metadata"]["labels"] = {"tier": tier}
        await api.post(MAPS, sent)
    answer = await api.delete(f"{MAPS}?labelSelector=tier%3Dweb")
    assert answer.status == 200
    assert [item["metadata"]["name"] for item in answer.json["items"]] == ["a", "c"]
    left = (await api.get(MAPS)).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]
    assert (await api.delete("/api/v1/configmaps")).status == 405


async def test_the_first_namespaces_are_there_and_stay(api: Api) -> None:
    listed = (await api.get("/api/v1/namespaces")).json["items"]
    found = {item["metadata"]["name"] for item in listed}
    assert found == {"default", "kube-system", "kube-public", "kube-node-lease"}
    refused = await api.delete("/api/v1/namespaces/default")
    assert refused.status == 403
    assert message(refused) == (
        'namespaces "default" is forbidden: this namespace may not be deleted'
    )


async def test_nothing_is_created_in_a_namespace_that_is_not_there(api: Api) -> None:
    answer = await api.post("/api/v1/namespaces/none/configmaps", config_map("a"))
    assert answer.status == 404
    assert message(answer) == 'namespaces "none" not found'
    assert answer.json["details"] == {"name": "none", "kind": "namespaces"}


async def make_namespace(api: Api, name: str) -> None:
    sent = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert (await api.post("/api/v1/namespaces", sent)).status == 201


async def test_a_namespace_takes_its_content_with_it(api: Api) -> None:
    await make_namespace(api, "x")
    await api.post("/api/v1/namespaces/x/configmaps", config_map("a"))
    await api.post("/api/v1/namespaces/x/pods", pod("p"))
    watch = await follow(api, "x")
    marked = await api.delete("/api/v1/namespaces/x")
    assert marked.status == 200
    assert marked.json["status"]["phase"] == "Terminating"
    await watch.until(deleted)
    assert (await api.get("/api/v1/namespaces/x/configmaps")).json["items"] == []
    assert (await api.get("/api/v1/namespaces/x/pods")).json["items"] == []


async def test_pods_leave_a_namespace_before_anything_else(api: Api) -> None:
    await make_namespace(api, "x")
    await api.post("/api/v1/namespaces/x/configmaps", config_map("a"))
    busy = pod("busy", finalizers=["example.com/hold"])
    await api.post("/api/v1/namespaces/x/pods", busy)
    watch = await follow(api, "x")
    await api.delete("/api/v1/namespaces/x")
    event = await watch.until(explained)
    told = {c["type"]: c["message"] for c in event["object"]["status"]["conditions"]}
    assert told["NamespaceContentRemaining"] == (
        "Some resources are remaining: pods. has 1 resource instances"
    )
    kept = (await api.get("/api/v1/namespaces/x/configmaps/a")).json["metadata"]
    assert "deletionTimestamp" not in kept
    await api.patch("/api/v1/namespaces/x/pods/busy", {"metadata": {"finalizers": None}})
    await watch.until(deleted)


async def test_a_terminating_namespace_waits_for_finalizers_and_says_so(api: Api) -> None:
    await make_namespace(api, "x")
    held = config_map("a")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await api.post("/api/v1/namespaces/x/configmaps", held)
    grouped = deployment("d")
    grouped["metadata"]["finalizers"] = ["example.com/hold"]
    await api.post("/apis/apps/v1/namespaces/x/deployments", grouped)
    watch = await follow(api, "x")
    await api.delete("/api/v1/namespaces/x")
    refused = await api.post("/api/v1/namespaces/x/configmaps", config_map("b"))
    assert refused.status == 403
    assert message(refused) == (
        'configmaps "b" is forbidden: unable to create new content in namespace x because it is '
        "being terminated"
    )
    assert refused.json["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace x is being terminated",
            "field": "metadata.namespace",
        }
    ]
    event = await watch.until(explained)
    conditions = event["object"]["status"]["conditions"]
    assert [(c["type"], c["status"], c["reason"], c["message"]) for c in conditions] == [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances, deployments.apps "
            "has 1 resource instances",
        ),
        (
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/hold in 2 "
            "resource instances",
        ),
    ]
    await api.patch("/apis/apps/v1/namespaces/x/deployments/d", {"metadata": {"finalizers": None}})
    await api.patch("/api/v1/namespaces/x/configmaps/a", {"metadata": {"finalizers": None}})
    await watch.until(deleted)


async def test_who_deletes_a_job_without_a_word_about_its_pods_is_warned(api: Api) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    }
    for name in ("silent", "told"):
        job = {"metadata": {"name": name}, "spec": {"template": template}}
        assert (await api.post(jobs, job)).status == 201
    silent = await api.delete(f"{jobs}/silent")
    assert silent.warnings == [
        '299 - "child pods are preserved by default when jobs are deleted; set '
        "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress "
        'this warning"'
    ]
    assert not (await api.delete(f"{jobs}/told?propagationPolicy=Background")).warnings
