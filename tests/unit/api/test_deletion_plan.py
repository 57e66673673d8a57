"""What a delete does to an object, decided without a store."""

from __future__ import annotations

from typing import Any

import pytest

from kapiserver.api.deletion import Step, check_preconditions, finalizers_for, finished, plan
from kapiserver.api.options import DeleteOptions
from kapiserver.errors import Conflict
from kapiserver.resources.registry import builtin_registry

PODS = builtin_registry().resource("", "pods")
NAMESPACES = builtin_registry().resource("", "namespaces")
assert PODS is not None
assert NAMESPACES is not None


def stored(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "uid": "u", "resourceVersion": "5", **metadata}}


def test_without_finalizers_and_grace_it_is_removed() -> None:
    assert plan(stored(), DeleteOptions(), None).step is Step.REMOVE


def test_finalizers_keep_it_with_a_deletion_timestamp() -> None:
    planned = plan(stored(finalizers=["a/b"], generation=3), DeleteOptions(), None)
    assert planned.step is Step.STORE
    metadata = planned.obj["metadata"]
    assert metadata["deletionTimestamp"].endswith("Z")
    assert metadata["deletionGracePeriodSeconds"] == 0
    assert metadata["generation"] == 4


def test_grace_is_what_the_client_says_or_what_the_object_says() -> None:
    def grace(_: Any, wanted: int | None) -> int:
        return 30 if wanted is None else wanted

    assert (
        plan(stored(), DeleteOptions(), grace).obj["metadata"]["deletionGracePeriodSeconds"] == 30
    )
    options = DeleteOptions(grace_period_seconds=5)
    planned = plan(stored(), options, grace)
    assert planned.obj["metadata"]["deletionGracePeriodSeconds"] == 5
    now = plan(stored(), DeleteOptions(grace_period_seconds=0), grace)
    assert now.step is Step.REMOVE
    negative = plan(stored(), DeleteOptions(grace_period_seconds=-7), grace)
    assert negative.obj["metadata"]["deletionGracePeriodSeconds"] == 1


@pytest.mark.parametrize("seconds", [10**12, (1 << 63) - 1])
def test_a_grace_period_that_never_ends_can_be_made_shorter(seconds: int) -> None:
    marked = plan(stored(), DeleteOptions(), lambda _, wanted: seconds).obj
    metadata = marked["metadata"]
    assert metadata["deletionTimestamp"].startswith("9999-12-31T23:59:5")
    shorter = DeleteOptions(grace_period_seconds=5)
    planned = plan(marked, shorter, lambda _, wanted: seconds)
    assert planned.step is Step.STORE
    assert metadata["deletionTimestamp"] < "9999"
    assert metadata["deletionGracePeriodSeconds"] == 5


