"""Nodes and namespaces that make no sense, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    Cases,
    changed,
    context,
    refused,
    stored,
    strategy,
    update_refused,
    warned,
)

from kapiserver.errors import BadRequest, Cause, Invalid
from kapiserver.resources.definition import Object

NODE: Object = {"metadata": {"name": "n1"}, "spec": {}, "status": {"capacity": {"cpu": "2"}}}
TAINT = {"key": "a", "effect": "NoSchedule"}
NODES: Cases = [
    (
        "spec.taints",
        [TAINT, TAINT, {"key": "", "value": "?", "effect": "Never"}, {"key": "b"}],
        [
            (
                "metadata.taints[1]",
                'Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: '
                "taints must be unique by key and effect pair",
            ),
            ("metadata.taints[2].key", 'Invalid value: "": name part must be non-empty'),
            (
                "metadata.taints[2].key",
                'Invalid value: "": name part must consist of alphanumeric characters, '
                "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
                "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
                "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ),
            (
                "metadata.taints[2].value",
                'Invalid value: "?": a valid label must be an empty string or consist of '
                "alphanumeric characters, '-', '_' or '.', and must start and end with an "
                "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
                "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
            (
                "metadata.taints[2].effect",
                'Unsupported value: "Never": supported values: "NoSchedule", '
                '"PreferNoSchedule", "NoExecute"',
            ),
            ("metadata.taints[3].effect", "Required value"),
        ],
    ),
    (
        "spec.podCIDRs",
        ["10.0.0.1/8", "10.0.0.1/8"],
        [
            (
                "spec.podCIDRs[0]",
                'Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
            ),
            (
                "spec.podCIDRs[1]",
                'Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
            ),
            (
                "spec.podCIDRs",
                'Invalid value: ["10.0.0.1/8","10.0.0.1/8"]: may specify no more than one CIDR '
                "for each IP family",
            ),
            ("spec.podCIDRs[1]", 'Duplicate value: "10.0.0.1/8"'),
        ],
    ),
    (
        "status.capacity",
        {"pods": "1500m", "cpu": "-1"},
        [
            ("status.capacity.pods", 'Invalid value: "1500m": must be an integer'),
            ("status.capacity.cpu", 'Invalid value: "-1": must be greater than or equal to 0'),
            ("status.allocatable.pods", 'Invalid value: "1500m": must be an integer'),
            ("status.allocatable.cpu", 'Invalid value: "-1": must be greater than or equal to 0'),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), NODES)
def test_a_node(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("nodes", changed(NODE, path, value)) == causes


def test_what_a_node_says_it_can_do() -> None:
    can = changed(NODE, "status.declaredFeatures", ["A", "A", "C/b2", "B", "d", "E" * 254])
    form = (
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' "
        "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters "
        "and slashes"
    )
    long = f'"{"E" * 254}"'
    told = [
        ("[1]", 'Duplicate value: "A"'),
        ("[3]", 'Invalid value: "B": list must be sorted alphabetically'),
        ("[4]", f'Invalid value: "d": invalid feature name "d": {form}'),
        ("[5]", f"Invalid value: {long}: list must be sorted alphabetically"),
        (
            "[5]",
            f"Invalid value: {long}: invalid feature name {long}: must be no more than 253 "
            "characters",
        ),
    ]
    causes = [(f"status.declaredFeatures{place}", message) for place, message in told]
    assert refused("nodes", can) == causes
    assert update_refused("nodes", stored("nodes", NODE), can, "status") == causes


def test_ranges_that_are_no_longer_written_so_are_warned_of() -> None:
    old = changed(NODE, "spec.podCIDRs", ["10.0.0.8/24"])
    warnings = strategy("nodes").warnings
    assert warnings is not None
    assert warnings(old, context(old)) == [
        'spec.podCIDRs[0]: CIDR value "10.0.0.8/24" is ambiguous in this context (should be '
        '"10.0.0.0/24" or "10.0.0.8/32"?)'
    ]


def test_what_of_a_node_is_set_once() -> None:
    spec = {"podCIDR": "10.0.0.0/24", "providerID": "a", "externalID": "x"}
    old = stored("nodes", changed(NODE, "spec", spec))
    assert old["spec"]["podCIDRs"] == ["10.0.0.0/24"]
    new = changed(NODE, "spec", {"podCIDRs": ["10.0.1.0/24"], "providerID": "b"})
    once = 'Forbidden: node updates may not change {} except from "" to valid'.format
    assert update_refused("nodes", old, new) == [
        ("spec.podCIDRs", once("podCIDR")),
        ("spec.providerID", once("providerID")),
        ("spec.externalID", "Forbidden: may not be updated"),
    ]
    assert (
        update_refused("nodes", stored("nodes", NODE), changed(new, "spec.taints", [TAINT])) == []
    )
    with pytest.raises(BadRequest, match=r"v1\.PodCIDR and v1\.CIDRs\[0\] do not match"):
        refused("nodes", changed(new, "spec.podCIDR", "10.0.0.0/24"))


def test_two_pod_ranges_can_be_compared_only_if_both_are_ranges() -> None:
    found = refused("nodes", changed(NODE, "spec", {"podCIDRs": ["10.0.0.0/24", "fd00::"]}))
    assert [field for field, _ in found] == ["spec.podCIDRs[1]", "spec.podCIDRs", "spec.podCIDRs"]
    assert found[1][1] == (
        "Internal error: invalid PodCIDRs. failed to check with dual stack with error:"
        'failed to parse cidr value:"fd00::" with error: invalid CIDR address: fd00::'
    )


AVOID = "scheduler.alpha.kubernetes.io/preferAvoidPods"
TAINTS = "scheduler.alpha.kubernetes.io/taints"


@pytest.mark.parametrize(
    ("annotation", "text", "causes"),
    [
        (AVOID, '{"preferAvoidPods":[{"podSignature":{"podController":{"controller":true}}}]}', []),
        (
            AVOID,
            '{"preferAvoidPods":[{"reason":"busy"},{"podSignature":{"podController":{}}}]}',
            [
                (f"metadata.annotations.{AVOID}[0].PodSignature", "Required value"),
                (
                    f"metadata.annotations.{AVOID}[1].PodSignature.PodController.Controller",
                    "Invalid value: false: must point to a controller",
                ),
            ],
        ),
        (
            AVOID,
            "[]",
            [
                (
                    "metadata.annotations.AvoidPods",
                    f'Invalid value: "{AVOID}": json: cannot unmarshal array into Go value of '
                    "type v1.AvoidPods",
                )
            ],
        ),
        (
            TAINTS,
            '[{"key":"gpu"}]',
            [(f"metadata.annotations.{TAINTS}[0].effect", "Required value")],
        ),
        (
            TAINTS,
            "{}",
            [
                (
                    "metadata.annotations",
                    f'Invalid value: "{TAINTS}": json: cannot unmarshal object into Go value of '
                    "type []core.Taint",
                )
            ],
        ),
        (TAINTS, "", []),
        (TAINTS, "null", []),
    ],
)
def test_annotations_of_nodes_that_hold_json(
    annotation: str, text: str, causes: list[tuple[str, str]]
) -> None:
    node = changed(NODE, "metadata.annotations", {annotation: text})
    assert refused("nodes", node) == causes
    assert update_refused("nodes", stored("nodes", NODE), node, "status") == causes


def test_addresses_of_a_node_come_once() -> None:
    twice = [{"type": "InternalIP", "address": "10.0.0.1"}] * 2
    old = stored("nodes", NODE)
    new = changed(old, "status.addresses", twice)
    assert update_refused("nodes", old, new, "status") == [
        ("status.addresses[1]", 'Duplicate value: {"Type":"InternalIP","Address":"10.0.0.1"}')
    ]


def test_settings_of_kubelets_are_no_longer_kept() -> None:
    made = stored("nodes", changed(NODE, "spec.configSource", {"configMap": {}}))
    assert made["spec"] == {}
    old = changed(NODE, "spec.configSource", {"configMap": {"uid": "u"}})
    assert [field for field, _ in update_refused("nodes", old, old)] == [
        f"spec.configSource.configMap.{field}"
        for field in ("uid", "namespace", "name", "kubeletConfigKey")
    ]
    assert warned("nodes", changed(NODE, "spec.externalID", "x")) == [
        "spec.externalID: this field is deprecated, and is unused by Kubernetes"
    ]


NAMESPACE: Object = {"metadata": {"name": "prod"}}
NO_FINALIZER = "name is neither a standard finalizer name nor is it fully qualified"


def test_finalizers_of_a_namespace() -> None:
    bad = changed(NAMESPACE, "spec.finalizers", ["mine", "orphan", "a.io/b"])
    assert refused("namespaces", bad) == [
        ("spec.finalizers", f'Invalid value: "mine": {NO_FINALIZER}')
    ]
    old = stored("namespaces", NAMESPACE)
    assert update_refused("namespaces", old, bad) == []
    assert update_refused("namespaces", old, bad, "finalize") == [
        ("spec.finalizers[0]", f'Invalid value: "mine": {NO_FINALIZER}')
    ]


def test_the_phase_of_a_namespace_says_whether_it_goes() -> None:
    old = stored("namespaces", NAMESPACE)
    gone = changed(old, "status.phase", "Terminating")
    assert update_refused("namespaces", old, gone, "status") == [
        (
            "status.Phase",
            "Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
        )
    ]
    going = changed(gone, "metadata.deletionTimestamp", "2026-11-22T00:00:00Z")
    assert update_refused("namespaces", going, going, "status") == []
    assert update_refused("namespaces", going, changed(going, "status", None), "status") == [
        (
            "status.Phase",
            "Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is "
            "not empty",
        )
    ]


def test_what_two_checks_find_is_two_causes_and_said_once() -> None:
    old = stored("nodes", NODE)
    new = changed(NODE, "spec.taints", [{"key": "gpu"}])
    found = update_refused("nodes", old, new)
    assert found == [("metadata.taints[0].effect", "Required value")] * 2
    causes = [Cause("FieldValueRequired", message, field) for field, message in found]
    refusal = Invalid.of("", "Node", "n1", causes)
    assert len(refusal.status()["details"]["causes"]) == 2
    assert refusal.message == 'Node "n1" is invalid: metadata.taints[0].effect: Required value'
