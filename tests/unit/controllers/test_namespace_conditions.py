"""What a namespace says of its end."""

from __future__ import annotations

from kapiserver.controllers.namespace_conditions import Remains, merged
from kapiserver.resources.definition import Object


def told(remains: Remains) -> dict[str, tuple[str, str, str]]:
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in remains.conditions()}


def test_nothing_left_is_told_in_every_condition() -> None:
    remains = Remains()
    assert not remains
    found = told(remains)
    assert {status for status, _, _ in found.values()} == {"False"}
    assert found["NamespaceContentRemaining"][1:] == (
        "ContentRemoved",
        "All content successfully removed",
    )
    assert found["NamespaceFinalizersRemaining"][1:] == (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    )


def test_what_is_left_is_counted_and_sorted() -> None:
    remains = Remains()
    remains.resources.update({"secrets.": 2, "deployments.apps": 1})
    remains.finalizers.update({"b/c": 3, "a/b": 1})
    assert remains
    found = told(remains)
    assert found["NamespaceContentRemaining"][2] == (
        "Some resources are remaining: deployments.apps has 1 resource instances, secrets. has 2 "
        "resource instances"
    )
    assert found["NamespaceFinalizersRemaining"][2] == (
        "Some content in the namespace has finalizers remaining: a/b in 1 resource instances, b/c "
        "in 3 resource instances"
    )
    assert found["NamespaceDeletionContentFailure"][0] == "False"


def test_failures_keep_a_namespace_even_if_nothing_is_counted() -> None:
    remains = Remains(failures=["two", "one"])
    assert remains
    assert told(remains)["NamespaceDeletionContentFailure"] == (
        "True",
        "ContentDeletionFailed",
        "Failed to delete all resource types, 2 remaining: one, two",
    )


def test_a_condition_keeps_its_time_while_it_says_the_same() -> None:
    old: list[Object] = [
        {"type": "Other", "status": "True"},
        {"type": "A", "status": "True", "lastTransitionTime": "then", "message": "before"},
        {"type": "B", "status": "True", "lastTransitionTime": "then"},
    ]
    new: list[Object] = [
        {"type": "A", "status": "True", "lastTransitionTime": "now", "message": "after"},
        {"type": "B", "status": "False", "lastTransitionTime": "now"},
    ]
    found = {condition["type"]: condition for condition in merged(old, new)}
    assert list(found) == ["Other", "A", "B"]
    assert (found["A"]["lastTransitionTime"], found["A"]["message"]) == ("then", "after")
    assert found["B"]["lastTransitionTime"] == "now"
