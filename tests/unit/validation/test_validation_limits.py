"""Quotas and limit ranges that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, refused, stored, update_refused, warned

from kapiserver.resources.definition import Object

QUOTA: Object = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "4", "cpu": "2"}}}
NEGATIVE = 'Invalid value: "-1": must be greater than or equal to 0'
SELECTOR = "spec.scopeSelector.matchExpressions"
QUOTAS: Cases = [
    (
        "spec.hard",
        {"pods": "1500m", "memory": "-1", "nonsense": "1", "acme.io/gpu": "1", "count/x.y": "1"},
        [
            ("spec.hard[pods]", 'Invalid value: "1500m": must be an integer'),
            ("spec.hard[memory]", NEGATIVE),
            (
                "spec.hard[nonsense]",
                'Invalid value: "nonsense": must be a standard resource type or fully qualified',
            ),
            (
                "spec.hard[nonsense]",
                'Invalid value: "nonsense": must be a standard resource for quota',
            ),
        ],
    ),
    (
        "spec.scopes",
        ["BestEffort", "NotBestEffort", "Best"],
        [
            (
                "spec.scopes",
                'Invalid value: ["BestEffort","NotBestEffort","Best"]: unsupported scope applied '
                "to resource",
            ),
            (
                "spec.scopes",
                'Invalid value: ["BestEffort","NotBestEffort","Best"]: unsupported scope',
            ),
            (
                "spec.scopes",
                'Invalid value: ["BestEffort","NotBestEffort","Best"]: conflicting scopes',
            ),
        ],
    ),
    (
        "spec.scopeSelector",
        {
            "matchExpressions": [
                {"scopeName": "Terminating", "operator": "In"},
                {"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]},
                {"scopeName": "PriorityClass", "operator": "Like"},
            ]
        },
        [
            (
                f"{SELECTOR}.operator",
                "Invalid value: \"In\": must be 'Exists' when scope is any of "
                "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
                "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
                "ResourceQuotaScopeCrossNamespacePodAffinity",
            ),
            (
                f"{SELECTOR}.values",
                "Required value: must be at least one value when `operator` is 'In' or 'NotIn' "
                "for scope selector",
            ),
            (
                f"{SELECTOR}.values",
                "Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or "
                "'DoesNotExist' for scope selector",
            ),
            (f"{SELECTOR}.operator", 'Invalid value: "Like": not a valid selector operator'),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), QUOTAS)
def test_a_quota(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("resourcequotas", changed(QUOTA, path, value)) == causes


def test_the_scopes_of_a_quota_stay() -> None:
    old = stored("resourcequotas", changed(QUOTA, "spec", {"scopes": ["BestEffort"]}))
    assert update_refused("resourcequotas", old, changed(old, "spec.scopes", None)) == [
        ("spec.scopes", "Invalid value: null: field is immutable")
    ]


def test_the_status_of_a_quota() -> None:
    old = stored("resourcequotas", QUOTA)
    new = changed(old, "status", {"hard": {"x": "1"}, "used": {"pods": "-1"}})
    assert [field for field, _ in update_refused("resourcequotas", old, new, "status")] == [
        "status.hard[x]",
        "status.hard[x]",
        "status.used[pods]",
    ]


def test_a_quota_that_grants_more_than_can_be_used() -> None:
    hard = {"cpu": "3", "limits.cpu": "2", "requests.memory": "1Gi", "limits.memory": "1Gi"}
    assert warned("resourcequotas", changed(QUOTA, "spec.hard", hard)) == [
        "ResourceQuota cpu (3) should be less than limits.cpu (2)"
    ]


def limits(*items: Object) -> Object:
    return {"metadata": {"name": "l"}, "spec": {"limits": list(items)}}


def test_limits_leave_room_for_one_another() -> None:
    container = {
        "type": "Container",
        "max": {"cpu": "1"},
        "min": {"cpu": "2"},
        "default": {"cpu": "3"},
        "defaultRequest": {"cpu": "4"},
        "maxLimitRequestRatio": {"cpu": "500m"},
    }
    path = "spec.limits[0]"
    assert refused("limitranges", limits(container)) == [
        (f"{path}.min[cpu]", 'Invalid value: "2": min value 2 is greater than max value 1'),
        (
            f"{path}.defaultRequest[cpu]",
            'Invalid value: "4": default request value 4 is greater than max value 1',
        ),
        (
            f"{path}.defaultRequest[cpu]",
            'Invalid value: "4": default request value 4 is greater than default limit value 3',
        ),
        (
            f"{path}.default[cpu]",
            'Invalid value: "1": default value 3 is greater than max value 1',
        ),
        (
            f"{path}.maxLimitRequestRatio[cpu]",
            'Invalid value: "500m": ratio 500m is less than 1',
        ),
    ]


def test_types_and_names_of_limits() -> None:
    bad = limits(
        {"type": "Pod", "default": {"cpu": "1"}, "max": {"storage": "1"}},
        {"type": "Pod"},
        {"type": "Node"},
        {"type": "PersistentVolumeClaim"},
    )
    assert refused("limitranges", bad) == [
        (
            "spec.limits[0].max[storage]",
            'Invalid value: "storage": must be a standard resource for containers',
        ),
        ("spec.limits[0].default", "Forbidden: may not be specified when `type` is 'Pod'"),
        ("spec.limits[1].type", 'Duplicate value: "Pod"'),
        (
            "spec.limits[2].type",
            'Invalid value: "Node": must be a standard limit type or fully qualified',
        ),
        (
            "spec.limits[3].limits",
            "Required value: either minimum or maximum storage value is required, but neither "
            "was provided",
        ),
    ]


def test_the_ratio_fits_between_the_limits() -> None:
    ratio = {"type": "Pod", "max": {"cpu": "3"}, "min": {"cpu": "2"}}
    bad = limits({**ratio, "maxLimitRequestRatio": {"cpu": "2"}})
    assert refused("limitranges", bad) == [
        (
            "spec.limits[0].maxLimitRequestRatio[cpu]",
            'Invalid value: "2": ratio 2 is greater than max/min = 1.500000',
        )
    ]
    odd = limits({"type": "Container", "default": {"acme.io/x": "1"}})
    odd["spec"]["limits"][0]["defaultRequest"] = {"acme.io/x": "0"}
    assert refused("limitranges", odd) == [
        (
            "spec.limits[0].defaultRequest[acme.io/x]",
            'Invalid value: "0": default value 1 must equal to defaultRequest value 0 in acme.io/x',
        )
    ]


def test_limits_without_a_name_get_one() -> None:
    made = stored("limitranges", {"spec": {"limits": []}, "metadata": {}})
    assert len(made["metadata"]["name"]) == 36


def test_nothing_is_finer_than_a_thousandth() -> None:
    hard = {"cpu": "1500u", "memory": "100n", "pods": "2", "requests.cpu": "0.25"}
    assert stored("resourcequotas", changed(QUOTA, "spec.hard", hard))["spec"]["hard"] == {
        "cpu": "2m",
        "memory": "1m",
        "pods": "2",
        "requests.cpu": "0.25",
    }
