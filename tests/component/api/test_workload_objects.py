"""Pods and workloads as clients get them back: what conversions and defaults make of them."""

from __future__ import annotations

import copy
from typing import Any

from api_world import Api, deployment, pod

PODS = "/api/v1/namespaces/default/pods"
SETS = "/apis/apps/v1/namespaces/default/daemonsets"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
COUNT = "deprecated.daemonset.template.generation"


def _daemon_set() -> dict[str, Any]:
    made = deployment("agent") | {"kind": "DaemonSet"}
    del made["spec"]["replicas"]
    return made


async def test_a_daemon_set_counts_its_templates_in_an_annotation(api: Api) -> None:
    made = (await api.post(SETS, _daemon_set())).json
    assert made["metadata"]["annotations"] == {COUNT: "1"}
    made["metadata"]["labels"] = {"a": "b"}
    same = (await api.put(f"{SETS}/agent", made)).json
    assert same["metadata"]["annotations"] == {COUNT: "1"}
    same["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:2"
    newer = (await api.put(f"{SETS}/agent", same)).json
    assert newer["metadata"]["annotations"] == {COUNT: "2"}
    refused = await api.patch(f"{SETS}/agent", {"metadata": {"annotations": {COUNT: "many"}}})
    assert refused.status == 400
    assert (await api.get(f"{SETS}/agent")).json["metadata"]["annotations"] == {COUNT: "2"}


async def test_amounts_of_a_pod_are_rounded_before_anyone_is_warned(api: Api) -> None:
    sent = pod("p", annotations={"pod.beta.kubernetes.io/init-containers": "[]", "kept": "x"})
    sent["spec"]["containers"][0]["resources"] = {"limits": {"memory": "0.0035"}}
    sent["spec"]["terminationGracePeriodSeconds"] = -5
    answer = await api.post(PODS, sent)
    assert answer.status == 201, answer.text
    assert answer.json["metadata"]["annotations"] == {"kept": "x"}
    assert answer.json["spec"]["terminationGracePeriodSeconds"] == 1
    resources = answer.json["spec"]["containers"][0]["resources"]
    assert resources == {"limits": {"memory": "4m"}, "requests": {"memory": "4m"}}
    assert [text for text in answer.warnings if "limits[memory]" in text] == [
        '299 - "spec.containers[0].resources.limits[memory]: fractional byte value \\"4m\\" is '
        'invalid, must be an integer"'
    ]


async def test_a_pod_gets_a_generation_for_what_differs_only(api: Api) -> None:
    made = (await api.post(PODS, pod("p", generation=5))).json
    assert made["metadata"]["generation"] == 1
    same = copy.deepcopy(made)
    same["spec"]["imagePullSecrets"] = []
    kept = (await api.put(f"{PODS}/p", same)).json
    assert kept["metadata"]["generation"] == 1
    kept["spec"]["tolerations"] = [
        *kept["spec"].get("tolerations", []),
        {"key": "k", "operator": "Exists"},
    ]
    changed = await api.put(f"{PODS}/p", kept)
    assert changed.status == 200, changed.text
    assert changed.json["metadata"]["generation"] == 2


async def test_a_resize_takes_resources_and_no_labels(api: Api) -> None:
    sent = pod("p", labels={"a": "b"})
    sent["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    made = (await api.post(PODS, sent)).json
    made["metadata"]["labels"]["c"] = "d"
    made["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "200m"
    resized = await api.put(f"{PODS}/p/resize", made)
    assert resized.status == 200, resized.text
    assert resized.json["metadata"]["labels"] == {"a": "b"}
    assert resized.json["metadata"]["generation"] == 2
    container = resized.json["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"cpu": "200m"}


async def test_a_job_is_labelled_as_its_pods_are(api: Api) -> None:
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    sent = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": spec}},
    }
    made = (await api.post(JOBS, sent)).json
    labels = made["metadata"]["labels"]
    assert labels == made["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == made["metadata"]["uid"]
    assert made["spec"]["podReplacementPolicy"] == "TerminatingOrFailed"
