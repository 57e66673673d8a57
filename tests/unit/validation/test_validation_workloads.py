"""Workloads that make no sense, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    AUTOSCALER,
    CRON_JOB,
    DEPLOYMENT,
    JOB,
    Cases,
    changed,
    refused,
    stored,
    update_refused,
    warned,
)

NO_MATCH = "`selector` does not match template `labels`"
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
    "'93%', regex used for validation is '[0-9]+%')"
)

DEPLOYMENTS: Cases = [
    (
        "spec.replicas",
        -1,
        [("spec.replicas", "Invalid value: -1: must be greater than or equal to 0")],
    ),
    (
        "spec.selector.matchLabels.app",
        "db",
        [("spec.template.metadata.labels", f'Invalid value: {{"app":"web"}}: {NO_MATCH}')],
    ),
    (
        "spec.selector",
        None,
        [
            ("spec.selector", "Required value"),
            ("spec.template.metadata.labels", f'Invalid value: {{"app":"web"}}: {NO_MATCH}'),
        ],
    ),
    (
        "spec.selector",
        {},
        [("spec.selector", "Invalid value: {}: empty selector is invalid for deployment")],
    ),
    (
        "spec.template",
        None,
        [
            ("spec.template.metadata.labels", f"Invalid value: null: {NO_MATCH}"),
            ("spec.template.spec.containers", "Required value"),
        ],
    ),
    (
        "spec.template.spec.restartPolicy",
        "Never",
        [
            (
                "spec.template.spec.restartPolicy",
                'Unsupported value: "Never": supported values: "Always"',
            )
        ],
    ),
    (
        "spec.strategy",
        {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}},
        [
            (
                "spec.strategy.rollingUpdate",
                "Forbidden: may not be specified when strategy `type` is 'Recreate'",
            )
        ],
    ),
    (
        "spec.strategy",
        {"type": "Cold"},
        [
            (
                "spec.strategy",
                'Unsupported value: {"Type":"Cold","RollingUpdate":null}: supported values: '
                '"Recreate", "RollingUpdate"',
            )
        ],
    ),
    (
        "spec.strategy.rollingUpdate",
        {"maxUnavailable": 0, "maxSurge": "0%"},
        [
            (
                "spec.strategy.rollingUpdate.maxUnavailable",
                "Invalid value: 0: may not be 0 when `maxSurge` is 0",
            )
        ],
    ),
    (
        "spec.strategy.rollingUpdate",
        {"maxUnavailable": "120%", "maxSurge": "some"},
        [
            ("spec.strategy.rollingUpdate.maxSurge", f'Invalid value: "some": {PERCENT}'),
            (
                "spec.strategy.rollingUpdate.maxUnavailable",
                'Invalid value: "120%": must not be greater than 100%',
            ),
        ],
    ),
    ("spec.strategy.rollingUpdate", {"maxSurge": "9" * 5000 + "%"}, []),
    (
        "spec.minReadySeconds",
        600,
        [
            (
                "spec.progressDeadlineSeconds",
                "Invalid value: 600: must be greater than minReadySeconds",
            )
        ],
    ),
    (
        "spec.selector.matchExpressions",
        [{"key": "app", "operator": "In"}],
        [
            (
                "spec.selector.matchExpressions[0].values",
                "Required value: must be specified when `operator` is 'In' or 'NotIn'",
            ),
            (
                "spec.selector",
                'Invalid value: {"matchLabels":{"app":"web"},"matchExpressions":[{"key":"app",'
                '"operator":"In"}]}: invalid label selector',
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), DEPLOYMENTS)
def test_a_deployment(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("deployments.apps", changed(DEPLOYMENT, path, value)) == causes


def test_a_selector_that_must_stay_is_shown_in_order() -> None:
    old = stored("deployments.apps", DEPLOYMENT)
    labels = {"web": "1", "app": "web"}
    moved = changed(old, "spec.selector.matchLabels", labels)
    moved = changed(moved, "spec.template.metadata.labels", labels)
    assert update_refused("deployments.apps", old, moved) == [
        (
            "spec.selector",
            'Invalid value: {"matchLabels":{"app":"web","web":"1"}}: field is immutable',
        )
    ]


def test_daemon_sets_surge_or_make_do_with_less_but_not_both() -> None:
    both = {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}
    assert refused("daemonsets.apps", changed(DEPLOYMENT, "spec.updateStrategy", both)) == [
        (
            "spec.updateStrategy.rollingUpdate.maxSurge",
            "Invalid value: 1: may not be set when maxUnavailable is non-zero",
        )
    ]


def test_stateful_sets() -> None:
    assert refused(
        "statefulsets.apps", changed(DEPLOYMENT, "spec.podManagementPolicy", "Fast")
    ) == [
        (
            "spec.podManagementPolicy",
            "Invalid value: \"Fast\": must be 'OrderedReady' or 'Parallel'",
        )
    ]
    old = stored("statefulsets.apps", DEPLOYMENT)
    assert update_refused("statefulsets.apps", old, changed(old, "spec.serviceName", "x")) == [
        (
            "spec",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
            "'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )
    ]
    assert update_refused("statefulsets.apps", old, changed(old, "spec.minReadySeconds", 3)) == []


def test_a_status_counts_no_more_than_there_is() -> None:
    old = stored("deployments.apps", DEPLOYMENT)
    new = changed(old, "status", {"replicas": 1, "readyReplicas": 2, "availableReplicas": 0})
    assert update_refused("deployments.apps", old, new, "status") == [
        ("status.readyReplicas", "Invalid value: 2: cannot be greater than status.replicas")
    ]


S = "spec"
JOBS: Cases = [
    (
        "spec.template.spec.restartPolicy",
        None,
        [
            (
                "spec.template.spec.restartPolicy",
                'Required value: valid values: "OnFailure", "Never"',
            )
        ],
    ),
    (
        "spec.completionMode",
        "Ordered",
        [
            (
                "spec.completionMode",
                'Unsupported value: "Ordered": supported values: "NonIndexed", "Indexed"',
            )
        ],
    ),
    (
        "spec.backoffLimitPerIndex",
        1,
        [("spec.backoffLimitPerIndex", "Invalid value: 1: requires indexed completion mode")],
    ),
    (
        "spec.backoffLimit",
        -1,
        [("spec.backoffLimit", "Invalid value: -1: must be greater than or equal to 0")],
    ),
    (
        "spec.managedBy",
        "me",
        [
            (
                "spec.managedBy",
                'Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
            )
        ],
    ),
    (
        "spec.podFailurePolicy",
        {
            "rules": [
                {"action": "Cry", "onExitCodes": {"operator": "In", "values": [2, 0, 2]}},
                {"action": "Ignore"},
            ]
        },
        [
            (
                "spec.podFailurePolicy.rules[0].action",
                'Unsupported value: "Cry": supported values: "Count", "FailIndex", "FailJob", '
                '"Ignore"',
            ),
            (
                "spec.podFailurePolicy.rules[0].onExitCodes.values[1]",
                "Invalid value: 0: must not be 0 for the In operator",
            ),
            ("spec.podFailurePolicy.rules[0].onExitCodes.values[2]", "Duplicate value: 2"),
            (
                "spec.podFailurePolicy.rules[0].onExitCodes.values",
                "Invalid value: [2,0,2]: must be ordered",
            ),
            (
                "spec.podFailurePolicy.rules[1]",
                "Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), JOBS)
def test_a_job(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("jobs.batch", changed(JOB, path, value)) == causes


def test_success_is_counted_over_indexes_that_exist() -> None:
    indexed = changed(changed(JOB, "spec.completionMode", "Indexed"), "spec.completions", 3)
    rules = [{"succeededIndexes": "0,2-3"}, {"succeededIndexes": "0-1", "succeededCount": 3}, {}]
    path = "spec.successPolicy.rules"
    assert refused("jobs.batch", changed(indexed, "spec.successPolicy", {"rules": rules})) == [
        (
            f"{path}[0].succeededIndexes",
            'Invalid value: "0,2-3": error parsing succeededIndexes: too large index: "3"',
        ),
        (
            f"{path}[1].succeededCount",
            "Invalid value: 3: must be less than or equal to 2 (the number of indexes in the "
            "specified succeededIndexes field)",
        ),
        (
            f"{path}[2]",
            "Required value: at least one of succeededCount or succeededIndexes must be specified",
        ),
    ]


def test_what_stays_of_a_job() -> None:
    old = stored("jobs.batch", JOB)
    assert update_refused("jobs.batch", old, changed(old, "spec.completions", 2)) == [
        ("spec.completions", "Invalid value: 2: field is immutable")
    ]
    ((field, message),) = update_refused(
        "jobs.batch", old, changed(old, "spec.template.spec.nodeSelector", {"a": "b"})
    )
    assert field == "spec.template"
    assert message.endswith(": field is immutable")
    suspended = stored("jobs.batch", changed(JOB, "spec.suspend", True))
    moved = changed(suspended, "spec.template.spec.nodeSelector", {"a": "b"})
    assert update_refused("jobs.batch", suspended, moved) == []
    renamed = changed(suspended, "spec.template.spec.containers.0.image", "x")
    assert update_refused("jobs.batch", suspended, renamed)[0][0] == "spec.template.spec"


@pytest.mark.parametrize(
    "schedule",
    [
        "*/5 * * * *",
        "0 0 1 JAN,feb mon-FRI",
        "@daily",
        "@every 1h30m",
        "0-30/10 1,2 ? * 0",
        "5/15 * * * *",
    ],
)
def test_schedules(schedule: str) -> None:
    assert refused("cronjobs.batch", changed(CRON_JOB, "spec.schedule", schedule)) == []


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        (
            "x * * * *",
            'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
        ),
        ("@noon", "unrecognized descriptor: @noon"),
        (
            "@every soon",
            'failed to parse duration @every soon: time: invalid duration "soon"',
        ),
    ],
)
def test_schedules_that_are_none(schedule: str, problem: str) -> None:
    assert refused("cronjobs.batch", changed(CRON_JOB, "spec.schedule", schedule)) == [
        ("spec.schedule", f'Invalid value: "{schedule}": {problem}')
    ]


CRON_JOBS: Cases = [
    ("spec.schedule", None, [("spec.schedule", "Required value")]),
    (
        "spec.jobTemplate",
        None,
        [
            ("spec.jobTemplate.spec.template.spec.containers", "Required value"),
            (
                "spec.jobTemplate.spec.template.spec.restartPolicy",
                'Required value: valid values: "OnFailure", "Never"',
            ),
        ],
    ),
    (
        "spec.schedule",
        "TZ=UTC 0 * * * *",
        [
            (
                "spec.schedule",
                'Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use '
                "timeZone field instead",
            )
        ],
    ),
    ("spec.timeZone", "Europe/Berlin", []),
    (
        "spec.timeZone",
        "Mars/Base",
        [("spec.timeZone", 'Invalid value: "Mars/Base": unknown time zone Mars/Base')],
    ),
    (
        "spec.concurrencyPolicy",
        "Both",
        [
            (
                "spec.concurrencyPolicy",
                'Unsupported value: "Both": supported values: "Allow", "Forbid", "Replace"',
            )
        ],
    ),
    (
        "metadata.name",
        "a" * 53,
        [("metadata.name", f'Invalid value: "{"a" * 53}": must be no more than 52 characters')],
    ),
    (
        "spec.jobTemplate.spec.template.spec.restartPolicy",
        "Always",
        [
            (
                "spec.jobTemplate.spec.template.spec.restartPolicy",
                'Required value: valid values: "OnFailure", "Never"',
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), CRON_JOBS)
def test_a_cron_job(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("cronjobs.batch", changed(CRON_JOB, path, value)) == causes


AUTOSCALERS: Cases = [
    (
        "spec.minReplicas",
        -1,
        [("spec.minReplicas", "Invalid value: -1: must be greater than or equal to 0")],
    ),
    (
        "spec.minReplicas",
        0,
        [
            (
                "spec.metrics",
                "Forbidden: must specify at least one Object or External metric to support "
                "scaling to zero replicas",
            )
        ],
    ),
    (
        "spec.maxReplicas",
        0,
        [
            ("spec.maxReplicas", "Invalid value: 0: must be greater than 0"),
            (
                "spec.maxReplicas",
                "Invalid value: 0: must be greater than or equal to `minReplicas`",
            ),
        ],
    ),
    ("spec.scaleTargetRef.name", None, [("spec.scaleTargetRef.name", "Required value")]),
    (
        "spec.metrics",
        [{"type": "Pods", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}],
        [
            (
                "spec.metrics[0].resource.target.averageUtilization",
                "Required value: must set either a target raw value or a target utilization",
            ),
            (
                "spec.metrics[0].pods",
                "Required value: must populate information for the given metric source",
            ),
        ],
    ),
    (
        "spec.behavior",
        {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}},
        [
            (
                "spec.behavior.scaleDown.policies[0].periodSeconds",
                "Invalid value: 1801: must be less than or equal to 1800",
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), AUTOSCALERS)
def test_an_autoscaler(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    found = refused("horizontalpodautoscalers.autoscaling", changed(AUTOSCALER, path, value))
    assert found == causes


def test_a_budget_says_one_thing() -> None:
    both = {"spec": {"minAvailable": 1, "maxUnavailable": "200%"}}
    assert refused("poddisruptionbudgets.policy", both) == [
        (
            "spec",
            'Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":"200%",'
            '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both '
            "set",
        ),
        ("spec.maxUnavailable", 'Invalid value: "200%": must not be greater than 100%'),
    ]


def test_warnings_name_the_template() -> None:
    template = {"name": "c2", "image": "i", "ports": [{"containerPort": 80}, {"containerPort": 80}]}
    noisy = changed(DEPLOYMENT, "spec.template.spec.containers", [template])
    assert warned("deployments.apps", noisy) == [
        "spec.template.spec.containers[0].ports[1]: duplicate port definition with "
        "spec.template.spec.containers[0].ports[0]"
    ]
    (dotted,) = warned("deployments.apps", changed(DEPLOYMENT, "metadata.name", "a.b"))
    assert dotted.startswith("metadata.name: this is used in Pod names and hostnames")
