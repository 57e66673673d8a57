"""What a write does to pods and to the workloads that make them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from resource_writes import (
    DEPLOYMENT,
    JOB,
    POD,
    changed,
    context,
    create,
    create_findings,
    refused,
    strategy,
    update,
    update_refused,
)

from kapiserver.errors import Invalid
from kapiserver.resources.definition import Object


def test_a_pod_gets_what_the_api_promises() -> None:
    made = create("pods", POD)
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert spec["restartPolicy"] == "Always"
    assert spec["dnsPolicy"] == "ClusterFirst"
    assert spec["terminationGracePeriodSeconds"] == 30
    assert spec["enableServiceLinks"] is True
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1.2", "IfNotPresent"),
        ("localhost:5000/web", "Always"),
        ("localhost:5000/web:1", "IfNotPresent"),
        ("web@sha256:0123", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    made = create("pods", changed(POD, "spec.containers.0.image", image))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
            "Burstable",
        ),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "BestEffort"),
        ({"requests": {"cpu": "0"}}, "BestEffort"),
    ],
)
def test_quality_of_service(resources: Object, expected: str) -> None:
    made = create("pods", changed(POD, "spec.containers.0.resources", resources))
    assert made["status"]["qosClass"] == expected


def test_limits_are_requested_when_nothing_else_is() -> None:
    made = create("pods", changed(POD, "spec.containers.0.resources", {"limits": {"cpu": "1"}}))
    assert made["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("spec", "status", "wanted", "expected"),
    [
        ({"terminationGracePeriodSeconds": 30}, {}, 20, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, {"phase": "Running"}, None, 30),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, {"phase": "Running"}, 20, 20),
        ({"nodeName": "n", "terminationGracePeriodSeconds": -5}, {"phase": "Running"}, None, 1),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {"phase": "Running"}, None, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {"phase": "Running"}, 20, 20),
        ({"nodeName": "n"}, {"phase": "Failed"}, 20, 0),
        ({"nodeName": "n"}, {"phase": "Succeeded"}, None, 0),
    ],
)
def test_only_pods_that_run_somewhere_are_given_time(
    spec: Object, status: Object, wanted: int | None, expected: int
) -> None:
    grace = strategy("pods").graceful_deletion_seconds
    assert grace is not None
    assert grace({"spec": spec, "status": status}, wanted) == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.containers", [], ("spec.containers", "Required value")),
        ("spec.containers.0.name", "", ("spec.containers[0].name", "Required value")),
        ("spec.containers.0.image", "", ("spec.containers[0].image", "Required value")),
        (
            "spec.restartPolicy",
            "Sometimes",
            (
                "spec.restartPolicy",
                'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
            ),
        ),
        (
            "spec.containers.0.volumeMounts",
            [{"name": "data", "mountPath": "/data"}],
            ("spec.containers[0].volumeMounts[0].name", 'Not found: "data"'),
        ),
        (
            "spec.containers.0.ports",
            [{"containerPort": 70000}],
            (
                "spec.containers[0].ports[0].containerPort",
                "Invalid value: 70000: must be between 1 and 65535, inclusive",
            ),
        ),
    ],
)
def test_pods_that_make_no_sense(path: str, value: Any, expected: tuple[str, str]) -> None:
    assert refused("pods", changed(POD, path, value)) == [expected]


def test_two_containers_may_not_share_a_name() -> None:
    twice = changed(POD, "spec.containers", [{"name": "c", "image": "i"}] * 2)
    assert refused("pods", twice) == [("spec.containers[1].name", 'Duplicate value: "c"')]


def test_of_a_pod_only_images_and_little_else_change() -> None:
    old = create("pods", POD)
    update("pods", old, changed(old, "spec.containers.0.image", "web:2"))
    update("pods", old, changed(old, "spec.activeDeadlineSeconds", 5))
    update("pods", old, changed(old, "spec.tolerations", [{"key": "a"}]))
    ((field, message),) = update_refused("pods", old, changed(old, "spec.hostname", "x"))
    assert field == "spec"
    assert message.startswith("Forbidden: pod updates may not change fields other than `spec.cont")
    tolerant = changed(old, "spec.tolerations", [{"key": "a"}])
    assert update_refused("pods", tolerant, old)[0][0] == "spec.tolerations"


def test_the_ephemeral_container_endpoint_adds_nothing_else() -> None:
    old = create("pods", POD)
    new = changed(old, "spec.ephemeralContainers", [{"name": "sh", "image": "sh:1"}])
    new["spec"]["hostname"] = "forged"
    new["metadata"]["labels"] = {"forged": "yes"}
    made = update("pods", old, new, "ephemeralcontainers")
    assert made["spec"]["ephemeralContainers"][0]["name"] == "sh"
    assert "hostname" not in made["spec"]
    assert "labels" not in made["metadata"]


def test_the_resize_endpoint_changes_resources_only() -> None:
    limited = changed(POD, "spec.containers.0.resources", {"limits": {"cpu": "1"}})
    old = create("pods", limited)
    new = changed(old, "spec.containers.0.resources", {"limits": {"cpu": "2"}})
    new["spec"]["containers"][0]["image"] = "forged"
    container = update("pods", old, new, "resize")["spec"]["containers"][0]
    assert container["image"] == "web:1"
    assert container["resources"]["limits"] == {"cpu": "2"}


def test_a_pod_name_with_dots_is_warned_about() -> None:
    warnings = strategy("pods").warnings
    assert warnings is not None
    (warning,) = warnings(changed(POD, "metadata.name", "a.b"), context(None, ""))
    assert warning.endswith("a DNS label is recommended: [must not contain dots]")
    assert list(warnings(POD, context(None, ""))) == []


def test_a_deployment_rolls_by_default() -> None:
    spec = create("deployments.apps", DEPLOYMENT)["spec"]
    assert spec["replicas"] == 1
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }


@pytest.mark.parametrize("resource", ["deployments.apps", "replicasets.apps", "daemonsets.apps"])
def test_selectors_stay(resource: str) -> None:
    old = create(resource, DEPLOYMENT)
    new = changed(old, "spec.selector.matchLabels", {"app": "x"})
    new["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    assert update_refused(resource, old, new) == [
        ("spec.selector", 'Invalid value: {"matchLabels":{"app":"x"}}: field is immutable')
    ]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.selector", None, "spec.selector"),
        ("spec.selector", {}, "spec.selector"),
        ("spec.template", None, "spec.template.metadata.labels"),
        ("spec.template.metadata.labels", {"app": "x"}, "spec.template.metadata.labels"),
        ("spec.replicas", -1, "spec.replicas"),
        ("spec.template.spec.restartPolicy", "Never", "spec.template.spec.restartPolicy"),
        ("spec.strategy.type", "Never", "spec.strategy"),
    ],
)
def test_deployments_that_make_no_sense(path: str, value: Any, field: str) -> None:
    assert refused("deployments.apps", changed(DEPLOYMENT, path, value))[0][0] == field


def test_most_of_a_stateful_set_stays() -> None:
    old = create("statefulsets.apps", DEPLOYMENT)
    update("statefulsets.apps", old, changed(old, "spec.replicas", 5))
    ((field, message),) = update_refused(
        "statefulsets.apps", old, changed(old, "spec.serviceName", "other")
    )
    assert field == "spec"
    assert message.startswith("Forbidden: updates to statefulset spec for fields other than")
    assert "'replicas'" in message


def test_a_stateful_set_mounts_its_claims() -> None:
    mounts = [{"name": "data", "mountPath": "/data"}]
    new = changed(DEPLOYMENT, "spec.template.spec.containers.0.volumeMounts", mounts)
    assert refused("statefulsets.apps", new)[0][1] == 'Not found: "data"'
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = [{"metadata": {"name": "data"}, "spec": claim}]
    made = create("statefulsets.apps", changed(new, "spec.volumeClaimTemplates", claims))
    assert made["spec"]["volumeClaimTemplates"][0]["kind"] == "PersistentVolumeClaim"
    update("statefulsets.apps", made, made)


def test_a_job_selects_its_own_pods() -> None:
    spec = create("jobs.batch", JOB)["spec"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert spec["template"]["metadata"]["labels"] == {
        "app": "web",
        "batch.kubernetes.io/controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": "u-1",
        "job-name": "j",
    }
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)


def test_a_job_without_labels_takes_those_of_its_pods() -> None:
    made = create("jobs.batch", JOB)
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]


def test_a_job_must_choose_a_restart_policy() -> None:
    assert refused("jobs.batch", changed(JOB, "spec.template.spec.restartPolicy", None)) == [
        ("spec.template.spec.restartPolicy", 'Required value: valid values: "OnFailure", "Never"')
    ]


def test_all_findings_come_at_once_as_one_answer() -> None:
    bad = {"spec": {"containers": [{"name": "A", "image": ""}], "restartPolicy": "x"}}
    causes = create_findings("pods", copy.deepcopy(bad))
    status = Invalid.of("", "Pod", "web", causes).status()
    assert len(status["details"]["causes"]) == 3
    assert status["message"].startswith('Pod "web" is invalid: [')
