"""Objects that can be read in two shapes lose nothing on the way."""

from __future__ import annotations

import copy
import json

import pytest
from resource_writes import create

from kapiserver.resources.autoscaling_v1 import (
    BEHAVIOR,
    CONDITIONS,
    CURRENT_METRICS,
    METRICS,
    from_v2,
    to_v2,
)
from kapiserver.resources.core_events import from_core, to_core
from kapiserver.resources.definition import Object
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()
AUTOSCALERS = "horizontalpodautoscalers.autoscaling"

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
    expected = copy.deepcopy(AUTOSCALER)
    # what the field says comes after what the annotation says
    expected["spec"]["metrics"].append(expected["spec"]["metrics"].pop(0))
    # a value that a v1 struct cannot leave out
    expected["status"]["currentMetrics"][0]["resource"]["current"]["averageValue"] = "0"
    assert obj == expected


_PODS: Object = {"metric": {"name": "m", "selector": {}}}
_DESCRIBED: Object = {"describedObject": {"kind": "K", "name": "n"}, "metric": {"name": "m"}}


@pytest.mark.parametrize(
    ("kind", "source", "flat", "back"),
    [
        (
            "object",
            _DESCRIBED | {"target": {"type": "AverageValue", "averageValue": "2"}},
            {
                "target": {"kind": "K", "name": "n"},
                "metricName": "m",
                "targetValue": "0",
                "averageValue": "2",
            },
            {"type": "AverageValue", "value": "0", "averageValue": "2"},
        ),
        (
            "pods",
            _PODS | {"target": {"type": "AverageValue", "averageValue": "2"}},
            {"metricName": "m", "targetAverageValue": "2", "selector": {}},
            {"type": "AverageValue", "averageValue": "2"},
        ),
        (
            "containerResource",
            {
                "name": "cpu",
                "container": "c",
                "target": {"type": "Utilization", "averageUtilization": 5},
            },
            {"name": "cpu", "targetAverageUtilization": 5, "container": "c"},
            {"type": "Utilization", "averageUtilization": 5},
        ),
        (
            "external",
            _PODS | {"target": {"type": "Value", "value": "2"}},
            {"metricName": "m", "metricSelector": {}, "targetValue": "2"},
            {"type": "Value", "value": "2"},
        ),
    ],
)
def test_metrics_in_annotations_are_flat(
    kind: str, source: Object, flat: Object, back: Object
) -> None:
    metric = {"type": kind[:1].upper() + kind[1:], kind: source}
    obj: Object = {"metadata": {}, "spec": {"metrics": [copy.deepcopy(metric)]}}
    from_v2(obj)
    written = obj["metadata"]["annotations"][METRICS]
    assert json.loads(written) == [{"type": metric["type"], kind: flat}]
    to_v2(obj)
    assert obj["spec"]["metrics"] == [{"type": metric["type"], kind: source | {"target": back}}]


@pytest.mark.parametrize(
    ("metrics", "percentage", "left"),
    [
        (["cpu:1", "cpu:2"], 1, 0),
        (["cpu", "cpu:2"], None, 1),
        (["memory:3", "cpu:2"], 2, 1),
        (["memory:3"], None, 1),
    ],
)
def test_the_first_metric_of_cpu_is_the_field(
    metrics: list[str], percentage: int | None, left: int
) -> None:
    specs: list[Object] = []
    for metric in metrics:
        name, _, used = metric.partition(":")
        target = {"averageUtilization": int(used)} if used else {"averageValue": "1"}
        specs.append({"type": "Resource", "resource": {"name": name, "target": target}})
    obj: Object = {"metadata": {}, "spec": {"metrics": specs}}
    from_v2(obj)
    assert obj["spec"].get("targetCPUUtilizationPercentage") == percentage
    assert len(json.loads(obj["metadata"].get("annotations", {}).get(METRICS, "[]"))) == left


def test_metrics_in_use_are_of_the_annotation_or_else_of_the_field() -> None:
    status = {"currentCPUUtilizationPercentage": 7}
    obj: Object = {"metadata": {}, "status": dict(status)}
    to_v2(obj)
    cpu = {"name": "cpu", "current": {"averageUtilization": 7}}
    assert obj["status"] == {"currentMetrics": [{"type": "Resource", "resource": cpu}]}
    external = {"type": "External", "external": {"metricName": "m", "currentAverageValue": "4"}}
    annotations = {CURRENT_METRICS: json.dumps([external])}
    obj = {"metadata": {"annotations": annotations}, "status": dict(status)}
    to_v2(obj)
    current = {"value": "0", "averageValue": "4"}
    found = {"metric": {"name": "m"}, "current": current}
    assert obj["status"] == {"currentMetrics": [{"type": "External", "external": found}]}


