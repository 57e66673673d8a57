"""What a job's controller may write into its status."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import JOB, Cases, changed, stored, update_refused

from kapiserver.resources.definition import Object

_START, _END = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def _true(*kinds: str) -> list[Object]:
    return [{"type": kind, "status": "True"} for kind in kinds]


_COMPLETE = {
    "startTime": _START,
    "completionTime": _END,
    "conditions": _true("SuccessCriteriaMet", "Complete"),
    "succeeded": 1,
}
_INDEXED = changed(changed(JOB, "spec.completionMode", "Indexed"), "spec.completions", 5)

CASES: Cases = [
    ("", _COMPLETE, []),
    ("active", -1, [("status.active", "Invalid value: -1: must be greater than or equal to 0")]),
    (
        "",
        {**_COMPLETE, "conditions": _true("Complete")},
        [
            (
                "status.conditions",
                "Invalid value: cannot set Complete=True condition without the "
                "SuccessCriteriaMet=true condition",
            )
        ],
    ),
    (
        "",
        {"startTime": _START, "conditions": _true("Failed")},
        [
            (
                "status.conditions",
                "Invalid value: cannot set Failed=True condition without the "
                "FailureTarget=true condition",
            )
        ],
    ),
    (
        "",
        {"conditions": _true("SuccessCriteriaMet", "Complete"), "active": 1, "terminating": 2},
        [
            (
                "status.completionTime",
                "Required value: completionTime is required for Complete jobs",
            ),
            ("status.active", "Invalid value: 1: active>0 is invalid for finished job"),
            ("status.startTime", "Required value: startTime is required for finished job"),
            ("status.terminating", "Invalid value: 2: terminating>0 is invalid for finished job"),
        ],
    ),
    (
        "completionTime",
        _END,
        [
            (
                "status.completionTime",
                f'Invalid value: "{_END}": cannot set completionTime when there is no '
                "Complete=True condition",
            )
        ],
    ),
    (
        "completedIndexes",
        "0",
        [
            (
                "status.completedIndexes",
                'Invalid value: "0": cannot set non-empty completedIndexes when non-indexed '
                "completion mode",
            )
        ],
    ),
    (
        "failedIndexes",
        "0",
        [
            (
                "status.failedIndexes",
                'Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex '
                "is null",
            )
        ],
    ),
    ("ready", 1, [("status.ready", "Invalid value: 1: cannot set more ready pods than active")]),
    (
        "uncountedTerminatedPods",
        {"succeeded": ["a", ""], "failed": ["a"]},
        [
            (
                "status.uncountedTerminatedPods.succeeded[1]",
                'Invalid value: "": must not be empty',
            ),
            ("status.uncountedTerminatedPods.failed[0]", 'Duplicate value: "a"'),
        ],
    ),
]


def _status(job: Object, field: str, value: Any) -> Object:
    return changed(job, f"status.{field}" if field else "status", value)


@pytest.mark.parametrize(("field", "value", "findings"), CASES)
def test_statuses(field: str, value: Any, findings: list[tuple[str, str]]) -> None:
    old = stored("jobs.batch", JOB)
    assert update_refused("jobs.batch", old, _status(old, field, value), "status") == findings


def test_indexes_are_in_order_and_not_in_both_lists() -> None:
    per_index = changed(_INDEXED, "spec.backoffLimitPerIndex", 1)
    old = stored("jobs.batch", per_index)
    new = changed(old, "status", {"completedIndexes": "0-2,4", "failedIndexes": "3-4"})
    assert update_refused("jobs.batch", old, new, "status") == [
        (
            "status.failedIndexes",
            'Invalid value: "3-4": failedIndexes and completedIndexes overlap at index: 4',
        )
    ]
    new = changed(old, "status", {"completedIndexes": "2,1"})
    assert update_refused("jobs.batch", old, new, "status") == [
        (
            "status.completedIndexes",
            'Invalid value: "2,1": error parsing completedIndexes: non-increasing order, '
            "previous: 2, current: 1",
        )
    ]


def test_what_a_status_says_it_does_not_take_back() -> None:
    old = {**stored("jobs.batch", JOB), "status": {**_COMPLETE, "failed": 2}}
    new = changed(old, "status", {"startTime": _END, "succeeded": 0})
    assert update_refused("jobs.batch", old, new, "status") == [
        (
            "status.conditions",
            "Invalid value: cannot disable the terminal Complete=True condition",
        ),
        ("status.failed", "Invalid value: 0: cannot decrease the failed counter"),
        ("status.succeeded", "Invalid value: 0: cannot decrease the succeeded counter"),
        (
            "status.startTime",
            f'Invalid value: "{_END}": field is immutable for unsuspended job once set',
        ),
        (
            "status.conditions",
            "Invalid value: cannot disable the SuccessCriteriaMet=True condition",
        ),
    ]


def test_a_fault_from_before_a_rule_may_stay() -> None:
    old = {**stored("jobs.batch", JOB), "status": {"conditions": _true("Complete"), "active": 1}}
    assert update_refused("jobs.batch", old, _status(old, "terminating", 0), "status") == []


def test_patterns_of_conditions_are_about_true_ones() -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    job = stored("jobs.batch", changed(JOB, "spec.podFailurePolicy", {"rules": [rule]}))
    (made,) = job["spec"]["podFailurePolicy"]["rules"]
    assert made["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
