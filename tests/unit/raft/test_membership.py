"""Membership: learners, one change at a time, removal, and where members come from at restart."""

from __future__ import annotations

from typing import cast

import pytest
from raft_harness import Cluster, Node, members, must_not_be_refused, put

from raftstore.errors import MembershipError, StoreError, Unknown
from raftstore.raft import MemberChange, Members
from raftstore.raft.configurations import ChangeKind, changed
from raftstore.types import Member


def change(kind: str, name: str, address: str = "") -> MemberChange:
    return MemberChange(cast(ChangeKind, kind), Member(name, address or f"{name}:1"))


class Asked(list[StoreError | None]):
    @property
    def answer(self) -> StoreError | None:
        assert len(self) == 1, self
        return self[0]


def ask(cluster: Cluster, at: Node, kind: str, name: str) -> Asked:
    asked = Asked()
    at.core.propose_member_change(change(kind, name), asked.append)
    cluster.run(0.5)
    return asked


def names(voters: Members, *, learner: bool = False) -> str:
    return "".join(m.node_id for m in voters if m.learner == learner)


def test_a_node_joins_as_a_learner_catches_up_and_is_promoted() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    for i in range(30):
        leader.propose(f"k{i}")
    newcomer = cluster.add("d")
    assert ask(cluster, leader, "add_learner", "d").answer is None
    assert newcomer.core.role == "learner"
    assert cluster.equal()
    assert ask(cluster, leader, "promote", "d").answer is None
    assert newcomer.core.role == "follower"
    for node in cluster.nodes.values():
        assert names(node.core.members) == "abcd"


def test_a_learner_does_not_count_for_a_commit() -> None:
    node = Node("a", members("abc", "d"))
    node.lead("b")
    node.acknowledge("d", 2)
    node.tick()
    assert node.core.commit_index == 1
    node.acknowledge("b", 2)
    node.tick()
    assert node.core.commit_index == 2


def test_a_learner_that_is_behind_is_not_promoted() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    assert ask(cluster, leader, "add_learner", "d").answer is None  # d does not run
    assert isinstance(ask(cluster, leader, "promote", "d").answer, MembershipError)


def test_a_learner_that_does_not_know_it_is_one_is_not_promoted() -> None:
    """Found by the simulator: it would not vote, and the old voters were no majority."""
    cluster = Cluster("a")
    leader = cluster.elect()
    cluster.add("b")
    cluster.lost = lambda _s, _r, m: bool(m["type"] == "snapshot_chunk")
    assert ask(cluster, leader, "add_learner", "b").answer is None
    assert isinstance(ask(cluster, leader, "promote", "b").answer, MembershipError)
    cluster.lost = lambda *_: False
    cluster.run(1.0)
    assert ask(cluster, leader, "promote", "b").answer is None


def test_changes_may_be_asked_of_any_node() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    assert ask(cluster, follower, "add_learner", "d").answer is None
    assert isinstance(ask(cluster, follower, "add_learner", "d").answer, MembershipError)


def test_one_change_at_a_time() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    first, second, third = Asked(), Asked(), Asked()
    node.core.propose_member_change(change("add_learner", "d"), first.append)
    node.core.propose_member_change(change("add_learner", "e"), second.append)
    assert first == []
    assert isinstance(second.answer, MembershipError)
    node.acknowledge("b", 3)
    node.tick()
    assert first.answer is None
    node.core.propose_member_change(change("add_learner", "e"), third.append)
    assert third == []


def test_no_change_before_the_leader_has_committed_in_its_term() -> None:
    node = Node("a")
    node.lead("b")
    asked = Asked()
    node.core.propose_member_change(change("add_learner", "d"), asked.append)
    assert isinstance(asked.answer, MembershipError)


def test_a_new_configuration_counts_from_when_it_is_in_the_log_and_a_cut_takes_it_back() -> None:
    node = Node("b", members("abc"))
    other = Node("a", members("abc"))
    other.lead("b")
    other.acknowledge("b", 2)
    other.tick()
    other.core.propose_member_change(change("add_learner", "d"), Asked().append)
    other.tick()
    wal = other.core.wal
    rows = tuple(tuple(wal.entry(i)) for i in (2, 3))
    node.receive(
        "a",
        "append_entries",
        term=2,
        prev_index=1,
        prev_term=1,
        entries=rows,
        commit_index=2,
        round=0,
    )
    assert names(node.core.members, learner=True) == "d"
    node.entries("c", term=3, prev=(2, 2), rows=[(3, 3)])
    assert names(node.core.members, learner=True) == ""
    assert node.core.members == members("abc")


def test_a_change_that_was_cut_off_blocks_no_later_one() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    for i in range(20):
        node.propose(f"lost-{i}")
    node.core.propose_member_change(change("add_learner", "d"), Asked().append)
    node.entries("c", term=node.core.term + 1, prev=(2, 2), rows=[(3, node.core.term + 1)])
    node.lead("b")
    node.acknowledge("b", node.log[-1][0])
    node.tick()
    asked = Asked()
    node.core.propose_member_change(change("add_learner", "d"), asked.append)
    assert asked == []  # it is in the log
    node.acknowledge("b", node.log[-1][0])
    node.tick()
    assert asked.answer is None


def test_a_change_whose_leader_is_deposed_is_unknown() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    asked = Asked()
    node.core.propose_member_change(change("remove", "c"), asked.append)
    if not asked:
        node.receive("b", "stale_term", term=9)
    assert isinstance(asked.answer, Unknown)


