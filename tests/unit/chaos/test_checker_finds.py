"""The checker can fail: for each promise a history that breaks it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chaos.checker import judge
from chaos.history import (
    Action,
    Header,
    History,
    NodeState,
    Op,
    Outcome,
    Record,
    Stuck,
    WatchEnd,
    WatchEvent,
    WatchStart,
)

NODES = ("node-1", "node-2")


class Script:
    """Writes a history line by line; each operation follows the one before unless said so."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now = 0

    def op(self, action: Action, key: str = "k", outcome: Outcome = "ok", **values: Any) -> Op:
        invoke = values.pop("invoke", self.now + 10)
        complete = values.pop("complete", invoke + 10)
        node = values.pop("node", "node-1")
        number = len(self.records) + 1
        op = Op(number, "c", node, action, key, invoke, complete, outcome, **values)
        self.records.append(op)
        self.now = max(self.now, complete)
        return op

    def create(self, revision: int, key: str = "k", **values: Any) -> Op:
        return self.op("create", key, revision=revision, write=f"w{revision}", **values)

    def update(self, guard: int, revision: int, key: str = "k", **values: Any) -> Op:
        write = f"w{revision}"
        return self.op("update", key, guard=guard, revision=revision, write=write, **values)

    def delete(self, guard: int, key: str = "k", **values: Any) -> Op:
        return self.op("delete", key, guard=guard, **values)

    def get(self, revision: int, key: str = "k", **values: Any) -> Op:
        write = f"w{revision}" if revision else ""
        return self.op("get", key, revision=revision, write=write, **values)

    def list(self, at: int, shown: dict[str, int], **values: Any) -> Op:
        items = tuple((key, revision, f"w{revision}") for key, revision in shown.items())
        return self.op("list", "", revision=at, items=items, **values)

    def watch(self, start: int, *events: tuple[str, int, str], number: int = 1) -> None:
        self.records.append(WatchStart(number, "w", "node-1", start, self.now))
        for kind, revision, key in events:
            write = "" if kind == "BOOKMARK" else f"w{revision}"
            self.records.append(WatchEvent(number, kind, revision, self.now, key, write))

    def state(self, node: str, applied: int, digest: str, *, index: int = 5) -> None:
        state = NodeState(node, self.now, "follower", "node-1", 1, applied, index, digest, True)
        self.records.append(state)

    def rules(self) -> set[str]:
        history = History.of([Header("script", 1, NODES), *self.records])
        return {violation.rule for violation in judge(history).violations}


def three_writes() -> Script:
    script = Script()
    script.create(11)
    script.update(11, 12)
    script.update(12, 13)
    return script


def test_the_script_itself_is_clean() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ALL[1], ("BOOKMARK", 12, ""), ALL[2])
    script.get(13)
    script.list(13, {"k": 13}, final=True)
    script.state("node-1", 13, "aa")
    script.state("node-2", 13, "aa")
    assert script.rules() == set()


# -- linearizability ----------------------------------------------------------------------------


def test_a_stale_get_is_found() -> None:
    script = three_writes()
    script.get(12, node="node-2")
    assert script.rules() == {"stale-read"}


def test_a_read_older_than_an_earlier_read_is_found_though_the_write_was_never_answered() -> None:
    script = Script()
    script.create(11)
    script.op("update", outcome="unknown", guard=11, write="w12")
    script.get(12)
    script.get(11)
    assert script.rules() == {"stale-read"}


def test_an_old_value_is_fine_while_the_write_is_still_in_flight() -> None:
    script = Script()
    script.create(11)
    script.update(11, 12, invoke=100, complete=500)
    script.get(11, invoke=200, complete=300)
    assert script.rules() == set()


def test_a_value_that_is_read_before_it_was_sent_is_found() -> None:
    script = Script()
    script.create(11, invoke=100, complete=110)
    script.get(11, invoke=10, complete=20)
    assert script.rules() == {"order"}


def test_a_not_found_after_an_acknowledged_create_is_found() -> None:
    script = Script()
    script.create(11)
    script.get(0)
    assert script.rules() == {"stale-read"}


def test_an_object_that_is_there_after_its_delete_is_found() -> None:
    script = Script()
    script.create(11)
    script.delete(11)
    script.get(11)
    assert script.rules() == {"stale-read"}


def test_a_conflict_with_the_version_that_was_current_is_found() -> None:
    script = Script()
    script.create(11)
    script.op("update", outcome="fail", guard=11, write="x", reason="conflict")
    assert script.rules() == {"stale-read"}


