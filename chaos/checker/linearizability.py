"""Linearizability of one key, in one sweep over time.

In: the key's `Chain` of states (checker/versions.py) and its operations. Out: violations.

The chain fixes the order of all writes, so nothing has to be searched. Give the states the numbers
0, 1, 2, … and the operations slots on one axis: the write that made state i sits at 2i, a read
that saw state i at 2i + 1. An operation that saw state i can only have taken effect there. An
answer that fits several states (404 fits every absent one, "conflict" every one but the guarded
version) has a set of slots.

A history is linearizable exactly if every operation can be given one of its slots so that real time
is respected: what completed before another was sent has no larger slot. Sweep over time with a high
water mark: at a completion the mark rises to that operation's slot; an operation that is sent now
must have a slot at or above the mark, and takes the smallest such one. The smallest is the best
choice, because it leaves the most room to everything that is sent later; if none is left, the two
operations (the one that raised the mark, and this one) prove the violation. A write of unknown
outcome that took effect has an open end: it never raises the mark. Sorting dominates: O(n log n).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaos.checker.versions import NO_END, Chain, KeyRecords, State
from chaos.checker.violation import Violation
from chaos.history import Op

NEVER = NO_END

Listed = tuple[Op, Mapping[str, int]]  # a list, and the revision of each key that it shows


@dataclass(frozen=True, slots=True)
class Placed:
    """An operation and the slots where it may have taken effect, in order; all but `barred`."""

    op: Op
    complete: int
    slots: Sequence[int]
    what: str
    barred: int = -1

    def first_slot(self, mark: int) -> int | None:
        """The smallest one at or above `mark`."""
        at = bisect_left(self.slots, mark)
        if at < len(self.slots) and self.slots[at] == self.barred:
            at += 1
        return self.slots[at] if at < len(self.slots) else None


def check_key(chain: Chain, records: KeyRecords, lists: Iterable[Listed]) -> list[Violation]:
    """`lists` are the lists of the whole history: each is a read of this key, too."""
    return sweep(chain.key, [*_writes(chain), *_answers(chain, records, lists)])


def _writes(chain: Chain) -> Iterable[Placed]:
    for state in chain.states:
        op = state.made_by
        if op is not None:
            done = op.complete if op.outcome == "ok" else NEVER
            yield Placed(op, done, (2 * state.index,), _name(state))


def _answers(chain: Chain, records: KeyRecords, lists: Iterable[Listed]) -> Iterable[Placed]:
    present = [2 * state.index + 1 for state in chain.states if state.present]
    absent = [2 * state.index + 1 for state in chain.states if not state.present]
    everything = [2 * state.index + 1 for state in chain.states]

    def seen(op: Op, revision: int) -> Placed:
        if not revision:
            return Placed(op, op.complete, absent, "absent")
        state = chain.at_revision.get(revision)
        slots = (2 * state.index + 1,) if state is not None and state.present else ()
        return Placed(op, op.complete, slots, f"revision {revision}")

    for op in records.reads:
        if op.outcome == "ok":
            yield seen(op, op.revision)
    for op in records.writes:
        if op.outcome != "fail":
            continue
        if op.reason == "exists":
            yield Placed(op, op.complete, present, "present")
        elif op.reason == "absent":
            yield Placed(op, op.complete, absent, "absent")
        elif op.reason == "conflict":
            guarded = chain.at_revision.get(op.guard)
            barred = 2 * guarded.index + 1 if guarded is not None else -1
            yield Placed(op, op.complete, everything, f"other than revision {op.guard}", barred)
    for op, shown in lists:
        yield seen(op, shown.get(chain.key, 0))


def _name(state: State) -> str:
    return f"revision {state.revision}" if state.present else "absent"


def sweep(key: str, placed: Sequence[Placed]) -> list[Violation]:
    """Assign slots in the order of sending; see the module's docstring."""
    violations: list[Violation] = []
    sent = sorted(placed, key=lambda p: p.op.invoke)
    done = sorted((p for p in sent if p.complete < NEVER), key=lambda p: p.complete)
    slot_of: dict[int, int] = {}
    mark, raised_by, next_done = -1, None, 0
    for current in sent:
        while next_done < len(done) and done[next_done].complete < current.op.invoke:
            finished = done[next_done]
            next_done += 1
            # sent before it was completed, so it has its slot, unless it had none left
            slot = slot_of.get(id(finished), -1)
            if slot > mark:
                mark, raised_by = slot, finished
        first = current.first_slot(mark)
        if first is not None:
            slot_of[id(current)] = first
        else:
            violations.append(_violation(key, current, raised_by))
    return violations


def _violation(key: str, current: Placed, raised_by: Placed | None) -> Violation:
    op = current.op
    if raised_by is None:
        return Violation(
            "impossible-answer", key, f"the key was never {current.what}", (op.brief(),)
        )
    verb = "shown" if _is_read(raised_by) else "made"
    before = f"{raised_by.op.action} had already {verb} "
    if _is_read(current):
        rule = "lost-write" if op.final and not _is_read(raised_by) else "stale-read"
        said = f"{op.action} through {op.node} answered {current.what}, though an earlier "
    else:
        rule = "order"
        said = f"{op.action} took effect as {current.what}, though an earlier "
    return Violation(
        rule, key, f"{said}{before}{raised_by.what}", (raised_by.op.brief(), op.brief())
    )


def _is_read(placed: Placed) -> bool:
    return placed.op.action in ("get", "list") or placed.op.outcome == "fail"
