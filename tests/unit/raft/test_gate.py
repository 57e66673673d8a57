"""Nothing that reveals unsynced state leaves the node, and nothing counts before it is on disk."""

from __future__ import annotations

from raft_harness import Cluster, Node, members


def test_an_acknowledgement_waits_for_the_sync() -> None:
    node = Node("b", auto_sync=False)
    node.sync()
    node.entries("a", term=2, prev=(1, 1), rows=[(2, 2)])
    assert node.take() == []
    batch = node.core.wal.take()
    assert batch is not None
    node.entries("a", term=2, prev=(2, 2), rows=[(3, 2)])  # arrives during the sync
    node.core.wal.write(batch)
    node.core.wal.done(batch)
    node.core.wal_synced()
    assert [m["index"] for _, m in node.take("append_reply")] == [2]
    node.sync()
    assert [m["index"] for _, m in node.take("append_reply")] == [3]


def test_a_vote_waits_for_the_sync() -> None:
    node = Node("b", auto_sync=False)
    node.sync()
    node.receive("a", "request_vote", term=2, transfer=False, last_log_index=1, last_log_term=1)
    assert node.take() == []
    node.sync()
    assert [m["type"] for _, m in node.take()] == ["response_vote"]


def test_a_request_for_votes_waits_for_the_sync() -> None:
    node = Node("a", auto_sync=False)
    node.sync()
    node.now += 1
    node.core.tick()
    node.receive("b", "pre_vote_reply", term=2)
    node.take()
    node.core.tick()
    assert node.core.term == 2
    assert node.take() == []
    node.sync()
    assert {m["type"] for _, m in node.take()} == {"request_vote"}


def test_entries_leave_before_the_leaders_own_sync_and_count_after_it() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    node.auto_sync = False
    node.take()
    node.propose("k")
    assert node.take("append_entries")  # followers write while the leader writes
    node.acknowledge("b", 3)
    node.acknowledge("c", 3)
    node.tick()
    assert node.core.commit_index == 2
    node.sync()
    node.tick()
    assert node.core.commit_index == 3


def test_a_single_voter_commits_after_its_sync() -> None:
    node = Node("a", members("a"), auto_sync=False)
    node.sync()
    node.now += 1
    node.core.tick()
    assert node.core.role == "leader"
    node.propose("k")
    node.core.tick()
    assert node.core.commit_index == 1
    node.sync()
    node.core.tick()
    assert node.keys() == ["k"]


def test_a_single_voters_learner_gets_nothing_of_a_term_that_may_be_forgotten() -> None:
    node = Node("a", members("a", "b"), auto_sync=False)
    node.sync()
    node.now += 1
    node.core.tick()
    node.core.tick()
    assert node.core.role == "leader"
    assert node.take() == []
    node.sync()
    assert node.take("append_entries")


def test_a_read_round_does_not_wait_for_the_followers_disk() -> None:
    node = Node("b", auto_sync=False)
    node.entries("a", term=2, prev=(1, 1))
    node.sync()  # the term itself is on disk
    node.take()
    node.entries("a", term=2, prev=(1, 1), rows=[(2, 2)], round=7)
    assert [(m["type"], m["round"]) for _, m in node.take()] == [("round_reply", 7)]


def test_acknowledged_writes_survive_a_power_loss_everywhere() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    for i in range(50):
        leader.propose(f"k{i:02}")
    cluster.run(0.2)
    assert cluster.equal()
    disks = {name: cluster.stop(name).disk for name in list(cluster.nodes)}
    for name, disk in disks.items():
        disk.crash()
        cluster.add(name, cluster.founders, disk)
    cluster.elect()
    assert cluster.equal()
    assert [f"k{i:02}" for i in range(50)] == cluster.leader.keys()
