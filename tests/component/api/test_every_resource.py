"""What every resource keeps to: names, revisions, identities, dry runs, deletion."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ryaml
from api_world import Answer, Api

from kapiserver.resources.definition import ResourceDefinition
from kapiserver.resources.registry import builtin_registry

EVERY_KIND = Path(__file__).parents[2] / "e2e" / "every_kind.yaml"
POD_SPEC = {"containers": [{"name": "main", "image": "busybox"}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC}
SELECTED = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
ONCE = {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}}
# What the file has no use for.
MORE: list[tuple[str, str, dict[str, Any]]] = [
    ("v1", "ConfigMap", {"data": {"a": "b"}}),
    ("v1", "Secret", {"stringData": {"a": "b"}}),
    ("v1", "ServiceAccount", {}),
    ("v1", "Service", {"spec": {"ports": [{"port": 80}]}}),
    ("v1", "Node", {}),
    ("v1", "Pod", {"spec": {**POD_SPEC, "nodeName": "n"}}),
    ("v1", "Event", {"involvedObject": {"namespace": "default"}, "message": "x"}),
    ("apps/v1", "Deployment", {"spec": SELECTED}),
    ("apps/v1", "StatefulSet", {"spec": {**SELECTED, "serviceName": "s"}}),
    ("batch/v1", "Job", {"spec": ONCE}),
    ("batch/v1", "CronJob", {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": ONCE}}}),
    ("policy/v1", "PodDisruptionBudget", {"spec": {"minAvailable": 1}}),
    ("rbac.authorization.k8s.io/v1", "Role", {"rules": []}),
]
# Their names are made of other fields.
NAMED_BY_CONTENT = ("customresourcedefinitions.apiextensions.k8s.io",)

Object = dict[str, Any]


@dataclass(frozen=True)
class Case:
    definition: ResourceDefinition
    url: str
    sent: Object

    @property
    def name(self) -> str:
        name: str = self.sent["metadata"]["name"]
        return name

    @property
    def at(self) -> str:
        return f"{self.url}/{self.name}"

    def object(self, **metadata: Any) -> Object:
        made: Object = copy.deepcopy(self.sent)
        made["metadata"].update(metadata)
        return made

    def status(self, answer: Answer, expected: int) -> Any:
        assert answer.status == expected, f"{self.definition.resource}: {answer.text}"
        return answer.json


def cases() -> Iterator[Case]:
    registry = builtin_registry()
    more = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": "every"}, **content}
        for version, kind, content in MORE
    ]
    seen = set()
    for sent in (*ryaml.loads_all(EVERY_KIND.read_text()), *more):
        group, _, version = sent["apiVersion"].rpartition("/")
        found = registry.lookup_kind(group, version, sent["kind"])
        assert found is not None
        definition = found[0]
        if definition.resource not in seen:
            seen.add(definition.resource)
            sent["metadata"].pop("namespace", None)
            base = f"/apis/{group}/{version}" if group else f"/api/{version}"
            place = "/namespaces/default" if definition.namespaced else ""
            yield Case(definition, f"{base}{place}/{definition.plural}", sent)


CASES = tuple(cases())


@pytest.fixture
async def made(api: Api) -> list[tuple[Case, Object]]:
    return [(case, case.status(await api.post(case.url, case.object()), 201)) for case in CASES]


def test_there_are_many_of_them() -> None:
    assert len(CASES) > 40


async def test_a_dry_run_changes_nothing(api: Api) -> None:
    for case in CASES:
        dry = case.status(await api.post(f"{case.url}?dryRun=All", case.object()), 201)
        assert dry["metadata"]["uid"]
        case.status(await api.get(case.at), 404)
        stored = case.status(await api.post(case.url, case.object()), 201)
        case.status(await api.post(f"{case.url}?dryRun=All", case.object()), 409)
        noted = {"metadata": {"annotations": {"note": "x"}}}
        patched = case.status(await api.patch(f"{case.at}?dryRun=All", noted), 200)
        assert patched["metadata"]["annotations"]["note"] == "x"
        case.status(await api.put(f"{case.at}?dryRun=All", patched), 200)
        case.status(await api.delete(f"{case.at}?dryRun=All"), 200)
        if "deletecollection" in case.definition.verbs:
            case.status(await api.delete(f"{case.url}?dryRun=All"), 200)
        assert case.status(await api.get(case.at), 200) == stored


async def test_names_are_parts_of_paths(api: Api) -> None:
    for case in CASES:
        for name in (".", "..", "a/b", "a%b"):
            case.status(await api.post(case.url, case.object(name=name)), 422)
        if case.definition.resource not in NAMED_BY_CONTENT:
            unnamed = case.object(name="", generateName="made-")
            dry = case.status(await api.post(f"{case.url}?dryRun=All", unnamed), 201)
            assert len(dry["metadata"]["name"]) == len("made-") + 5


async def test_an_object_is_where_the_request_says(api: Api) -> None:
    for case in CASES:
        answer = await api.post(case.url, case.object(namespace="elsewhere"))
        if case.definition.namespaced:
            assert "does not match the namespace sent" in case.status(answer, 400)["message"]
        else:
            assert "namespace" not in case.status(answer, 201)["metadata"]


async def test_an_object_keeps_its_identity(api: Api, made: list[tuple[Case, Object]]) -> None:
    for case, stored in made:
        same = case.status(await api.put(case.at, stored), 200)
        assert same == stored, "nothing changed, nothing is written"
        case.status(await api.post(case.url, case.object()), 409)

        def but(stored: Object = stored, **metadata: Any) -> Object:
            return {**stored, "metadata": {**stored["metadata"], **metadata}}

        case.status(await api.put(case.at, but(resourceVersion="1")), 409)
        case.status(await api.put(case.at, but(uid="other")), 409)
        case.status(await api.put(case.at, but(name="other")), 400)
        case.status(await api.put(case.at, but(deletionTimestamp="2001-01-01T00:00:00Z")), 422)
        ignored = but(generation=77, creationTimestamp="2001-01-01T00:00:00Z", selfLink="x")
        assert case.status(await api.put(case.at, ignored), 200) == stored
        unconditional = case.definition.strategy.allow_unconditional_update
        expected = 200 if unconditional else 422
        case.status(await api.put(case.at, but(resourceVersion="")), expected)


async def test_deletion_is_guarded_and_waits(api: Api, made: list[tuple[Case, Object]]) -> None:
    for case, stored in made:
        case.status(await api.delete(f"{case.url}/nobody"), 404)
        for condition in ({"uid": "other"}, {"resourceVersion": "1"}):
            case.status(await api.delete(case.at, {"preconditions": condition}), 409)
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        held = case.status(await api.patch(case.at, hold), 200)["metadata"]
        now = {"gracePeriodSeconds": 0, "preconditions": {"uid": stored["metadata"]["uid"]}}
        marked = case.status(await api.delete(case.at, now), 200)["metadata"]
        assert marked["deletionGracePeriodSeconds"] == 0
        if "generation" in held:
            assert marked["generation"] == held["generation"] + 1
        hold["metadata"]["finalizers"].append("example.com/more")
        case.status(await api.patch(case.at, hold), 422)
        case.status(await api.patch(case.at, {"metadata": {"finalizers": None}}), 200)
        case.status(await api.get(case.at), 404)
