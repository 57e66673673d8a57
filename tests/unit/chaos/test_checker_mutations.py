"""Histories of a correct server, broken in one place at random: the checker has to notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chaos_model import Model
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chaos.checker import judge
from chaos.history import History, Op, WatchEvent

Pick = Callable[[list[int]], int]


def full_watch(history: History) -> list[WatchEvent]:
    return [event for event in history.events[1] if event.type != "BOOKMARK"]


def pick_from(data: st.DataObject, indices: list[int]) -> int:
    assume(bool(indices))
    return data.draw(st.sampled_from(indices))


def rules_after(history: History) -> set[str]:
    return {violation.rule for violation in judge(history).violations}


seeds = st.integers(0, 2**32)
relaxed = settings(max_examples=60, deadline=None)


@relaxed
@given(seed=seeds, data=st.data())
def test_an_event_taken_out_of_a_watch(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    events = history.events[1]
    at = pick_from(data, [i for i, e in enumerate(events) if e.type != "BOOKMARK"])
    del events[at]
    assert rules_after(history) & {"missed-event", "bookmark-lied"}


@relaxed
@given(seed=seeds, data=st.data())
def test_an_event_delivered_again(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    events = history.events[1]
    at = pick_from(data, [i for i, e in enumerate(events) if e.type != "BOOKMARK"])
    events.insert(data.draw(st.integers(at, len(events))), events[at])
    assert "duplicate-event" in rules_after(history)


@relaxed
@given(seed=seeds, data=st.data())
def test_two_events_swapped(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    events = full_watch(history)
    history.events[1] = events
    at = pick_from(data, list(range(len(events) - 1)))
    events[at], events[at + 1] = events[at + 1], events[at]
    assert "watch-order" in rules_after(history)


@relaxed
@given(seed=seeds, data=st.data())
def test_a_bookmark_moved_past_the_next_event(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    events = full_watch(history)
    history.events[1] = events
    at = pick_from(data, list(range(len(events))))
    events.insert(at, WatchEvent(1, "BOOKMARK", events[at].revision, events[at].at))
    assert "bookmark-lied" in rules_after(history)


@relaxed
@given(seed=seeds, data=st.data())
def test_a_get_that_returns_the_version_before(seed: int, data: st.DataObject) -> None:
    """Without overlap every answer but the newest is wrong."""
    history = Model(seed, overlap=20, unknown=0.0, steps=100).run()
    older: dict[str, list[tuple[int, str]]] = {}
    candidates: dict[int, Op] = {}
    for i, op in enumerate(history.ops):
        if op.action in ("create", "update") and op.outcome == "ok":
            older.setdefault(op.key, []).append((op.revision, op.write))
        elif op.action == "get" and len(older.get(op.key, [])) > 1:
            versions = older[op.key]
            if op.revision == versions[-1][0]:
                revision, write = versions[-2]
                candidates[i] = replace(op, revision=revision, write=write)
    at = pick_from(data, sorted(candidates))
    history.ops[at] = candidates[at]
    assert "stale-read" in rules_after(history)


@relaxed
@given(seed=seeds, data=st.data())
def test_an_acknowledged_write_that_nobody_sees_in_the_end(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    finals = [i for i, op in enumerate(history.ops) if op.final and op.items]
    at = pick_from(data, finals)
    acked = {op.write for op in history.ops if op.outcome == "ok" and op.action != "get"}
    keys = [key for key, _, write in history.ops[at].items if write in acked]
    gone = keys[pick_from(data, list(range(len(keys))))]
    items = tuple(item for item in history.ops[at].items if item[0] != gone)
    history.ops[at] = replace(history.ops[at], items=items)
    assert rules_after(history) & {"lost-write", "nodes-differ"}


@relaxed
@given(seed=seeds, data=st.data())
def test_a_refusal_reported_as_a_success(seed: int, data: st.DataObject) -> None:
    """An update that met a conflict did not make a version, whatever revision is claimed for it."""
    history = Model(seed, unknown=0.0).run()
    refused = [
        i
        for i, op in enumerate(history.ops)
        if op.outcome == "fail" and op.action == "update" and op.reason == "conflict"
    ]
    at = pick_from(data, refused)
    top = max(op.revision for op in history.ops)
    lied = replace(history.ops[at], outcome="ok", revision=top + 1, reason="", status=200)
    history.ops[at] = lied
    assert not judge(history).good


@relaxed
@given(seed=seeds, data=st.data())
def test_one_node_with_another_hash(seed: int, data: st.DataObject) -> None:
    history = Model(seed).run()
    at = pick_from(data, list(range(len(history.states))))
    history.states[at] = replace(history.states[at], hash="bb")
    assert "diverged" in rules_after(history)
