"""Workloads as kube-apiserver holds them: defaults for what Go has no pointer for, and the form in
which messages show their parts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from validation_cases import (
    CRON_JOB,
    DEPLOYMENT,
    JOB,
    Object,
    changed,
    context,
    created,
    refused,
    stored,
    strategy,
    update_refused,
)

from kapiserver.errors import BadRequest

_GENERATION = "deprecated.daemonset.template.generation"
_BACK = "deprecated.deployment.rollback.to"


def test_what_go_has_no_pointer_for_is_absent_when_it_is_empty() -> None:
    sets = stored(
        "statefulsets.apps",
        {
            **DEPLOYMENT,
            "spec": {
                **DEPLOYMENT["spec"],
                "podManagementPolicy": "",
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": ""},
            },
        },
    )["spec"]
    assert sets["podManagementPolicy"] == "OrderedReady"
    assert sets["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"
    job = stored("cronjobs.batch", changed(CRON_JOB, "spec.concurrencyPolicy", ""))
    assert job["spec"]["concurrencyPolicy"] == "Allow"


def test_messages_show_strategies_and_policies_as_go_holds_them() -> None:
    odd = {"type": "Odd", "rollingUpdate": {"maxSurge": "10%"}}
    assert refused("deployments.apps", changed(DEPLOYMENT, "spec.strategy", odd)) == [
        (
            "spec.strategy",
            'Unsupported value: {"Type":"Odd","RollingUpdate":{"MaxUnavailable":0,'
            '"MaxSurge":"10%"}}: supported values: "Recreate", "RollingUpdate"',
        )
    ]
    old = stored("jobs.batch", JOB)
    rule = {"action": "Ignore", "onPodConditions": [{"type": "X"}]}
    new = changed(old, "spec.podFailurePolicy", {"rules": [rule]})
    new = changed(new, "spec.podReplacementPolicy", "Failed")
    assert update_refused("jobs.batch", old, new) == [
        (
            "spec.podFailurePolicy",
            'Invalid value: {"Rules":[{"Action":"Ignore","OnExitCodes":null,"OnPodConditions":'
            '[{"Type":"X","Status":"True"}]}]}: field is immutable',
        )
    ]


def _daemons(*texts: str) -> Object:
    annotations = {_GENERATION: texts[0]} if texts else {}
    return {**DEPLOYMENT, "metadata": {"name": "d", "annotations": annotations}}


def _generation_of(daemons: Object) -> str:
    annotations: Object = daemons["metadata"]["annotations"]
    return str(annotations[_GENERATION])


@pytest.mark.parametrize(
    ("given", "kept"),
    [((), "1"), (("0",), "1"), (("-4",), "1"), (("+7",), "7"), (("0" * 5000 + "7",), "7")],
    ids=len,
)
def test_daemon_sets_count_their_templates_in_an_annotation(
    given: tuple[str, ...], kept: str
) -> None:
    assert _generation_of(stored("daemonsets.apps", _daemons(*given))) == kept


@pytest.mark.parametrize(
    ("path", "value", "subresource", "kept"),
    [
        ("spec.template.metadata.labels.b", "c", "", "3"),
        ("spec.minReadySeconds", 5, "", "2"),
        ("spec.template.metadata.labels.b", "c", "status", "2"),
    ],
)
def test_only_a_changed_template_counts(path: str, value: Any, subresource: str, kept: str) -> None:
    old = stored("daemonsets.apps", _daemons("2"))
    new = changed(changed(old, path, value), "metadata.annotations", {"a": "b"})
    hooks, told = strategy("daemonsets.apps"), context(old, subresource)
    assert hooks.defaults is not None
    assert hooks.prepare_for_update is not None
    hooks.defaults(new, told)
    assert _generation_of(new) == "0"
    hooks.prepare_for_update(new, told)
    assert new["metadata"]["annotations"] == {"a": "b", _GENERATION: kept}
    assert _generation_of(old) == "2"


def test_annotations_that_stand_for_numbers_must_be_numbers() -> None:
    refusal = (
        'DaemonSet in version "v1" cannot be handled as a DaemonSet: strconv.ParseInt: parsing '
        '"x": invalid syntax'
    )
    with pytest.raises(BadRequest, match=re.escape(refusal)):
        created("daemonsets.apps", _daemons("x"))
    for number in ("9" * 20, "-" + "9" * 20, "1" * 5000, "0" * 50 + "9" * 20):
        with pytest.raises(BadRequest, match="value out of range"):
            created(
                "deployments.apps", changed(DEPLOYMENT, "metadata.annotations", {_BACK: number})
            )


@pytest.mark.parametrize(
    ("given", "kept", "findings"),
    [
        ("", {}, []),
        ("+3", {"deprecated.deployment.rollback.to": "3"}, []),
        (
            "-3",
            {"deprecated.deployment.rollback.to": "-3"},
            [
                (
                    "spec.rollback.version",
                    "Invalid value: -3: must be greater than or equal to 0",
                )
            ],
        ),
    ],
)
def test_a_rollback_is_asked_for_in_an_annotation(
    given: str, kept: Object, findings: list[tuple[str, str]]
) -> None:
    made, found = created(
        "deployments.apps", changed(DEPLOYMENT, "metadata.annotations", {_BACK: given})
    )
    assert (made["metadata"]["annotations"], found) == (kept, findings)


_ODD = {"matchExpressions": [{"key": "app", "operator": "Odd"}]}
_ODD_SHOWN = 'Invalid value: {"matchExpressions":[{"key":"app","operator":"Odd"}]}'
_ODD_OPERATOR = (
    "spec.selector.matchExpressions[0].operator",
    'Invalid value: "Odd": not a valid selector operator',
)


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ("deployments.apps", [("spec.selector", f"{_ODD_SHOWN}: invalid label selector")]),
        ("replicasets.apps", [("spec.selector", f"{_ODD_SHOWN}: invalid label selector")]),
        (
            "statefulsets.apps",
            [
                ("spec.selector", _ODD_SHOWN),
                (
                    "spec.template.spec.restartPolicy",
                    'Unsupported value: "Never": supported values: "Always"',
                ),
            ],
        ),
        (
            "daemonsets.apps",
            [
                ("spec.template.spec.containers[0].image", "Required value"),
                (
                    "spec.template.spec.restartPolicy",
                    'Unsupported value: "Never": supported values: "Always"',
                ),
            ],
        ),
    ],
)
def test_a_selector_that_is_none_says_nothing_of_the_template(
    resource: str, told: list[tuple[str, str]]
) -> None:
    wrong = changed(DEPLOYMENT, "spec.selector", _ODD)
    wrong = changed(wrong, "spec.template.spec.containers.0.image", None)
    wrong = changed(wrong, "spec.template.spec.restartPolicy", "Never")
    assert refused(resource, wrong) == [_ODD_OPERATOR, *told]


def test_a_job_whose_selector_is_none() -> None:
    wrong = changed(changed(JOB, "spec.selector", _ODD), "spec.manualSelector", True)
    assert refused("jobs.batch", wrong) == [_ODD_OPERATOR]
    assert refused("jobs.batch", changed(wrong, "spec.manualSelector", False)) == [_ODD_OPERATOR]
