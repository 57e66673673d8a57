"""What /status and /resize take of a pod, and what is refused there."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from validation_cases import POD, Cases, changed, context, stored, strategy, update_refused

from kapiserver.resources.definition import Object

_SCHEDULED = changed(POD, "spec.nodeName", "n1")


def _written(old: Object, new: Object, subresource: str = "status") -> Object:
    """The object as it would be stored."""
    made, hooks = copy.deepcopy(new), strategy("pods")
    assert hooks.prepare_for_update is not None
    hooks.prepare_for_update(made, context(old, subresource))
    return made


STATUSES: Cases = [
    ("podIPs", [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], []),
    (
        "podIPs",
        [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}],
        [
            (
                "status.podIPs",
                'Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than '
                "one IP for each IP family",
            )
        ],
    ),
    (
        "podIPs",
        [{"ip": "x"}],
        [
            (
                "status.podIPs[0]",
                'Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
            )
        ],
    ),
    (
        "hostIPs",
        [{"ip": "10.0.0.9"}],
        [("status.hostIPs[0].ip", 'Invalid value: "10.0.0.9": must be equal to `hostIP`')],
    ),
    (
        "nominatedNodeName",
        "n2",
        [
            (
                "status.nominatedNodeName",
                "Forbidden: may not be set on pods that are already bound to a node",
            )
        ],
    ),
    (
        "observedGeneration",
        -1,
        [
            (
                "status.observedGeneration",
                "Invalid value: -1: must be a non-negative integer",
            )
        ],
    ),
    (
        "conditions",
        [{"type": "Ready", "status": "True", "observedGeneration": -1}],
        [
            (
                "status.conditions[0].observedGeneration",
                "Invalid value: -1: must be a non-negative integer",
            )
        ],
    ),
    (
        "qosClass",
        "Guaranteed",
        [("status.qosClass", 'Invalid value: "Guaranteed": field is immutable')],
    ),
    (
        "resourceClaimStatuses",
        [{"name": "gpu"}],
        [
            (
                "status.resourceClaimStatuses[0].name",
                'Invalid value: "gpu": must match the name of an entry in `spec.resourceClaims`',
            )
        ],
    ),
    (
        "containerStatuses",
        [{"name": "c", "user": {"linux": {"uid": -1, "gid": 0}}}],
        [
            (
                "status.containerStatuses[0].user.linux.uid",
                "Invalid value: -1: must be between 0 and 4294967295, inclusive",
            )
        ],
    ),
    (
        "containerStatuses",
        [
            {
                "name": "c",
                "allocatedResourcesStatus": [
                    {"name": "acme.io/gpu", "resources": [{"resourceID": "a", "health": "Ill"}]}
                ],
            }
        ],
        [
            (
                "status.containerStatuses[0].allocatedResourcesStatus[0].name",
                'Invalid value: "acme.io/gpu": must match one of the container\'s resource '
                "requests",
            ),
            (
                "status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health",
                'Unsupported value: "Ill": supported values: "Healthy", "Unhealthy", "Unknown"',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("field", "value", "findings"), STATUSES)
def test_statuses(field: str, value: Any, findings: list[tuple[str, str]]) -> None:
    old = stored("pods", _SCHEDULED)
    new = changed(old, f"status.{field}", value)
    assert update_refused("pods", old, new, "status") == findings


_ENDED = {"name": "c", "state": {"terminated": {"exitCode": 1}}}
_RUNS = {"name": "c", "state": {"running": {}}}


@pytest.mark.parametrize(
    ("policy", "container", "allowed"),
    [
        ("Always", {}, True),
        ("OnFailure", {}, True),
        ("Never", {}, False),
        ("Never", {"restartPolicy": "Always"}, True),
        ("Never", {"restartPolicy": "Never"}, False),
        (
            "Never",
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    {"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}
                ],
            },
            True,
        ),
        (
            "Never",
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    {"action": "Restart", "exitCodes": {"operator": "In", "values": [2]}}
                ],
            },
            False,
        ),
        (
            "Never",
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    {
                        "action": "RestartAllContainers",
                        "exitCodes": {"operator": "In", "values": [2]},
                    }
                ],
            },
            True,
        ),
    ],
)
def test_what_has_ended_may_only_start_again_as_its_policy_says(
    policy: str, container: Object, allowed: bool
) -> None:
    pod = changed(POD, "spec.restartPolicy", policy)
    pod["spec"]["containers"] = [{**POD["spec"]["containers"][0], **container}]
    old = changed(stored("pods", pod), "status.containerStatuses", [_ENDED])
    new = changed(old, "status.containerStatuses", [_RUNS])
    expected = (
        "status.containerStatuses[0].state",
        "Forbidden: may not be transitioned to non-terminated state",
    )
    assert update_refused("pods", old, new, "status") == ([] if allowed else [expected])


def test_a_status_keeps_what_its_writer_does_not_know_of() -> None:
    old = stored("pods", POD)
    old["status"] |= {
        "observedGeneration": 2,
        "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}],
    }
    new = changed(old, "status", {"conditions": [{"type": "Ready", "status": "False"}]})
    assert _written(old, new)["status"] == {
        "observedGeneration": 2,
        "conditions": [{"type": "Ready", "status": "False", "observedGeneration": 2}],
        "qosClass": "BestEffort",
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"podIP": "10.0.0.1"}, ("10.0.0.1", ["10.0.0.1"])),
        ({"podIPs": [{"ip": "10.0.0.2"}]}, ("10.0.0.2", ["10.0.0.2"])),
        ({"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}]}, ("10.0.0.1", ["10.0.0.1"])),
    ],
)
def test_the_first_address_is_in_both_fields(given: Object, kept: tuple[str, list[str]]) -> None:
    old = stored("pods", POD)
    status = _written(old, changed(old, "status", given))["status"]
    assert (status["podIP"], [each["ip"] for each in status["podIPs"]]) == kept


_SIZED = changed(
    changed(POD, "spec.containers.0.resources", {"requests": {"cpu": "1"}}),
    "spec.initContainers",
    [
        {
            "name": "i",
            "image": "i:1",
            "resources": {"requests": {"cpu": "1"}},
        },
    ],
)


RESIZES: Cases = [
    ("spec.containers.0.resources.requests.cpu", "2", []),
    ("spec.initContainers.0.resources.requests.cpu", "2", []),
    ("spec.containers.0.image", "other:1", []),
    (
        "spec.containers.0.resources.requests.ephemeral-storage",
        "2",
        [("spec", "Forbidden: only cpu and memory resources are mutable")],
    ),
    (
        "spec.initContainers.0.resources.requests.ephemeral-storage",
        "2",
        [
            (
                "spec.initContainers[0]",
                "Forbidden: only cpu and memory resources for init or sidecar containers are "
                "mutable",
            )
        ],
    ),
    (
        "spec.containers.0.name",
        "d",
        [
            (
                "spec.containers[0].name",
                "Forbidden: containers may not be renamed or reordered on resize",
            )
        ],
    ),
    (
        "spec.initContainers",
        [],
        [
            (
                "spec.initContainers",
                "Forbidden: initContainers may not be added or removed on resize",
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "findings"), RESIZES)
def test_resizes(path: str, value: Any, findings: list[tuple[str, str]]) -> None:
    old = stored("pods", _SIZED)
    assert update_refused("pods", old, changed(old, path, value), "resize") == findings


def test_a_kubelet_that_cannot_resize_says_nothing_of_resources() -> None:
    old = stored("pods", _SIZED)
    old["status"]["containerStatuses"] = [_RUNS]
    new = changed(old, "spec.containers.0.resources.requests.cpu", "2")
    assert update_refused("pods", old, new, "resize") == [
        ("spec", "Forbidden: Pod running on node without support for resize")
    ]


def test_pod_level_resources_are_resized_but_not_removed() -> None:
    old = stored("pods", changed(_SIZED, "spec.resources", {"requests": {"cpu": "3"}}))
    larger = changed(old, "spec.resources.requests.cpu", "4")
    assert update_refused("pods", old, larger, "resize") == []
    other = changed(old, "spec.resources.requests.memory", "1Gi")
    assert update_refused("pods", old, other, "resize") == []
    none = changed(old, "spec.resources", {"requests": {"memory": "1Gi"}})
    assert (
        "spec.resources.requests",
        "Forbidden: pod-level resource requests cannot be removed",
    ) in update_refused("pods", old, none, "resize")
