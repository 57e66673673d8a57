"""Nodes are killed, stopped and left behind while clients write: nothing acknowledged is lost."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest
from e2e_cluster import CONFIG_MAPS, PATIENCE, Cluster, config_map
from e2e_writers import Writers, nothing_lost

pytestmark = pytest.mark.slow


def test_the_leader_is_killed_and_writes_go_on(breakable: Cluster) -> None:
    leader = breakable.leader()
    with Writers(breakable, "leader") as writers:
        writers.wait_for(60)
        breakable.kill(leader)
        killed = time.monotonic()
        resumed = writers.wait_for(1, since=killed) - killed
        assert resumed < PATIENCE / 2
        breakable.up()
        writers.wait_for(10, node=leader, since=time.monotonic())
    nothing_lost(breakable, writers, "leader")


def test_all_nodes_are_killed_at_once_and_nothing_is_lost(breakable: Cluster) -> None:
    with Writers(breakable, "all") as writers:
        writers.wait_for(60)
        for node in range(3):
            breakable.signal(node, signal.SIGKILL)
    breakable.up()
    nothing_lost(breakable, writers, "all")


def test_a_leader_that_slept_answers_nothing_stale(breakable: Cluster) -> None:
    leader = breakable.leader()
    other = (leader + 1) % 3
    path = f"{CONFIG_MAPS}/sleeper"
    breakable.api(other)("POST", CONFIG_MAPS, config_map("sleeper", count="0"))
    sleeper = breakable.api(leader)
    assert sleeper("GET", path)[1]["data"] == {"count": "0"}
    breakable.signal(leader, signal.SIGSTOP)
    answers: list[tuple[int, Any]] = []
    try:
        with Writers(breakable, "asleep") as writers:
            writers.wait_for(20, node=other, since=time.monotonic() + 1.0)
            status, _ = breakable.api(other)("PUT", path, config_map("sleeper", count="1"))
            assert status == 200
            # Sent to the sleeping node after the write was acknowledged: it wakes up to it.
            asking = threading.Thread(target=lambda: answers.append(sleeper("GET", path)))
            asking.start()
            time.sleep(2.0)  # the others have long elected another leader
            breakable.signal(leader, signal.SIGCONT)
            asking.join(PATIENCE)
    finally:
        breakable.signal(leader, signal.SIGCONT)
    assert answers
    status, found = answers[0]
    assert status in (200, 503, 504), found
    if status == 200:
        assert found["data"] == {"count": "1"}
    assert breakable.api(leader)("GET", path)[1]["data"] == {"count": "1"}
    nothing_lost(breakable, writers, "asleep")


def test_a_node_far_behind_comes_back_through_a_snapshot(breakable: Cluster) -> None:
    breakable.down()
    for node in range(3):
        with (breakable.node_directory(node) / "config.yaml").open("a") as config:
            config.write('snapshot-count: "200"\n')
    breakable.up()
    behind = (breakable.leader() + 1) % 3
    had = breakable.facts()[behind]["commitIndex"]
    breakable.kill(behind)
    with Writers(breakable, "behind") as writers:
        writers.wait_for(1500)
    kept_after = breakable.facts()[breakable.leader()]["snapshotIndex"]
    assert kept_after > had + 100, "the leader's log still has what the node needs"
    breakable.up()
    nothing_lost(breakable, writers, "behind")
    assert breakable.facts()[behind]["snapshotIndex"] >= kept_after
