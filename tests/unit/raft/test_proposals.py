"""Proposals: appended once, forwarded to the leader, refused only when that is certain."""

from __future__ import annotations

from typing import Any

import pytest
from raft_harness import Cluster, Node, members, put

from raftstore.errors import NoLeader, Overloaded, RequestTooLarge, StoreError
from raftstore.raft import SCHEMA, MemberChange, Message, RaftConfig
from raftstore.transport.schema import check_message


def _id(number: int) -> bytes:
    return b"session " + number.to_bytes(8, "big")


def test_a_follower_forwards_and_sees_the_commit() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    refusals: list[StoreError] = []
    follower.core.propose(put("k", _id(1)), _id(1), refusals.append)
    cluster.run(0.1)
    assert refusals == []
    assert _id(1) in [applied.proposal_id for _, applied in follower.applied]
    assert follower.core._forwarded == {}


def test_without_a_leader_a_proposal_is_refused_at_once() -> None:
    (error,) = Node("a").propose("k")
    assert isinstance(error, NoLeader)


def test_a_former_leader_refuses_what_is_forwarded_to_it() -> None:
    node = Node("b")
    node.receive("c", "propose", request=7, command=put("k"))
    ((to, answer),) = node.take()
    assert (to, answer["type"], answer["request"], answer["reason"]) == (
        "c",
        "propose_refused",
        7,
        "NoLeader",
    )
    assert node.log == [(1, 1)]


def test_a_refusal_is_told_once() -> None:
    node = Node("b")
    node.entries("a", term=2, prev=(1, 1))
    node.take()
    refusals: list[StoreError] = []
    node.core.propose(put("k", _id(1)), _id(1), refusals.append)
    ((_, message),) = node.take()
    for _ in range(3):
        node.receive(
            "a", "propose_refused", request=message["request"], reason="Overloaded", text="full"
        )
    (error,) = refusals
    assert isinstance(error, Overloaded)


def test_a_lost_forward_is_never_called_refused() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    cluster.lost = lambda _s, _r, m: m["type"] == "propose"
    follower.core.propose(put("k", _id(1)), _id(1), lambda error: pytest.fail(str(error)))
    cluster.run(0.5)
    leader.core.transfer_leadership(follower.node_id)
    cluster.run(1.0)
    assert follower.core._forwarded == {}


def test_a_late_refusal_does_not_hit_the_next_attempt() -> None:
    node = Node("b")
    node.entries("a", term=2, prev=(1, 1))
    node.take()
    first: list[StoreError] = []
    second: list[StoreError] = []
    node.core.propose(put("k", _id(1)), _id(1), first.append)
    ((_, message),) = node.take()
    node.core.propose(put("k", _id(1)), _id(1), second.append)
    node.receive("a", "propose_refused", request=message["request"], reason="NoLeader", text="")
    assert (first, second) == ([], [])


def test_a_leader_that_cannot_commit_takes_a_bounded_number() -> None:
    node = Node("a", config=RaftConfig(uncommitted_entries=10))
    node.lead("b")
    refusals = [error for i in range(20) for error in node.propose(f"k{i}")]
    assert len(refusals) == 11  # the entry that opened the leadership counts too
    assert all(isinstance(error, Overloaded) for error in refusals)


def test_a_command_that_is_too_large_is_refused() -> None:
    node = Node("a", members("a"), config=RaftConfig(command_bytes=100))
    node.lead()
    (error,) = node.propose("k" * 200)
    assert isinstance(error, RequestTooLarge)


def test_entries_in_flight_to_one_follower_are_bounded() -> None:
    config = RaftConfig(append_entries=4, inflight_entries=8)
    node = Node("a", config=config)
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    node.take()
    for i in range(50):
        node.propose(f"k{i}")
    sent = [m for to, m in node.take("append_entries") if to == "b"]
    assert sum(len(m["entries"]) for m in sent) <= 11
    node.acknowledge("b", 10)
    node.tick()
    more = [m for to, m in node.take("append_entries") if to == "b" and m["entries"]]
    assert more[0]["entries"][0][0] == sent[-1]["entries"][-1][0] + 1


def test_a_commit_is_told_to_followers_at_once() -> None:
    node = Node("a")
    node.lead("b")
    node.acknowledge("b", 2)
    node.acknowledge("c", 2)
    node.tick()
    node.propose("k")
    node.take()
    node.acknowledge("b", 3)
    node.core.tick()  # no time has passed, no heartbeat is due
    told = {to: m["commit_index"] for to, m in node.take("append_entries")}
    assert told == {"b": 3, "c": 3}


def test_every_message_obeys_the_schema() -> None:
    seen: set[str] = set()

    def check(_sender: str, _receiver: str, message: Message) -> bool:
        check_message(SCHEMA, message)
        seen.add(message["type"])
        return False

    cluster = Cluster(config=RaftConfig(snapshot_entries=20))
    cluster.lost = check
    leader = cluster.elect()
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    answers: list[Any] = []
    for i in range(60):
        leader.propose(f"k{i}")
    cluster.run(0.2)
    follower.core.read_index(answers.append)
    follower.propose("forwarded")
    cluster.add("d")
    follower.core.propose_member_change(
        MemberChange("add_learner", members("d")[0]),
        answers.append,
    )
    cluster.run(1.0)
    follower.core.transfer_leadership()
    cluster.run(1.0)
    assert seen >= {
        "append_entries",
        "append_reply",
        "pre_vote",
        "pre_vote_reply",
        "request_vote",
        "response_vote",
        "propose",
        "read_request",
        "read_reply",
        "change_members",
        "change_reply",
        "transfer_request",
        "timeout_now",
        "snapshot_chunk",
        "snapshot_reply",
    }