def test_a_grace_period_only_gets_shorter() -> None:
    marked = {"deletionTimestamp": "2030-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}

    def grace(_: Any, wanted: int | None) -> int:
        return 30 if wanted is None else wanted

    for seconds in (None, 30, 60):
        options = DeleteOptions(grace_period_seconds=seconds)
        assert plan(stored(**marked), options, grace).step is Step.PENDING
    shorter = plan(stored(**marked), DeleteOptions(grace_period_seconds=10), grace)
    assert shorter.step is Step.STORE
    assert shorter.obj["metadata"]["deletionTimestamp"] == "2030-01-01T00:00:10Z"
    at_once = plan(stored(**marked), DeleteOptions(grace_period_seconds=0), grace)
    assert at_once.step is Step.REMOVE


@pytest.mark.parametrize(
    ("current", "options", "expected"),
    [
        ([], DeleteOptions(), []),
        (["x/y"], DeleteOptions(), ["x/y"]),
        ([], DeleteOptions(propagation_policy="Orphan"), ["orphan"]),
        ([], DeleteOptions(propagation_policy="Foreground"), ["foregroundDeletion"]),
        (["orphan"], DeleteOptions(propagation_policy="Background"), []),
        (["orphan", "x/y"], DeleteOptions(), ["orphan", "x/y"]),
        ([], DeleteOptions(orphan_dependents=True), ["orphan"]),
        (["foregroundDeletion"], DeleteOptions(orphan_dependents=False), []),
    ],
)
def test_propagation_policies(
    current: list[str], options: DeleteOptions, expected: list[str]
) -> None:
    assert finalizers_for(current, options) == expected


def test_what_a_resource_does_when_nobody_says() -> None:
    background = DeleteOptions(propagation_policy="Background")
    assert finalizers_for([], DeleteOptions(), "Orphan") == ["orphan"]
    assert finalizers_for(["foregroundDeletion"], DeleteOptions(), "Orphan") == [
        "foregroundDeletion"
    ]
    assert finalizers_for([], background, "Orphan") == []


def test_policies_mean_nothing_to_what_is_never_an_owner() -> None:
    assert finalizers_for([], DeleteOptions(propagation_policy="Orphan"), "") == []


def test_a_namespace_is_marked_and_waits_for_its_spec_finalizers() -> None:
    namespace = {**stored(), "spec": {"finalizers": ["kubernetes"]}}
    planned = plan(namespace, DeleteOptions(), None, terminating="Terminating")
    assert planned.step is Step.STORE
    assert planned.obj["status"]["phase"] == "Terminating"
    assert "deletionGracePeriodSeconds" not in planned.obj["metadata"]
    assert plan(planned.obj, DeleteOptions(), None, terminating="Terminating").step is Step.PENDING
    emptied = {**planned.obj, "spec": {"finalizers": []}}
    assert plan(emptied, DeleteOptions(), None, terminating="Terminating").step is Step.REMOVE


def test_the_update_that_frees_an_object_finishes_its_deletion() -> None:
    old = stored(deletionTimestamp="2030-01-01T00:00:00Z", finalizers=["a/b"])
    assert not finished(old, old, "")
    assert finished(stored(), old, "")
    assert not finished(stored(), stored(finalizers=["a/b"]), "")
    graceful = {**old["metadata"], "deletionGracePeriodSeconds": 30}
    assert not finished(stored(), {"metadata": graceful}, "")
    held = {**stored(), "spec": {"finalizers": ["kubernetes"]}}
    assert not finished(held, old, "Terminating")


def test_preconditions() -> None:
    metadata = stored()["metadata"]
    check_preconditions(DeleteOptions(uid="u", resource_version="5"), metadata, PODS)
    for options in (DeleteOptions(uid="x"), DeleteOptions(resource_version="4")):
        with pytest.raises(Conflict):
            check_preconditions(options, metadata, PODS)


def test_a_namespace_of_another_uid_is_told_in_its_own_words() -> None:
    with pytest.raises(Conflict) as refused:
        check_preconditions(DeleteOptions(uid="x"), stored()["metadata"], NAMESPACES)
    assert refused.value.message == (
        'Operation cannot be fulfilled on namespaces "a": '
        "Precondition failed: UID in precondition: x, UID in object meta: u"
    )


@pytest.mark.parametrize(
    ("before", "options", "after"),
    [
        ([], DeleteOptions(), None),
        (["a/b", "orphan"], DeleteOptions(), ["a/b", "orphan"]),
        ([], DeleteOptions(propagation_policy="Background"), None),
        ([], DeleteOptions(propagation_policy="Foreground"), ["foregroundDeletion"]),
        (["orphan"], DeleteOptions(propagation_policy="Foreground"), ["foregroundDeletion"]),
        (["a/b"], DeleteOptions(propagation_policy="Orphan"), ["a/b", "orphan"]),
        (["orphan"], DeleteOptions(orphan_dependents=False), ["foregroundDeletion"]),
        ([], DeleteOptions(orphan_dependents=True), ["orphan"]),
    ],
)
def test_a_namespace_takes_the_policy_when_it_is_marked(
    before: list[str], options: DeleteOptions, after: list[str] | None
) -> None:
    namespace = {**stored(**({"finalizers": before} if before else {})), "spec": {}}
    planned = plan(namespace, options, None, terminating="Terminating")
    assert planned.step is Step.STORE
    assert planned.obj["metadata"].get("finalizers") == after