def test_the_leader_is_removed() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    asked = Asked()
    leader.core.propose_member_change(change("remove", leader.node_id), asked.append)
    cluster.run(1.0)
    assert asked.answer is None
    assert leader.core.role == "removed"
    rest = [node for node in cluster.nodes.values() if node is not leader]
    assert cluster.leader in rest
    for node in rest:
        assert leader.node_id not in names(node.core.members)


def test_a_removed_node_learns_it_even_if_it_was_away() -> None:
    cluster = Cluster("abcd")
    leader = cluster.elect()
    away = next(n for n in cluster.nodes.values() if n is not leader)
    cluster.lost = lambda sender, receiver, _: away.node_id in (sender, receiver)
    cluster.run(1.0)
    assert ask(cluster, leader, "remove", away.node_id).answer is None
    assert away.core.role != "removed"
    cluster.lost = lambda *_: False
    cluster.run(2.0)
    assert away.core.role == "removed"
    assert leader.core.role == "leader"


def test_a_removal_that_would_cost_the_quorum_is_refused() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    first, second = (n for n in sorted(cluster.nodes) if n != leader.node_id)
    cluster.stop(first)
    cluster.run(0.7)
    asked = ask(cluster, leader, "remove", second)  # the voter that is left would be silent
    assert isinstance(asked.answer, MembershipError)
    assert ask(cluster, leader, "remove", first).answer is None


def test_at_restart_members_come_from_the_log_and_the_snapshot_not_from_the_caller() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    cluster.add("d")
    assert ask(cluster, leader, "add_learner", "d").answer is None
    expected = leader.core.members
    disks = {name: cluster.stop(name).disk for name in list(cluster.nodes)}
    again = Node("d", members("xyz"), disk=disks["d"])
    assert again.core.members == expected
    again.tick()
    again.core.request_snapshot()
    while again.core.snapshot_step():
        again.sync()
    assert again.core.wal.first_index > 3
    assert Node("d", members("xyz"), disk=disks["d"]).core.members == expected


def test_a_snapshot_holds_the_committed_members_only() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    node.core.propose_member_change(change("add_learner", "d"), Asked().append)
    node.core.request_snapshot()
    while node.core.snapshot_step():
        node.sync()
    meta = node.core.snapshots.latest()
    assert meta is not None
    assert names(meta.members, learner=True) == ""
    assert names(node.core.members, learner=True) == "d"


def test_a_node_that_was_removed_may_come_back_empty() -> None:
    cluster = Cluster("abcd")
    leader = cluster.elect()
    gone = next(name for name in cluster.nodes if name != leader.node_id)
    assert ask(cluster, leader, "remove", gone).answer is None
    cluster.stop(gone)
    back = cluster.add(gone)
    assert ask(cluster, leader, "add_learner", gone).answer is None
    assert ask(cluster, leader, "promote", gone).answer is None
    leader.core.propose(put("k"), b"", must_not_be_refused)
    cluster.run(0.2)
    assert back.core.role == "follower"
    assert cluster.equal()


def test_a_node_that_comes_back_empty_does_not_believe_old_entries() -> None:
    """Found by the simulator: "a" was the only voter once; back with an empty disk it got the
    log, or an old snapshot, from then, and led alone."""
    cluster = Cluster("a")
    first = cluster.elect()
    first.core.request_snapshot()
    cluster.run(0.1)
    cluster.add("b")
    assert ask(cluster, first, "add_learner", "b").answer is None
    assert ask(cluster, first, "promote", "b").answer is None
    asked = Asked()
    first.core.propose_member_change(change("remove", "a"), asked.append)
    cluster.run(1.0)
    assert asked.answer is None
    cluster.stop("a")
    back = cluster.add("a")
    second = cluster.nodes["b"]
    # The leader falls silent for it right after the first snapshot.
    cluster.lost = lambda _s, to, m: bool(to == "a" and back.replaced and "entries" in m)
    assert ask(cluster, second, "add_learner", "a").answer is None
    cluster.run(2.0)
    assert back.replaced
    assert {role for role, _, _ in back.roles} == {"learner"}
    cluster.lost = lambda *_: False
    cluster.run(1.0)
    assert cluster.equal()


def test_a_node_that_nobody_has_listed_does_not_vote() -> None:
    node = Node("d", members(""), connected=False)
    node.core.peer_connected("a")
    end = {"last_log_index": 9, "last_log_term": 2}
    node.receive("a", "pre_vote", term=3, **end)
    node.receive("a", "request_vote", term=3, transfer=True, **end)
    assert node.take() == []
    assert node.core.term == 0


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("add_learner", "a", "already"),
        ("promote", "a", "already"),
        ("promote", "x", "not a member"),
        ("remove", "x", "not a member"),
        ("update", "x", "not a member"),
    ],
)
def test_changes_that_make_no_sense(kind: str, name: str, text: str) -> None:
    with pytest.raises(MembershipError, match=text):
        changed(members("abc", "d"), change(kind, name))


def test_the_last_voter_stays() -> None:
    with pytest.raises(MembershipError, match="last voter"):
        changed(members("a", "b"), change("remove", "a"))


def test_an_update_keeps_the_role() -> None:
    after = changed(members("ab", "c"), change("update", "c", address="elsewhere:2"))
    assert after[2] == Member("c", "elsewhere:2", True)