def test_already_exists_for_a_key_that_was_absent_all_the_time_is_found() -> None:
    script = Script()
    script.create(11)
    script.delete(11)
    script.op("create", outcome="fail", write="x", reason="exists")
    assert script.rules() == {"stale-read"}


def test_a_stale_list_is_found() -> None:
    script = three_writes()
    script.list(12, {"k": 12})
    assert script.rules() == {"stale-read", "stale-list"}


def test_a_list_that_mixes_two_moments_is_found() -> None:
    script = Script()
    script.create(11, "a")
    script.create(12, "b")
    script.op("update", "a", guard=11, revision=13, write="w13", invoke=100, complete=900)
    script.op("update", "b", guard=12, revision=14, write="w14", invoke=100, complete=900)
    script.list(14, {"a": 11, "b": 14}, invoke=200, complete=300)
    assert script.rules() == {"torn-list"}


def test_a_list_that_shows_something_newer_than_itself_is_found() -> None:
    script = Script()
    script.create(11)
    script.update(11, 12, invoke=100, complete=900)
    script.list(11, {"k": 12}, invoke=200, complete=300)
    assert script.rules() == {"torn-list"}


# -- writes -------------------------------------------------------------------------------------


def test_two_updates_of_one_version_are_found() -> None:
    script = Script()
    script.create(11)
    script.update(11, 12, invoke=100, complete=900)
    script.update(11, 13, invoke=100, complete=900)
    assert "lost-update" in script.rules()


def test_a_write_that_was_applied_twice_is_found() -> None:
    script = Script()
    script.create(11)
    script.op("update", guard=11, revision=12, write="twice")
    script.op("get", revision=13, write="twice")
    assert "applied-twice" in script.rules()


def test_a_refused_write_that_took_effect_is_found() -> None:
    script = Script()
    script.create(11)
    script.op("update", outcome="fail", guard=11, write="w12", reason="overloaded")
    script.get(12)
    assert "refused-but-applied" in script.rules()


def test_a_value_that_nobody_wrote_is_found() -> None:
    script = Script()
    script.create(11)
    script.op("get", revision=12, write="ghost")
    assert "from-nowhere" in script.rules()


def test_two_values_at_one_revision_are_found() -> None:
    script = Script()
    script.create(11)
    script.op("update", outcome="unknown", guard=11, write="a")
    script.op("update", outcome="unknown", guard=11, write="b")
    script.op("get", revision=12, write="a")
    script.op("get", revision=12, write="b")
    assert "one-revision-two-values" in script.rules()


def test_a_create_over_an_object_that_was_never_deleted_is_found() -> None:
    script = Script()
    script.create(11)
    script.create(12)
    assert "lost-update" in script.rules()


def test_an_acknowledged_delete_without_effect_is_found() -> None:
    script = Script()
    script.create(11)
    script.delete(11, invoke=100, complete=900)
    script.update(11, 12, invoke=100, complete=900)
    assert "lost-update" in script.rules()


def test_revisions_that_go_backwards_between_keys_are_found() -> None:
    script = Script()
    script.create(12, "a")
    script.create(11, "b")
    assert script.rules() == {"order"}


def test_a_write_of_unknown_outcome_may_or_may_not_have_happened() -> None:
    for ending in (11, 12):
        script = Script()
        script.create(11)
        script.op("update", outcome="unknown", guard=11, write="w12")
        script.list(20, {"k": ending}, final=True)
        assert script.rules() == set()


# -- durability -----------------------------------------------------------------------------------


def test_an_acknowledged_write_that_is_gone_in_the_end_is_found() -> None:
    script = three_writes()
    script.list(13, {"k": 12}, final=True)
    assert "lost-write" in script.rules()


def test_an_object_that_is_gone_in_the_end_is_found() -> None:
    script = three_writes()
    script.list(13, {}, final=True)
    assert "lost-write" in script.rules()


def test_nodes_that_show_different_objects_in_the_end_are_found() -> None:
    script = Script()
    script.create(11, "a")
    script.op("update", "a", outcome="unknown", guard=11, write="w12")
    script.list(12, {"a": 12}, final=True, invoke=500, complete=900)
    script.list(12, {"a": 11}, final=True, node="node-2", invoke=500, complete=900)
    assert script.rules() >= {"nodes-differ"}


def test_different_hashes_at_one_index_are_found() -> None:
    script = Script()
    script.state("node-1", 13, "aa")
    script.state("node-2", 13, "bb")
    assert script.rules() == {"diverged"}


