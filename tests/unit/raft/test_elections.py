"""Elections: pre-vote, stickiness, transfer, stale terms, honest votes."""

from __future__ import annotations

from raft_harness import Cluster, Node, members, put

from raftstore.errors import NoLeader


def test_a_returning_node_does_not_depose_the_leader() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    term = leader.core.term
    away = next(name for name in cluster.nodes if name != leader.node_id)
    cluster.lost = lambda sender, receiver, _: away in (sender, receiver)
    cluster.run(5.0)
    assert cluster.nodes[away].core.term == term  # it asked and nobody would vote
    cluster.lost = lambda *_: False
    cluster.run(1.0)
    assert leader.core.role == "leader"
    assert leader.core.term == term


def test_one_that_hears_the_leader_ignores_a_campaign() -> None:
    node = Node("b")
    node.entries("a", term=2, prev=(1, 1))
    node.take()
    end = {"last_log_index": 9, "last_log_term": 2}
    node.receive("c", "request_vote", term=3, transfer=False, **end)
    assert node.core.term == 2
    assert node.take() == []
    node.receive("c", "pre_vote", term=3, **end)
    assert node.take() == []
    node.tick(0.4)  # the leader has been silent for longer than the shortest timeout
    node.take()
    node.receive("c", "pre_vote", term=node.core.term + 1, **end)
    assert [kind["type"] for _, kind in node.take()] == ["pre_vote_reply"]


def test_a_campaign_ordered_by_the_leader_is_not_ignored() -> None:
    node = Node("b")
    node.entries("a", term=2, prev=(1, 1))
    node.receive("c", "request_vote", term=3, transfer=True, last_log_index=1, last_log_term=1)
    assert node.core.term == 3
    assert ("c", "response_vote") in [(to, m["type"]) for to, m in node.take()]


def test_a_stale_term_is_answered() -> None:
    node = Node("b")
    node.entries("a", term=5, prev=(1, 1))
    node.take()
    node.entries("c", term=4, prev=(1, 1))
    node.receive("c", "request_vote", term=4, transfer=False, last_log_index=9, last_log_term=4)
    node.receive("c", "pre_vote", term=5, last_log_index=9, last_log_term=4)
    assert [(to, m["type"], m["term"]) for to, m in node.take()] == [("c", "stale_term", 5)] * 3


def test_a_leader_steps_down_when_told_of_a_later_term() -> None:
    node = Node("a")
    term = node.lead("b")
    node.receive("c", "stale_term", term=term + 3)
    assert (node.core.role, node.core.term) == ("follower", term + 3)


def test_a_vote_counts_once() -> None:
    node = Node("a", members("abcde"))
    node.tick(1.0)
    for voter in "bc":
        node.receive(voter, "pre_vote_reply", term=node.core.term + 1)
    node.tick()
    for voter in ("b", "b", "b", "stranger"):
        node.receive(voter, "response_vote", term=node.core.term)
    assert node.core.role == "candidate"
    node.receive("c", "response_vote", term=node.core.term)
    assert node.core.role == "leader"


def test_a_pre_vote_raises_no_term_and_stores_nothing() -> None:
    node = Node("a")
    term, seq = node.core.term, node.core.wal.seq
    node.tick(1.0)
    assert {m["type"] for _, m in node.take()} == {"pre_vote"}
    assert (node.core.term, node.core.wal.seq) == (term, seq)


def test_a_pre_vote_ends_when_a_leader_is_heard() -> None:
    node = Node("b")
    node.tick(1.0)
    assert node.core.role == "candidate"
    node.entries("a", term=1, prev=(1, 1))
    assert node.core.role == "follower"
    for peer in "ac":
        node.receive(peer, "pre_vote_reply", term=2)
    node.tick()
    assert (node.core.role, node.core.term) == ("follower", 1)


def test_one_vote_per_term_even_after_a_power_loss() -> None:
    node = Node("b")
    end = {"transfer": False, "last_log_index": 1, "last_log_term": 1}
    node.receive("a", "request_vote", term=2, **end)
    assert [m["type"] for _, m in node.take()] == ["response_vote"]
    node.disk.crash()
    again = Node("b", disk=node.disk)
    again.receive("c", "request_vote", term=2, **end)
    assert not again.take("response_vote")


def test_a_learner_does_not_campaign() -> None:
    node = Node("d", members("abc", "d"))
    for _ in range(20):
        node.tick(0.5)
    assert node.core.role == "learner"
    assert node.take() == []


def test_a_leader_without_a_quorum_steps_down() -> None:
    node = Node("a")
    node.lead("b")
    node.tick(0.7)
    node.tick()
    assert node.core.role != "leader"


def test_transfer_brings_the_target_up_first_and_takes_less_than_an_election() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    target = next(name for name in cluster.nodes if name != leader.node_id)
    for i in range(100):
        leader.core.propose(put(f"k{i}"), b"", lambda error: None)
    began = cluster.now
    assert leader.core.transfer_leadership(target)
    refusals: list[Exception] = []
    leader.core.propose(put("late"), b"", refusals.append)
    assert isinstance(refusals[0], NoLeader)
    while cluster.nodes[target].core.role != "leader":
        cluster.run(0.01)
    assert cluster.now - began < 0.3
    cluster.run(0.1)
    assert cluster.leader.node_id == target
    assert cluster.equal()


def test_transfer_may_be_asked_of_any_node() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    other = next(name for name in cluster.nodes if name != leader.node_id)
    assert cluster.nodes[other].core.transfer_leadership(other)
    cluster.run(0.2)
    assert cluster.leader.node_id == other


def test_a_transfer_that_does_not_work_out_is_given_up() -> None:
    node = Node("a")
    node.lead("b")
    assert node.core.transfer_leadership("b")  # b never catches up
    assert node.propose("refused")
    for _ in range(14):
        node.tick(0.05)
        for peer in "bc":
            node.acknowledge(peer, 1)
    assert node.core.role == "leader"
    assert node.propose("taken") == []


def test_a_transfer_to_nobody_is_refused() -> None:
    node = Node("a", members("a"))
    node.lead()
    assert not node.core.transfer_leadership()
    assert not node.core.transfer_leadership("a")
    assert not node.core.transfer_leadership("stranger")
