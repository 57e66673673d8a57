"""ReadIndex: one shared round, confirmed by a quorum after the request, only by a real leader."""

from __future__ import annotations

from raft_harness import Cluster, Node, members

from raftstore.raft import Message

Answers = list[int | None]


def _round_reply(node: Node, sender: str, number: int) -> None:
    node.receive(sender, "round_reply", term=node.core.term, round=number)
    node.core.tick()


def _ready_leader() -> Node:
    node = Node("a", members("abcde"))
    node.lead("b", "c")
    for peer in "bc":
        node.acknowledge(peer, 2)
    node.tick()
    assert node.core.commit_index == 2
    node.take()
    return node


def test_a_read_waits_for_a_quorum_that_answered_later_messages() -> None:
    node = _ready_leader()
    answers: Answers = []
    node.core.read_index(answers.append)
    node.core.tick()
    number = max(m["round"] for _, m in node.take("append_entries"))
    node.acknowledge("b", 2)  # an answer to a message from before the read
    node.acknowledge("c", 2)
    node.core.tick()
    assert answers == []
    _round_reply(node, "b", number)
    _round_reply(node, "b", number)  # once per voter
    assert answers == []
    _round_reply(node, "d", number)
    assert answers == [2]


def test_many_reads_share_a_round() -> None:
    node = _ready_leader()
    answers: Answers = []
    for _ in range(100):
        node.core.read_index(answers.append)
    node.core.tick()
    assert len(node.take("append_entries")) == 4
    for peer in "bc":
        _round_reply(node, peer, 1)
    assert answers == [2] * 100


def test_a_new_leader_answers_after_it_committed_in_its_own_term() -> None:
    node = Node("a")
    node.lead("b")
    answers: Answers = []
    node.core.read_index(answers.append)
    node.tick()
    assert node.core.commit_index == 1
    assert answers == []
    node.acknowledge("b", 2)
    node.tick()
    _round_reply(node, "b", 1)
    assert answers == [2]


def test_a_deposed_leader_fails_the_reads() -> None:
    node = _ready_leader()
    answers: Answers = []
    node.core.read_index(answers.append)
    node.core.tick()
    node.core.read_index(answers.append)
    node.receive("e", "stale_term", term=node.core.term + 1)
    assert answers == [None, None]


def test_a_learners_answer_does_not_confirm() -> None:
    node = Node("a", members("abc", "d"))
    node.lead("b")
    node.acknowledge("b", 2)
    node.tick()
    answers: Answers = []
    node.core.read_index(answers.append)
    node.core.tick()
    _round_reply(node, "d", 1)
    assert answers == []
    _round_reply(node, "c", 1)
    assert answers == [2]


def test_a_single_node_reads_at_once() -> None:
    node = Node("a", members("a"))
    node.lead()
    answers: Answers = []
    node.core.read_index(answers.append)
    node.core.tick()
    assert answers == [2]


def test_reads_on_followers_are_forwarded_and_shared() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    leader.propose("k")
    cluster.run(0.1)
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    answers: Answers = []
    asked: list[str] = []

    def note(_sender: str, _receiver: str, message: Message) -> bool:
        asked.append(message["type"])
        return False

    cluster.lost = note
    for _ in range(10):
        follower.core.read_index(answers.append)
    cluster.run(0.1)
    assert answers == [leader.core.commit_index] * 10
    assert asked.count("read_request") == 1


def test_a_forwarded_read_without_an_answer_is_given_up() -> None:
    cluster = Cluster()
    leader = cluster.elect()
    follower = next(n for n in cluster.nodes.values() if n is not leader)
    cluster.lost = lambda _s, _r, m: m["type"] == "read_reply"
    answers: Answers = []
    follower.core.read_index(answers.append)
    cluster.run(0.9)
    assert answers == []
    cluster.run(0.3)
    assert answers == [None]


def test_without_a_leader_a_read_fails_at_once() -> None:
    answers: Answers = []
    Node("a").core.read_index(answers.append)
    assert answers == [None]
