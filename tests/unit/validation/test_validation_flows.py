"""Flow schemas and priority levels."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, refused, stored, update_refused

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.fixed_flows import FIXED_FLOWS, FIXED_LEVELS

FLOWS = "flowschemas.flowcontrol.apiserver.k8s.io"
LEVELS = "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io"

RULE: Object = {
    "subjects": [{"kind": "User", "user": {"name": "jane"}}],
    "resourceRules": [
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}
    ],
}
FLOW: Object = {
    "metadata": {"name": "mine"},
    "spec": {"priorityLevelConfiguration": {"name": "low"}, "rules": [RULE]},
}
LEVEL: Object = {
    "metadata": {"name": "low"},
    "spec": {
        "type": "Limited",
        "limited": {"limitResponse": {"type": "Queue", "queuing": {}}},
    },
}
VERBS = '"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"'

FLOW_CASES: Cases = [
    (
        "spec.matchingPrecedence",
        1,
        [
            (
                "spec.matchingPrecedence",
                "Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
            )
        ],
    ),
    (
        "spec.distinguisherMethod",
        {"type": "ByDay"},
        [
            (
                "spec.distinguisherMethod.type",
                'Unsupported value: {"Type":"ByDay"}: supported values: "ByNamespace", "ByUser"',
            )
        ],
    ),
    (
        "spec.priorityLevelConfiguration",
        None,
        [
            (
                "spec.priorityLevelConfiguration.name",
                "Required value: must reference a priority level",
            )
        ],
    ),
    (
        "spec.rules",
        [{}],
        [
            (
                "spec.rules[0].subjects",
                "Required value: subjects must contain at least one value",
            ),
            (
                "spec.rules[0]",
                "Required value: at least one of resourceRules and nonResourceRules has to be "
                "non-empty",
            ),
        ],
    ),
    (
        "spec.rules.0.subjects",
        [{"kind": "User", "group": {"name": "g"}}],
        [
            (
                "spec.rules[0].subjects[0].user",
                "Required value: user is required when subject kind is 'User'",
            ),
            (
                "spec.rules[0].subjects[0].group",
                "Forbidden: group is forbidden when subject kind is not 'Group'",
            ),
        ],
    ),
    (
        "spec.rules.0.resourceRules",
        [{"verbs": ["get", "fly"], "apiGroups": ["*", ""], "namespaces": ["A"]}],
        [
            (
                "spec.rules[0].resourceRules[0].verbs",
                f'Unsupported value: ["get","fly"]: supported values: {VERBS}',
            ),
            (
                "spec.rules[0].resourceRules[0].apiGroups",
                'Invalid value: ["*",""]: if \'*\' is present, must not specify other api groups',
            ),
            (
                "spec.rules[0].resourceRules[0].resources",
                "Required value: resource rules must supply at least one resource",
            ),
            (
                "spec.rules[0].resourceRules[0].namespaces[0]",
                "Invalid value: \"A\": each member of this list must be '*' or a DNS-1123 label; "
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
                "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ),
        ],
    ),
    (
        "spec.rules.0.nonResourceRules",
        [{"verbs": ["*"], "nonResourceURLs": ["a", "/a*b"]}],
        [
            (
                "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]",
                'Invalid value: "a": must start with slash',
            ),
            (
                "spec.rules[0].nonResourceRules[0].nonResourceURLs[1]",
                'Invalid value: "/a*b": wildcard can only do suffix matching',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), FLOW_CASES)
def test_a_flow_schema(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(FLOWS, changed(FLOW, path, value)) == causes


LEVEL_CASES: Cases = [
    (
        "type",
        "Exempt",
        [
            (
                "spec.type",
                "Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
            ),
            ("spec.limited", "Forbidden: must be nil if the type is not Limited"),
        ],
    ),
    (
        "type",
        "Some",
        [("spec.type", 'Unsupported value: "Some": supported values: "Exempt", "Limited"')],
    ),
    (
        "limited.limitResponse.queuing",
        {"queues": 4, "handSize": 5},
        [
            (
                "spec.limited.limitResponse.queuing.handSize",
                "Invalid value: 5: should not be greater than queues (4)",
            )
        ],
    ),
    (
        "limited.limitResponse.queuing",
        {"queues": 512, "handSize": 8},
        [
            (
                "spec.limited.limitResponse.queuing.handSize",
                "Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should "
                "not be greater than 60",
            )
        ],
    ),
    (
        "limited.lendablePercent",
        101,
        [
            (
                "spec.limited.lendablePercent",
                "Invalid value: 101: must be between 0 and 100, inclusive",
            )
        ],
    ),
]


@pytest.mark.parametrize(("field", "value", "causes"), LEVEL_CASES)
def test_a_priority_level(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(LEVELS, changed(LEVEL, f"spec.{field}", value)) == causes


def test_the_mandatory_ones_are_what_they_are() -> None:
    for resource, fixed in ((FLOWS, FIXED_FLOWS), (LEVELS, FIXED_LEVELS)):
        for name, spec in fixed.items():
            assert refused(resource, {"metadata": {"name": name}, "spec": spec}) == []
    other = {"metadata": {"name": "catch-all"}, "spec": LEVEL["spec"]}
    [(field, message)] = refused(LEVELS, other)
    assert field == "spec"
    assert message.startswith('Invalid value: {"Type":"Limited","Limited":{"NominalConcurrency')
    assert message.endswith(": spec of 'catch-all' must equal the fixed value")
    lends = {**FIXED_LEVELS["exempt"], "exempt": {"lendablePercent": 50}}
    assert refused(LEVELS, {"metadata": {"name": "exempt"}, "spec": lends}) == []
    flow = changed(FLOW, "metadata.name", "exempt")
    [(field, message)] = refused(FLOWS, flow)
    assert message.endswith(": spec of 'exempt' must equal the fixed value")


def test_conditions_have_one_entry_per_type() -> None:
    old = stored(FLOWS, FLOW)
    new = changed(old, "status", {"conditions": [{"type": "A"}, {"type": "A"}, {}]})
    assert update_refused(FLOWS, old, new, "status") == [
        ("status.conditions[1].type", 'Duplicate value: "A"'),
        ("status.conditions[2].type", "Required value"),
    ]


def test_no_level_says_in_an_annotation_that_it_has_no_shares() -> None:
    name = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
    level = changed(LEVEL, "metadata.annotations", {name: ""})
    assert refused(LEVELS, level) == [
        ("metadata.annotations", f"Forbidden: annotation '{name}' is forbidden")
    ]
