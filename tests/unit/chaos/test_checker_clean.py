"""Histories of a correct server pass, however much its operations overlap."""

from __future__ import annotations

from pathlib import Path

from chaos_model import Model
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.checker import judge
from chaos.history import Header, History, HistoryWriter, Record, load


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    keys=st.integers(1, 4),
    overlap=st.sampled_from([0, 150, 600, 3000]),
    unknown=st.sampled_from([0.0, 0.2, 0.6]),
)
def test_every_history_of_a_linearizable_model_passes(
    seed: int, keys: int, overlap: int, unknown: float
) -> None:
    history = Model(seed, keys=keys, overlap=overlap, unknown=unknown).run()
    verdict = judge(history)
    assert verdict.good, [line for v in verdict.violations for line in v.lines()]


def test_a_history_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    history = Model(7, steps=80).run()
    with HistoryWriter(tmp_path / "history.jsonl", history.header) as writer:
        for op in history.ops:
            writer.add(op)
        for watch in history.watches.values():
            writer.add(watch)
            for event in history.events[watch.id]:
                writer.add(event)
        rest: list[Record] = [*history.ends.values(), *history.states, *history.faults]
        for record in rest:
            writer.add(record)
    assert load(tmp_path / "history.jsonl") == history


def test_an_empty_history_has_no_violations_and_says_that_it_is_empty() -> None:
    verdict = judge(History(Header()))
    assert verdict.good
    assert verdict.counts["operations"] == 0
