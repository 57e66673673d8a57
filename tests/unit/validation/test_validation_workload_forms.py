"""Workloads as kube-apiserver holds them: defaults for what Go has no pointer for, and the form in
which messages show their parts."""

from __future__ import annotations

from validation_cases import (
    CRON_JOB,
    DEPLOYMENT,
    JOB,
    changed,
    refused,
    stored,
    update_refused,
)


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
