"""A history as the numbers that are drawn: per slice of time, per node, per fault. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from chaos.history import WRITES, Fault, History, NodeState, Op

SLICES = 150
LEAST_SLICE = 200_000  # microseconds
SILENT = 2_000_000  # a node that has said nothing for so long is drawn as not answering
SECOND = 1_000_000
AFTERMATH = 2 * SECOND  # how long after a fault a pause of writes is put down to it


@dataclass(frozen=True, slots=True)
class Slice:
    """What was completed in one slice of time; rates per second, latencies in ms (0: none)."""

    at: float
    ok: float
    refused: float
    unknown: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time on a node's line. Times in seconds."""

    start: float
    end: float
    role: str
    term: int


@dataclass(frozen=True, slots=True)
class Band:
    """One fault. `gap` is the longest time without an acknowledged write while it lasted and just
    after, in seconds."""

    name: str
    target: str
    detail: str
    start: float
    end: float
    gap: float


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One line of the table of operations."""

    action: str
    ok: int
    refused: int
    unknown: int
    p50: float
    p99: float
    longest: float


def duration(history: History) -> float:
    """Seconds until the last thing that happened."""
    last = [op.complete for op in history.ops] + [state.at for state in history.states]
    last += [fault.at for fault in history.faults]
    return max(max(last, default=0) / SECOND, 1.0)


def percentile(sorted_values: Sequence[float], share: float) -> float:
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def slices(history: History) -> list[Slice]:
    total = int(duration(history) * SECOND) + 1
    width = max(LEAST_SLICE, total // SLICES + 1)
    groups: list[list[Op]] = [[] for _ in range(total // width + 1)]
    for op in history.ops:
        groups[op.complete // width].append(op)
    found = []
    per = SECOND / width
    for number, group in enumerate(groups):
        counts = {"ok": 0, "fail": 0, "unknown": 0}
        for op in group:
            counts[op.outcome] += 1
        times = sorted((op.complete - op.invoke) / 1000 for op in group if op.outcome == "ok")
        found.append(
            Slice(
                (number + 0.5) * width / SECOND,
                counts["ok"] * per,
                counts["fail"] * per,
                counts["unknown"] * per,
                percentile(times, 0.5),
                percentile(times, 0.99),
            )
        )
    return found


def roles(history: History) -> dict[str, list[Span]]:
    """Per node its roles over time; `down` where it did not answer."""
    end = duration(history)
    by_node: dict[str, list[NodeState]] = {node: [] for node in history.header.nodes}
    for state in history.states:
        by_node.setdefault(state.node, []).append(state)
    return {node: _spans(states, end) for node, states in by_node.items()}


def _spans(states: list[NodeState], end: float) -> list[Span]:
    spans: list[Span] = []

    def add(start: float, stop: float, role: str, term: int) -> None:
        if spans and (spans[-1].role, spans[-1].term) == (role, term):
            start = spans.pop().start
        spans.append(Span(start, stop, role, term))

    before = 0
    role, term = (states[0].role, states[0].term) if states else ("down", 0)
    for state in states:
        silent = state.at - before > SILENT
        add(before / SECOND, state.at / SECOND, "down" if silent else role, 0 if silent else term)
        role, term, before = state.role, state.term, state.at
    last = before / SECOND
    silent = end - last > SILENT / SECOND
    add(last, end, "down" if silent else role, 0 if silent else term)
    return [span for span in spans if span.end > span.start]


def bands(history: History) -> list[Band]:
    ends = {fault.id: fault for fault in history.faults if fault.phase == "end"}
    acknowledged = sorted(
        op.complete for op in history.ops if op.outcome == "ok" and op.action in WRITES
    )
    last = int(duration(history) * SECOND)
    starts = [fault for fault in history.faults if fault.phase == "start"]
    found = []
    for fault, following in zip_longest(starts, starts[1:]):
        end = ends[fault.id].at if fault.id in ends else last
        cap = following.at if following is not None else last
        found.append(_band(fault, end, cap, acknowledged))
    return found


def _band(fault: Fault, end: int, cap: int, acknowledged: list[int]) -> Band:
    """A pause is put down to the fault if it begins before it is over, or soon after, and at most
    until `cap`, when the next fault begins."""
    limit = min(end + AFTERMATH, cap)
    marks = [fault.at, *(at for at in acknowledged if fault.at < at < limit)]
    marks.append(next((at for at in acknowledged if at >= limit), limit))
    marks[-1] = min(marks[-1], cap)
    gap = max(later - earlier for earlier, later in pairwise(marks))
    start = fault.at / SECOND
    return Band(fault.name, fault.target, fault.detail, start, end / SECOND, gap / SECOND)


def action_rows(history: History) -> list[ActionRow]:
    rows = []
    for action in ("create", "update", "delete", "get", "list"):
        ops = [op for op in history.ops if op.action == action]
        times = sorted((op.complete - op.invoke) / 1000 for op in ops if op.outcome == "ok")
        outcomes = [op.outcome for op in ops]
        rows.append(
            ActionRow(
                action,
                outcomes.count("ok"),
                outcomes.count("fail"),
                outcomes.count("unknown"),
                percentile(times, 0.5),
                percentile(times, 0.99),
                times[-1] if times else 0.0,
            )
        )
    return rows


def leader_changes(history: History) -> int:
    """How many terms had a leader, less the first."""
    terms = {state.term for state in history.states if state.role == "leader"}
    return max(0, len(terms) - 1)