def test_a_node_that_never_catches_up_is_found() -> None:
    script = Script()
    script.state("node-1", 13, "aa")
    script.state("node-2", 12, "bb", index=4)
    assert script.rules() == {"not-recovered"}


def test_a_node_that_does_not_come_back_is_found() -> None:
    script = Script()
    script.state("node-1", 13, "aa")
    assert script.rules() == {"not-recovered"}


def test_a_cluster_that_stays_stuck_is_found() -> None:
    script = Script()
    script.records.append(Stuck(5, "no write succeeded for 60 s"))
    assert script.rules() == {"not-recovered"}


# -- watches --------------------------------------------------------------------------------------

ALL = (("ADDED", 11, "k"), ("MODIFIED", 12, "k"), ("MODIFIED", 13, "k"))


def test_a_complete_watch_is_clean_wherever_it_starts() -> None:
    for start in range(3):
        script = three_writes()
        script.watch(10 + start, *ALL[start:], ("BOOKMARK", 13, ""))
        assert script.rules() == set()


def test_a_missed_event_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ALL[2])
    assert script.rules() == {"missed-event"}


def test_an_event_that_only_another_watch_saw_is_missed() -> None:
    script = Script()
    script.create(11)
    script.op("update", outcome="unknown", guard=11, write="w12")
    script.watch(10, *ALL[:2], number=1)
    script.watch(10, ALL[0], ("BOOKMARK", 12, ""), number=2)
    assert script.rules() == {"bookmark-lied"}


def test_an_event_that_never_arrives_though_there_was_time_is_found() -> None:
    script = three_writes()
    script.watch(10, *ALL[:2])
    script.records.append(WatchEnd(1, script.now, "end of run", True, 13))
    assert script.rules() == {"missed-event"}


def test_a_watch_that_was_cut_off_need_not_have_delivered_the_end() -> None:
    script = three_writes()
    script.watch(10, *ALL[:2])
    script.records.append(WatchEnd(1, script.now, "connection lost"))
    assert script.rules() == set()


def test_an_event_that_is_delivered_twice_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ALL[1], ALL[1], ALL[2])
    assert script.rules() == {"duplicate-event"}


def test_events_out_of_order_are_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ALL[2], ALL[1])
    assert script.rules() == {"watch-order"}


def test_a_resumed_watch_that_repeats_what_was_before_is_found() -> None:
    script = three_writes()
    script.watch(12, ALL[1], ALL[2])
    assert script.rules() == {"watch-order"}


def test_a_resumed_watch_with_a_gap_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], number=1)
    script.watch(11, ALL[2], number=2)
    assert script.rules() == {"missed-event"}


def test_a_bookmark_that_covers_what_was_not_delivered_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ("BOOKMARK", 13, ""))
    assert script.rules() == {"bookmark-lied"}


def test_an_event_behind_its_bookmark_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ("BOOKMARK", 12, ""), ALL[1], ALL[2])
    assert script.rules() == {"bookmark-lied"}


def test_half_of_a_transaction_is_found() -> None:
    script = Script()
    script.watch(10, ("ADDED", 11, "a"), ("ADDED", 11, "b"), number=1)
    script.watch(10, ("ADDED", 11, "a"), number=2)
    script.op("create", "a", outcome="unknown", write="w11", invoke=1)
    script.op("create", "b", outcome="unknown", write="w11", invoke=1)
    assert script.rules() == {"split-transaction"}


def test_a_deletion_that_nobody_asked_for_is_found() -> None:
    script = three_writes()
    script.watch(10, *ALL, ("DELETED", 14, "k"))
    assert "from-nowhere" in script.rules()


def test_an_event_of_the_wrong_type_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ("ADDED", 12, "k"), ALL[2])
    assert script.rules() == {"wrong-event"}


def test_an_event_with_another_value_than_the_write_is_found() -> None:
    script = three_writes()
    script.watch(10, ALL[0], ALL[1])
    event = script.records[-1]
    assert isinstance(event, WatchEvent)
    script.records[-1] = replace(event, write="w13")
    assert "one-revision-two-values" in script.rules()


def test_a_violation_shows_the_records_that_prove_it() -> None:
    script = three_writes()
    script.get(12, node="node-2")
    history = History.of([Header("script", 1, NODES), *script.records])
    (violation,) = judge(history).violations
    text = "\n".join(violation.lines())
    assert '"node-2"' in text
    assert '"revision":13' in text
