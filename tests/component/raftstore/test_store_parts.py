"""The deciding parts of the store, on their own: no clock, no disk, no network."""

from __future__ import annotations

import pytest

import raftstore
from raftstore.machine import Lease
from raftstore.store.compaction import CompactionPlan
from raftstore.store.hashes import MAX_INDEXES, Diverged, HashComparison
from raftstore.store.leases import LeaseClock

VOTERS = ("n1", "n2", "n3")


def test_history_is_kept_for_its_age() -> None:
    plan = CompactionPlan(age=60, revisions=1000)
    assert plan.due(0, 10, 0) is None
    assert plan.due(30, 20, 0) is None
    assert plan.due(59, 30, 0) is None
    assert plan.due(60, 30, 0) == 10  # what was the newest a minute ago can still be read
    assert plan.due(61, 30, 10) is None
    assert plan.due(90, 30, 10) == 20
    assert plan.due(1000, 30, 20) == 30


def test_history_is_bounded_in_number_whatever_its_age() -> None:
    plan = CompactionPlan(age=1e9, revisions=100)
    assert plan.due(0, 100, 0) is None
    assert plan.due(1, 250, 0) == 150


def test_a_lease_lives_its_whole_time_from_when_it_was_seen() -> None:
    clock = LeaseClock()
    leases = {1: Lease(1, 10, 5), 2: Lease(2, 20, 6)}
    assert clock.expired(leases, 100.0) == []
    assert clock.expired(leases, 109.9) == []
    assert clock.expired(leases, 110.0) == [1]
    leases[1] = Lease(1, 10, 9)  # renewed just in time
    assert clock.expired(leases, 110.1) == []
    assert clock.expired(leases, 120.0) == [2]
    clock.forget()  # another leader, and this one again: everything begins anew
    assert clock.expired(leases, 121.0) == []
    del leases[1]
    assert clock.expired(leases, 141.0) == [2]


def test_equal_hashes_of_a_majority_are_agreement() -> None:
    hashes = HashComparison("n1")
    hashes.vote("n1", 7, b"x", VOTERS)
    assert hashes.agreed_index == 0
    hashes.vote("n2", 7, b"x", VOTERS)
    assert hashes.agreed_index == 7


def test_the_odd_one_out_stops_and_the_majority_goes_on() -> None:
    odd, good = HashComparison("n1"), HashComparison("n2")
    odd.vote("n1", 7, b"bad", VOTERS)
    odd.vote("n2", 7, b"x", VOTERS)  # one against one: open
    with pytest.raises(Diverged, match="n1 differs from the majority"):
        odd.vote("n3", 7, b"x", VOTERS)
    good.vote("n2", 7, b"x", VOTERS)
    good.vote("n1", 7, b"bad", VOTERS)
    good.vote("n3", 7, b"x", VOTERS)
    assert good.agreed_index == 7


def test_a_learner_is_judged_and_has_no_vote() -> None:
    learner, voter = HashComparison("n4"), HashComparison("n1")
    learner.vote("n4", 7, b"bad", VOTERS)
    learner.vote("n1", 7, b"x", VOTERS)
    with pytest.raises(Diverged):
        learner.vote("n2", 7, b"x", VOTERS)
    for node in ("n1", "n2", "n4"):
        voter.vote(node, 7, b"bad" if node == "n4" else b"x", VOTERS)


def test_without_a_possible_majority_everybody_stops() -> None:
    hashes = HashComparison("n1")
    hashes.vote("n1", 7, b"a", ("n1", "n2"))
    with pytest.raises(Diverged, match="No state has a majority"):
        hashes.vote("n2", 7, b"b", ("n1", "n2"))


def test_votes_wait_for_this_node_and_are_bounded() -> None:
    hashes = HashComparison("n1")
    for index in range(1000):
        hashes.vote("n2", index, b"x", VOTERS)
    assert len(hashes.waiting) == MAX_INDEXES
    hashes.jumped(999)
    assert hashes.waiting == {999}
    hashes.vote("n1", 999, b"x", VOTERS)
    assert (hashes.agreed_index, hashes.waiting) == (999, set())


def test_the_public_names_are_there() -> None:
    assert [name for name in raftstore.__all__ if not hasattr(raftstore, name)] == []
    assert {"Store", "StoreConfig", "open_store", "StoreError"} <= set(raftstore.__all__)
