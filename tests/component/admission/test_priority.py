"""Pods and their priority, and the one class that pods without a class are of."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, pod

PODS = "/api/v1/namespaces/default/pods"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
LOW = {"metadata": {"name": "low"}, "value": 7, "preemptionPolicy": "Never"}


def with_spec(name: str, **spec: Any) -> dict[str, Any]:
    made = pod(name)
    made["spec"].update(spec)
    return made


CHOSEN = [
    ({}, (None, 0, "PreemptLowerPriority")),
    ({"priority": 0}, (None, 0, "PreemptLowerPriority")),
    ({"priorityClassName": "low"}, ("low", 7, "Never")),
    ({"priorityClassName": "low", "priority": 7, "preemptionPolicy": "Never"}, ("low", 7, "Never")),
    (
        {"priorityClassName": "system-cluster-critical"},
        ("system-cluster-critical", 2_000_000_000, "PreemptLowerPriority"),
    ),
]


@pytest.mark.parametrize(("spec", "expected"), CHOSEN)
async def test_a_pod_has_the_priority_of_its_class(
    api: Api, spec: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    await api.post(CLASSES, LOW)
    made = (await api.post(PODS, with_spec("a", **spec))).json["spec"]
    found = (made.get("priorityClassName"), made["priority"], made["preemptionPolicy"])
    assert found == expected


REFUSED = [
    ({"priorityClassName": "none"}, "no PriorityClass with name none was found"),
    (
        {"priority": 5},
        "the integer value of priority (5) must not be provided in pod spec; priority admission "
        "controller computed 0 from the given PriorityClass name",
    ),
    (
        {"priorityClassName": "low", "preemptionPolicy": "PreemptLowerPriority"},
        "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod "
        "spec; priority admission controller computed Never from the given PriorityClass name",
    ),
]


@pytest.mark.parametrize(("spec", "why"), REFUSED)
async def test_nobody_gives_a_pod_another_priority(
    api: Api, spec: dict[str, Any], why: str
) -> None:
    await api.post(CLASSES, LOW)
    refused = await api.post(PODS, with_spec("a", **spec))
    assert (refused.status, refused.json["message"]) == (403, f'pods "a" is forbidden: {why}')


async def test_a_name_to_be_generated_is_told_by_its_prefix(api: Api) -> None:
    made = with_spec("", priorityClassName="none")
    made["metadata"] = {"generateName": "web-"}
    refused = await api.post(PODS, made)
    assert refused.json["message"].startswith('pods "web-" is forbidden: ')


async def test_pods_without_a_class_are_of_the_default_one(api: Api) -> None:
    assert (await api.post(CLASSES, {**LOW, "globalDefault": True})).status == 201
    made = (await api.post(PODS, with_spec("a"))).json["spec"]
    assert (made["priorityClassName"], made["priority"], made["preemptionPolicy"]) == (
        "low",
        7,
        "Never",
    )


async def test_there_is_one_default_class(api: Api) -> None:
    await api.post(CLASSES, {**LOW, "globalDefault": True})
    assert (await api.patch(f"{CLASSES}/low", {"description": "same"})).status == 200
    other = {"metadata": {"name": "other"}, "value": 1, "globalDefault": True}
    refused = await api.post(CLASSES, other)
    assert (refused.status, refused.json["message"]) == (
        403,
        'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass low is already '
        "marked as default. Only one default can exist",
    )
    assert (await api.post(CLASSES, {**other, "globalDefault": False})).status == 201
    again = await api.patch(f"{CLASSES}/other", {"globalDefault": True})
    assert again.status == 403


async def test_an_update_need_not_repeat_the_priority(api: Api) -> None:
    await api.post(PODS, with_spec("a"))
    made = (await api.get(f"{PODS}/a")).json
    del made["spec"]["priority"], made["spec"]["preemptionPolicy"]
    made["metadata"]["labels"] = {"a": "b"}
    updated = await api.put(f"{PODS}/a", made)
    assert updated.status == 200, updated.text
    assert updated.json["spec"]["priority"] == 0


async def test_what_admission_fills_in_belongs_to_nobody(api: Api) -> None:
    made = (await api.post(PODS, pod("a"))).json
    (entry,) = made["metadata"]["managedFields"]
    owned = entry["fieldsV1"]["f:spec"]
    assert "f:containers" in owned
    assert not {"f:priority", "f:preemptionPolicy", "f:tolerations"} & set(owned)


async def test_a_dry_run_shows_what_admission_does(api: Api) -> None:
    shown = (await api.post(f"{PODS}?dryRun=All", pod("a"))).json
    assert shown["spec"]["priority"] == 0
    assert (await api.get(f"{PODS}/a")).status == 404
