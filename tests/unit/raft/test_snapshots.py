"""Snapshots: made in steps, sent in checksummed pieces over a bad network, installed when whole."""

from __future__ import annotations

import random

from raft_harness import Cluster, Node, members

from raftstore.raft import Message, RaftConfig

SMALL = RaftConfig(snapshot_entries=30, snapshot_chunk=200, transfer_chunk=150, transfer_window=3)


def _cluster_with_one_behind() -> tuple[Cluster, Node, Node]:
    cluster = Cluster(config=SMALL)
    leader = cluster.elect()
    behind = next(n for n in cluster.nodes.values() if n is not leader)
    cluster.lost = lambda sender, receiver, _: behind.node_id in (sender, receiver)
    for i in range(100):
        leader.propose(f"k{i:03}")
        cluster.run(0.02)
    assert leader.core.wal.first_index > behind.core.wal.last_index + 1
    return cluster, leader, behind


def test_a_follower_that_is_far_behind_gets_a_snapshot() -> None:
    cluster, leader, behind = _cluster_with_one_behind()
    cluster.lost = lambda *_: False
    cluster.run(2.0)
    assert behind.replaced
    assert cluster.equal()
    assert leader.core.status()["peers"][behind.node_id]["snapshot"] is None


def test_a_transfer_survives_loss_and_damage_of_its_pieces() -> None:
    cluster, _, behind = _cluster_with_one_behind()
    rng = random.Random(7)

    def unlucky(_sender: str, _receiver: str, message: Message) -> bool:
        if message["type"] == "snapshot_chunk" and rng.random() < 0.2:
            message["data"] = b"\0" * len(message["data"])
        return message["type"].startswith("snapshot") and rng.random() < 0.3

    cluster.lost = unlucky
    cluster.run(20.0, step=0.05)
    assert behind.replaced
    assert cluster.equal()


def test_a_restart_in_the_middle_of_a_transfer_starts_it_again() -> None:
    cluster, _, behind = _cluster_with_one_behind()
    pieces = [0]

    def some(_sender: str, _receiver: str, message: Message) -> bool:
        pieces[0] += message["type"] == "snapshot_chunk"
        return pieces[0] > 4

    cluster.lost = some
    cluster.run(0.3)
    assert pieces[0] > 4
    assert not behind.replaced
    disk = cluster.stop(behind.node_id).disk
    disk.crash()
    cluster.lost = lambda *_: False
    again = cluster.add(behind.node_id, disk=disk)
    cluster.run(3.0)
    assert again.replaced
    assert cluster.equal()


def test_an_installed_snapshot_survives_a_power_loss() -> None:
    cluster, _, behind = _cluster_with_one_behind()
    cluster.lost = lambda *_: False
    cluster.run(2.0)
    state = behind.core.machine.state_hash()
    index = behind.core.applied_index
    behind.disk.crash()
    again = Node(behind.node_id, disk=behind.disk)
    again.tick()
    assert (again.core.applied_index, again.core.machine.state_hash()) == (index, state)


def test_the_log_is_not_trimmed_before_the_snapshot_is_durable() -> None:
    node = Node("a", members("a"), config=SMALL)
    node.lead()
    while not node.core.snapshot_step():
        node.propose(f"k{len(node.log):03}")
    steps = 1
    while node.core.snapshots.latest() is None:
        assert node.core.wal.first_index == 1
        node.propose(f"meanwhile-{steps}")
        assert node.core.snapshot_step()
        steps += 1
    assert steps > 5  # small steps, with proposals in between
    assert node.core.wal.first_index > 1
    state = node.core.machine.state_hash()
    node.disk.crash()
    again = Node("a", members("a"), config=SMALL, disk=node.disk)
    again.lead()
    assert again.keys() == node.keys()
    assert node.core.machine.state_hash() == state


def test_blocking_parts_can_be_run_by_the_driver() -> None:
    node = Node("a", members("a"), config=SMALL)
    node.lead()
    for i in range(40):
        node.propose(f"k{i}")
    jobs = 0
    for _ in range(1000):
        while node.core.snapshot_step(inline=False):
            pass
        job = node.core.take_job()
        if job is None:
            break
        assert node.core.take_job() is None
        job.run()
        node.core.job_done(job)
        jobs += 1
    assert jobs == 1
    latest = node.core.snapshots.latest()
    assert latest is not None
    assert latest.index >= 40