def test_behavior_goes_under_its_names_in_go() -> None:
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 5}]
    behavior: Object = {"scaleUp": {"policies": policies, "tolerance": "50m"}}
    obj: Object = {"metadata": {}, "spec": {"behavior": behavior}}
    from_v2(obj)
    held = obj["metadata"]["annotations"]
    assert held[BEHAVIOR] == (
        '{"ScaleUp":{"StabilizationWindowSeconds":null,"SelectPolicy":null,'
        '"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":5}],"Tolerance":"50m"},'
        '"ScaleDown":null}'
    )
    to_v2(obj)
    assert obj["spec"]["behavior"] == behavior
    held = {BEHAVIOR: '{"scaleup":{"SELECTPOLICY":"Max"}}'}
    obj = {"metadata": {"annotations": held}}
    to_v2(obj)
    assert obj["spec"]["behavior"] == {"scaleUp": {"selectPolicy": "Max"}}


def test_no_stored_autoscaler_has_the_annotations() -> None:
    tolerance = "autoscaling.alpha.kubernetes.io/scale-up-tolerance"
    target = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
    obj: Object = {
        "metadata": {"name": "h", "annotations": {METRICS: "[]", tolerance: "1"}},
        "spec": {"scaleTargetRef": target, "maxReplicas": 3},
    }
    assert "annotations" not in create(AUTOSCALERS, obj)["metadata"]
    obj["metadata"]["annotations"]["mine"] = "stays"
    assert create(AUTOSCALERS, obj)["metadata"]["annotations"] == {"mine": "stays"}


def test_annotations_that_are_not_json_are_ignored() -> None:
    obj: Object = {"metadata": {"annotations": {METRICS: "{"}}, "spec": {"maxReplicas": 1}}
    to_v2(obj)
    assert obj == {"metadata": {}, "spec": {"maxReplicas": 1}}


MISTYPED = [
    (METRICS, [{"type": "Object", "object": {"metricName": 5}}]),
    (METRICS, [{"type": "Object", "object": {"target": "Ingress"}}]),
    (METRICS, [{"type": "Pods", "pods": {"selector": {"matchLabels": {"a": 1}}}}]),
    (METRICS, [{"type": "Pods", "pods": {"targetAverageValue": "many"}}]),
    (METRICS, [{"type": "Resource", "resource": {"targetAverageUtilization": "50"}}]),
    (METRICS, [{"type": "Resource", "resource": {"targetAverageUtilization": 1 << 31}}]),
    (METRICS, [{"type": 5}]),
    (METRICS, ["Resource"]),
    (METRICS, {"type": "Resource"}),
    (CURRENT_METRICS, [{"type": "Pods", "pods": {"currentAverageValue": []}}]),
    (CONDITIONS, [{"type": "AbleToScale", "lastTransitionTime": "yesterday"}]),
    (BEHAVIOR, {"ScaleUp": {"Policies": 5}}),
    (BEHAVIOR, {"ScaleUp": {"StabilizationWindowSeconds": "60"}}),
    (BEHAVIOR, ["ScaleUp"]),
]


@pytest.mark.parametrize(("annotation", "value"), MISTYPED)
def test_annotations_of_other_types_are_ignored(annotation: str, value: object) -> None:
    held = {annotation: json.dumps(value)}
    obj: Object = {"metadata": {"annotations": held}, "spec": {}, "status": {}}
    to_v2(obj)
    assert obj == {"metadata": {}, "spec": {}, "status": {}}


def test_numbers_in_annotations_are_quantities_and_names_may_have_capitals() -> None:
    metric = {"Type": "Pods", "Pods": {"MetricName": "load", "TargetAverageValue": 1000}}
    obj: Object = {"metadata": {"annotations": {METRICS: json.dumps([metric])}}}
    to_v2(obj)
    target = {"type": "AverageValue", "averageValue": "1k"}
    pods = {"metric": {"name": "load"}, "target": target}
    assert obj["spec"]["metrics"] == [{"type": "Pods", "pods": pods}]


def test_what_is_absent_is_not_shared() -> None:
    held = {METRICS: json.dumps([{"type": "Object", "object": {}}])}
    first: Object = {"metadata": {"annotations": dict(held)}}
    to_v2(first)
    described = first["spec"]["metrics"][0]["object"]["describedObject"]
    described["name"] = "mine"
    second: Object = {"metadata": {"annotations": dict(held)}}
    to_v2(second)
    assert second["spec"]["metrics"][0]["object"]["describedObject"] == {}


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
        "status.podIPs": "",
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
