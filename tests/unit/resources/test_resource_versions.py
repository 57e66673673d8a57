"""Objects that can be read in two shapes lose nothing on the way."""

from __future__ import annotations

import copy
import json

from kapiserver.resources.autoscaling_v1 import METRICS, from_v2, to_v2
from kapiserver.resources.core_events import from_core, to_core
from kapiserver.resources.definition import Object
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()

AUTOSCALER: Object = {
    "metadata": {"name": "h", "annotations": {"mine": "stays"}},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"},
        "maxReplicas": 9,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 70},
                },
            },
            {
                "type": "Resource",
                "resource": {
                    "name": "memory",
                    "target": {"type": "AverageValue", "averageValue": "1Gi"},
                },
            },
            {
                "type": "Object",
                "object": {
                    "describedObject": {"kind": "Ingress", "name": "i"},
                    "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
                    "target": {"type": "Value", "value": "10"},
                },
            },
            {
                "type": "External",
                "external": {
                    "metric": {"name": "queue", "selector": {"matchLabels": {"q": "1"}}},
                    "target": {"type": "AverageValue", "averageValue": "30"},
                },
            },
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "load"},
                    "target": {"type": "AverageValue", "averageValue": "5"},
                },
            },
        ],
        "behavior": {"scaleDown": {"selectPolicy": "Disabled"}},
    },
    "status": {
        "currentReplicas": 2,
        "currentMetrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 41}},
            },
        ],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    },
}


def test_a_v1_client_sees_cpu_as_fields_and_the_rest_as_annotations() -> None:
    v1 = copy.deepcopy(AUTOSCALER)
    from_v2(v1)
    assert v1["spec"] == {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"},
        "maxReplicas": 9,
        "targetCPUUtilizationPercentage": 70,
    }
    assert v1["status"] == {"currentReplicas": 2, "currentCPUUtilizationPercentage": 41}
    memory = json.loads(v1["metadata"]["annotations"][METRICS])[0]
    assert memory == {
        "type": "Resource",
        "resource": {"name": "memory", "targetAverageValue": "1Gi"},
    }


def test_an_autoscaler_survives_a_v1_clients_read_and_write() -> None:
    obj = copy.deepcopy(AUTOSCALER)
    from_v2(obj)
    to_v2(obj)
    assert obj == AUTOSCALER


def test_annotations_that_are_not_json_are_ignored() -> None:
    obj: Object = {"metadata": {"annotations": {METRICS: "{"}}, "spec": {"maxReplicas": 1}}
    to_v2(obj)
    assert obj == {"metadata": {}, "spec": {"maxReplicas": 1}}


def test_an_event_is_the_same_in_both_groups() -> None:
    event: Object = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "web"},
        "note": "text",
        "reportingController": "example.com/c",
        "reportingInstance": "c-0",
        "deprecatedCount": 2,
        "deprecatedSource": {"component": "c"},
        "eventTime": "2026-11-22T12:00:00.000000Z",
        "series": {"count": 3},
        "reason": "Because",
        "type": "Normal",
    }
    obj = copy.deepcopy(event)
    to_core(obj)
    assert obj["involvedObject"] == {"kind": "Pod", "name": "web"}
    assert (obj["message"], obj["count"]) == ("text", 2)
    core = REGISTRY.resource("", "events")
    other = REGISTRY.resource("events.k8s.io", "events")
    assert core is not None
    assert other is not None
    assert core.selectable_fields["involvedObject.name"](obj) == "web"
    assert other.selectable_fields["regarding.name"](obj) == "web"
    assert other.selectable_fields["reportingController"](obj) == "example.com/c"
    from_core(obj)
    assert obj == event


def test_selectable_fields_of_pods() -> None:
    pods = REGISTRY.resource("", "pods")
    assert pods is not None
    obj: Object = {
        "spec": {"nodeName": "n1", "hostNetwork": True},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
    }
    fields = {label: value(obj) for label, value in pods.selectable_fields.items()}
    assert fields == {
        "spec.nodeName": "n1",
        "spec.host": "n1",
        "spec.restartPolicy": "",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "true",
        "status.phase": "Running",
        "status.podIP": "10.0.0.1",
        "status.podIPs": "10.0.0.1,fd00::1",
        "status.nominatedNodeName": "",
    }


def test_absent_fields_select_as_their_zero_value() -> None:
    for plural, group, label, expected in (
        ("nodes", "", "spec.unschedulable", "false"),
        ("jobs", "batch", "status.successful", "0"),
        ("replicationcontrollers", "", "status.replicas", "0"),
        ("pods", "", "spec.hostNetwork", "false"),
    ):
        definition = REGISTRY.resource(group, plural)
        assert definition is not None
        assert definition.selectable_fields[label]({}) == expected
