"""Kinds that are alone in their API group: priorities, runtimes, leases, services of APIs."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, created, refused, stored, update_refused, warned

from kapiserver.resources.definition import Object

PRIORITIES = "priorityclasses.scheduling.k8s.io"
RUNTIMES = "runtimeclasses.node.k8s.io"
LEASES = "leases.coordination.k8s.io"
APIS = "apiservices.apiregistration.k8s.io"
MIGRATIONS = "storageversionmigrations.storagemigration.k8s.io"

RUNTIME: Object = {"metadata": {"name": "kata"}, "handler": "kata"}
API: Object = {
    "metadata": {"name": "v1.example.com"},
    "spec": {
        "group": "example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
    },
}
MIGRATION: Object = {
    "metadata": {"name": "m"},
    "spec": {"resource": {"group": "apps", "resource": "deployments"}},
}
RESERVED = (
    "Forbidden: priority class names with 'system-' prefix are reserved for system use only. "
    "error: "
)


def priority(name: str, value: int, **fields: Any) -> Object:
    return {"metadata": {"name": name}, "value": value, **fields}


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (priority("system-x", 1), "system-x is not a known system priority class"),
        (
            priority("system-node-critical", 1),
            "value of system-node-critical PriorityClass must be 2000001000",
        ),
        (
            priority("system-cluster-critical", 2000000000, globalDefault=True),
            "globalDefault of system-cluster-critical PriorityClass must be false",
        ),
    ],
)
def test_names_of_the_system(obj: Object, problem: str) -> None:
    assert refused(PRIORITIES, obj) == [("metadata.name", f"{RESERVED}{problem}")]


def test_a_priority_stays() -> None:
    assert refused(PRIORITIES, priority("high", 1000000001, preemptionPolicy="Maybe")) == [
        ("value", "Forbidden: maximum allowed value of a user defined priority is 1000000000"),
        (
            "preemptionPolicy",
            'Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"',
        ),
    ]
    old = stored(PRIORITIES, priority("high", 10))
    assert old["metadata"]["generation"] == 1
    new = {**old, "value": 11, "preemptionPolicy": "Never", "globalDefault": True}
    assert update_refused(PRIORITIES, old, new) == [
        ("value", "Forbidden: may not be changed in an update."),
        ("preemptionPolicy", 'Invalid value: "Never": field is immutable'),
    ]


def test_a_runtime() -> None:
    bad = {
        **RUNTIME,
        "overhead": {"podFixed": {"cpu": "-1"}},
        "scheduling": {"tolerations": [{"operator": "Equal"}]},
    }
    assert refused(RUNTIMES, bad) == [
        ("overhead.limits[cpu]", 'Invalid value: "-1": must be greater than or equal to 0'),
        (
            "scheduling.tolerations[0].operator",
            'Invalid value: "Equal": operator must be Exists when `key` is empty, which means '
            '"match all values and all keys"',
        ),
    ]
    twice = {"key": "a", "operator": "Exists", "effect": "NoExecute"}
    same = {"scheduling": {"tolerations": [twice, {**twice, "tolerationSeconds": 5}]}}
    assert refused(RUNTIMES, {**RUNTIME, **same}) == [
        (
            "scheduling.tolerations[1]",
            'Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"NoExecute",'
            '"TolerationSeconds":5}',
        )
    ]
    assert update_refused(RUNTIMES, RUNTIME, changed(RUNTIME, "handler", "runc")) == [
        ("handler", 'Invalid value: "runc": field is immutable')
    ]
    old_label = {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}
    assert warned(RUNTIMES, {**RUNTIME, "scheduling": old_label}) == [
        'scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead'
    ]


def test_a_lease() -> None:
    spec = {"leaseDurationSeconds": 0, "leaseTransitions": -1, "strategy": "Oldest"}
    made, findings = created(LEASES, {"metadata": {"name": "l"}, "spec": spec})
    assert "strategy" not in made["spec"]
    assert findings == [
        ("spec.leaseDurationSeconds", "Invalid value: 0: must be greater than 0"),
        ("spec.leaseTransitions", "Invalid value: -1: must be greater than or equal to 0"),
    ]


API_CASES: Cases = [
    (
        "metadata.name",
        "v2.example.com",
        [
            (
                "metadata.name",
                'Invalid value: "v2.example.com": must be `spec.version+"."+spec.group`: '
                '"v1.example.com"',
            )
        ],
    ),
    (
        "spec.versionPriority",
        1001,
        [
            (
                "spec.versionPriority",
                "Invalid value: 1001: must be positive and less than 1000",
            )
        ],
    ),
    (
        "spec.caBundle",
        "YWJj",
        [
            (
                "spec.caBundle",
                'Invalid value: "3 bytes": local APIServices may not have a caBundle',
            )
        ],
    ),
    (
        "spec.insecureSkipTLSVerify",
        True,
        [
            (
                "spec.insecureSkipTLSVerify",
                "Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            )
        ],
    ),
    (
        "spec.service",
        {"port": 65536},
        [
            ("spec.service.namespace", "Required value"),
            ("spec.service.name", "Required value"),
            (
                "spec.service.port",
                "Invalid value: 65536: port is not valid: must be between 1 and 65535, inclusive",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), API_CASES)
def test_an_api_service(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(APIS, changed(API, path, value)) == causes


def test_the_status_of_an_api_service() -> None:
    old = stored(APIS, API)
    assert old["status"]["conditions"][0]["lastTransitionTime"]
    new = changed(old, "status.conditions.0.status", "Maybe")
    assert update_refused(APIS, old, new, "status") == [
        (
            "status.conditions[0].status",
            'Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
        )
    ]


def test_a_migration() -> None:
    assert refused(MIGRATIONS, changed(MIGRATION, "spec.resource", {})) == [
        ("spec.resource.resource", "Required value: resource is required to be set")
    ]
    other = changed(MIGRATION, "spec.resource.resource", "daemonsets")
    assert update_refused(MIGRATIONS, MIGRATION, other) == [
        (
            "spec",
            'Invalid value: {"Resource":{"group":"apps","resource":"daemonsets"}}: field is '
            "immutable",
        )
    ]


def test_how_far_a_migration_has_come() -> None:
    done = {
        "type": "Succeeded",
        "status": "True",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "reason": "Done",
        "message": "",
    }
    old = changed(MIGRATION, "status", {"resourceVersion": "5", "conditions": [done]})
    new = changed(
        changed(old, "status.conditions.0.status", "Perhaps"), "status.resourceVersion", "x"
    )
    shown = (
        '[{"type":"Succeeded","status":"Perhaps","lastTransitionTime":"2026-01-01T00:00:00Z",'
        '"reason":"Done","message":""}]'
    )
    assert update_refused(MIGRATIONS, old, new, "status") == [
        ("status.resourceVersion", 'Invalid value: "x": resource version is not well formed: x'),
        (
            "status.conditions[0].status",
            'Unsupported value: "Perhaps": supported values: "False", "True", "Unknown"',
        ),
        ("status.resourceVersion", 'Invalid value: "x": field is immutable'),
        (
            "status.conditions",
            f"Invalid value: {shown}: Success condition cannot be set to false once it is true",
        ),
    ]


AUTOSCALERS = "horizontalpodautoscalers.autoscaling"


def test_what_an_autoscaler_scales_names_its_group() -> None:
    target = {"kind": "Deployment", "name": "web", "apiVersion": "v1"}
    old: Object = {
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": target},
    }
    assert refused(AUTOSCALERS, old) == [
        (
            "spec.scaleTargetRef.apiVersion",
            'Invalid value: "v1": apiVersion must specify API group',
        )
    ]
    assert refused(AUTOSCALERS, changed(old, "spec.scaleTargetRef.apiVersion", "a/b/c")) == [
        (
            "spec.scaleTargetRef.apiVersion",
            'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        )
    ]
    # the one that is stored may stay; the core group has one kind that scales
    assert update_refused(AUTOSCALERS, old, changed(old, "spec.maxReplicas", 4)) == []
    core = changed(old, "spec.scaleTargetRef.kind", "ReplicationController")
    assert refused(AUTOSCALERS, core) == []


def test_an_autoscaler_tolerates_no_less_than_nothing() -> None:
    target = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    spec = {
        "maxReplicas": 3,
        "scaleTargetRef": target,
        "behavior": {"scaleUp": {"tolerance": "-100m"}},
    }
    assert refused(AUTOSCALERS, {"metadata": {"name": "web"}, "spec": spec}) == [
        (
            "spec.behavior.scaleUp.tolerance",
            'Invalid value: "-100m": must be greater or equal to zero',
        )
    ]


def test_the_status_of_a_budget() -> None:
    old: Object = {"metadata": {"name": "b"}, "spec": {"minAvailable": 1}}
    new = changed(old, "status", {"currentHealthy": -1, "conditions": [{"type": "a b"}]})
    found = update_refused("poddisruptionbudgets.policy", old, new, "status")
    assert [field for field, _ in found] == [
        "status.conditions[0].type",
        "status.conditions[0].status",
        "status.conditions[0].lastTransitionTime",
        "status.conditions[0].reason",
        "status.currentHealthy",
    ]
