"""The graph of owners and dependents: what has to be looked at after which news."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.controllers.garbage_collector.graph import REMEMBERED, Graph, ObjectKey, node_of

Metadata = dict[str, Any]


def key(name: str, place: str = "configmaps") -> ObjectKey:
    return ObjectKey(place, "default", name)


def metadata(
    uid: str, *owners: str, blocks: bool = False, finalizers: tuple[str, ...] = ()
) -> Metadata:
    """With finalizers it is being deleted."""
    found: Metadata = {"uid": uid, "name": uid}
    if owners:
        found["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner,
                "uid": owner,
                "blockOwnerDeletion": blocks,
            }
            for owner in owners
        ]
    if finalizers:
        found["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        found["finalizers"] = list(finalizers)
    return found


FOREGROUND = ("foregroundDeletion",)


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_what_has_no_owner_is_not_held(graph: Graph) -> None:
    assert list(graph.observe(key("a"), metadata("a"))) == []
    assert len(graph) == 0


def test_a_new_dependent_is_looked_at_once(graph: Graph) -> None:
    assert list(graph.observe(key("a"), metadata("a", "owner"))) == [key("a")]
    assert list(graph.observe(key("a"), metadata("a", "owner"))) == []


def test_dependents_are_looked_at_when_their_owner_goes(graph: Graph) -> None:
    graph.observe(key("a"), metadata("a", "owner"))
    graph.observe(key("b"), metadata("b", "owner"))
    assert graph.went_from("owner") is None
    assert set(graph.gone(key("owner"), "owner")) == {key("a"), key("b")}
    assert graph.went_from("owner") == key("owner")


def test_an_owner_that_begins_to_wait_brings_its_dependents(graph: Graph) -> None:
    graph.observe(key("a"), metadata("a", "owner"))
    work = graph.observe(key("owner"), metadata("owner", finalizers=FOREGROUND))
    assert set(work) == {key("owner"), key("a")}


def test_a_waiting_owner_is_looked_at_when_a_dependent_goes(graph: Graph) -> None:
    graph.observe(key("owner"), metadata("owner", finalizers=FOREGROUND))
    graph.observe(key("a"), metadata("a", "owner", blocks=True))
    assert graph.is_blocked("owner")
    assert list(graph.gone(key("a"), "a")) == [key("owner")]
    assert not graph.is_blocked("owner")


def test_a_waiting_owner_is_looked_at_when_a_dependent_lets_go(graph: Graph) -> None:
    graph.observe(key("owner"), metadata("owner", finalizers=FOREGROUND))
    graph.observe(key("a"), metadata("a", "owner", blocks=True))
    assert key("owner") in graph.observe(key("a"), metadata("a", "owner", blocks=False))
    assert not graph.is_blocked("owner")
    assert list(graph.observe(key("a"), metadata("a"))) == [key("owner")]
    assert not graph.has_dependents("owner")


def test_another_object_of_that_name_is_another_object(graph: Graph) -> None:
    graph.observe(key("a"), metadata("old", "owner"))
    graph.observe(key("b"), metadata("b", "old"))
    assert set(graph.observe(key("a"), metadata("new"))) == {key("b")}
    assert graph.went_from("old") == key("a")
    assert graph.dependents("owner") == []


def test_a_late_deletion_does_not_take_the_successor(graph: Graph) -> None:
    graph.observe(key("a"), metadata("new", "owner"))
    assert list(graph.gone(key("a"), "old")) == []
    assert graph.dependents("owner") == [key("a")]


def test_a_resource_can_be_forgotten(graph: Graph) -> None:
    graph.observe(key("a"), metadata("a", "owner"))
    graph.observe(key("a", "secrets"), metadata("s", "owner"))
    graph.forget("configmaps")
    assert graph.dependents("owner") == [key("a", "secrets")]


def test_what_is_remembered_of_the_dead_is_bounded(graph: Graph) -> None:
    for number in range(REMEMBERED + 10):
        graph.observe(key("a"), metadata("a", f"owner-{number}"))
        graph.gone(key("x"), f"owner-{number}")
    assert graph.went_from("owner-0") is None
    assert graph.went_from(f"owner-{REMEMBERED + 9}") == key("x")


def test_a_circle_is_seen(graph: Graph) -> None:
    graph.observe(key("a"), metadata("a", "b", blocks=True, finalizers=FOREGROUND))
    graph.observe(key("b"), metadata("b", "a", blocks=True))
    assert graph.is_in_circle("b")
    assert not graph.is_in_circle("a")


NAMES = ("a", "b", "c", "d")
NEWS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(("there", "deleting", "gone")),
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
    st.booleans(),
)


@given(st.lists(NEWS, max_size=30))
def test_whatever_comes_the_indexes_say_what_the_objects_say(
    news: list[tuple[str, str, list[str], bool]],
) -> None:
    graph = Graph()
    objects: dict[str, Metadata] = {}
    for name, what, owners, blocks in news:
        if what == "gone":
            objects.pop(name, None)
            graph.gone(key(name), name)
        else:
            finalizers = FOREGROUND if what == "deleting" else ()
            objects[name] = metadata(name, *owners, blocks=blocks, finalizers=finalizers)
            graph.observe(key(name), objects[name])
    assert set(graph.held()) == {key(n) for n, m in objects.items() if node_of(m) is not None}
    for owner in NAMES:
        found = {
            name: reference
            for name, obj in objects.items()
            for reference in obj.get("ownerReferences", ())
            if reference["uid"] == owner
        }
        assert set(graph.dependents(owner)) == {key(name) for name in found}
        assert graph.has_dependents(owner) == bool(found)
        assert graph.is_blocked(owner) == any(r["blockOwnerDeletion"] for r in found.values())
        assert graph.is_in_circle(owner) == any(
            "deletionTimestamp" in objects[name] for name in found
        )
