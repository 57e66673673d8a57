"""The versions that one key went through, put in order from what all clients saw.

In: the operations and watch events of one key. Out: `Chain`, the list of the key's states (absent
at first), each with the operation that made it; and violations where no such list exists.

Every write carries a unique id and is guarded: a create wants the key absent, an update or delete
wants one exact version. So the states form a chain, not a search space: a version names the write
that made it, and that write names its predecessor. What is left to infer is small:

- A write whose outcome is unknown took effect if, and only if, somebody saw its id (reads at the
  end see all keys, and a version that was replaced was seen by whoever replaced it).
- A delete answers with no revision. It belongs behind the version that it was guarded by, if a
  create follows, a DELETED event was seen, or the delete was acknowledged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.checker.violation import Violation
from chaos.history import History, Op, Record, WatchEvent

NO_END = 1 << 62


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody saw `write` in the key's object at `revision`."""

    revision: int
    write: str
    record: Record


@dataclass(slots=True)
class KeyRecords:
    """Everything in a history about one key."""

    key: str
    writes: list[Op] = field(default_factory=list)
    reads: list[Op] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    deletions: dict[int, WatchEvent] = field(default_factory=dict)  # DELETED events by revision


@dataclass(frozen=True, slots=True)
class State:
    """One state of a key. `revision` is 0 where it is not known (an absent state, mostly)."""

    index: int
    present: bool
    revision: int
    made_by: Op | None


@dataclass(slots=True)
class Chain:
    key: str
    states: list[State]
    at_revision: dict[int, State]
    violations: list[Violation]

    def bounds(self, state: State) -> tuple[int, int]:
        """(first, end): the state was the newest for lists at some revision in first <= r < end.

        Where a deletion's revision is not known, the widest range that is possible.
        """
        first = state.revision
        if not first and state.index:
            first = self.states[state.index - 1].revision + 1
        # a deletion at an unknown revision took place before whatever comes next
        following = self.states[state.index + 1 : state.index + 3]
        return first, next((s.revision for s in following if s.revision), NO_END)


def collect(history: History) -> dict[str, KeyRecords]:
    """The records by key. A list is a read of every key that the history knows."""
    found: dict[str, KeyRecords] = {}

    def of(key: str) -> KeyRecords:
        records = found.get(key)
        if records is None:
            records = found[key] = KeyRecords(key)
        return records

    for op in history.ops:
        if op.action == "list":
            for key, revision, write in op.items:
                of(key).sightings.append(Sighting(revision, write, op))
        elif op.action == "get":
            of(op.key).reads.append(op)
            if op.outcome == "ok" and op.revision:
                of(op.key).sightings.append(Sighting(op.revision, op.write, op))
        else:
            of(op.key).writes.append(op)
            if op.outcome == "ok" and op.revision:
                of(op.key).sightings.append(Sighting(op.revision, op.write, op))
    for events in history.events.values():
        for event in events:
            if event.type == "DELETED":
                of(event.key).deletions.setdefault(event.revision, event)
            elif event.key:
                of(event.key).sightings.append(Sighting(event.revision, event.write, event))
    return found


def build_chain(records: KeyRecords) -> Chain:
    """The key's states in order, and what makes an order impossible."""
    builder = _Builder(records)
    builder.build()
    return builder.chain


class _Builder:
    def __init__(self, records: KeyRecords) -> None:
        self.records = records
        start = State(0, False, 0, None)
        self.chain = Chain(records.key, [start], {}, [])
        self.writers = {op.write: op for op in records.writes if op.action != "delete"}
        self.deletes: dict[int, list[Op]] = defaultdict(list)
        for op in records.writes:
            if op.action == "delete" and op.outcome != "fail":
                self.deletes[op.guard].append(op)
        for candidates in self.deletes.values():
            # An acknowledged delete is the one that took effect. Among unknown ones the earliest
            # sent is the weakest assumption.
            candidates.sort(key=lambda op: (op.outcome != "ok", op.invoke))

    def report(self, rule: str, summary: str, evidence: Iterable[Record]) -> None:
        short = [record.brief() if isinstance(record, Op) else record for record in evidence]
        self.chain.violations.append(
            Violation(rule, self.records.key, summary, tuple(dict.fromkeys(short)))
        )

    def build(self) -> None:
        versions = self._versions()
        for revision in sorted({*versions, *self.records.deletions}):
            deleted = self.records.deletions.get(revision)
            if deleted is not None and revision in versions:
                self.report(
                    "one-revision-two-values",
                    f"revision {revision} is a version and a deletion",
                    (versions[revision].record, deleted),
                )
            elif deleted is not None:
                self._delete_seen(deleted)
            else:
                self._append(versions[revision])
        last = self.chain.states[-1]
        if last.present and self.deletes.get(last.revision):
            self._push(False, 0, self.deletes[last.revision][0])
        self._check_deletes()

    def _versions(self) -> dict[int, Sighting]:
        """What was seen at each revision; everybody must have seen the same."""
        versions: dict[int, Sighting] = {}
        revisions: dict[str, Sighting] = {}
        told: set[int | str] = set()  # each revision and each write is reported once
        for seen in self.records.sightings:
            first = versions.setdefault(seen.revision, seen)
            if first.write != seen.write and seen.revision not in told:
                told.add(seen.revision)
                self.report(
                    "one-revision-two-values",
                    f"at revision {seen.revision} one saw {first.write}, another {seen.write}",
                    (first.record, seen.record),
                )
            first = revisions.setdefault(seen.write, seen)
            if first.revision != seen.revision and seen.write not in told:
                told.add(seen.write)
                self.report(
                    "applied-twice",
                    f"write {seen.write} made revisions {first.revision} and {seen.revision}",
                    (first.record, seen.record),
                )
        return versions

    def _push(self, present: bool, revision: int, made_by: Op | None) -> None:
        state = State(len(self.chain.states), present, revision, made_by)
        self.chain.states.append(state)
        if revision:
            self.chain.at_revision[revision] = state

    def _delete_seen(self, event: WatchEvent) -> None:
        last = self.chain.states[-1]
        candidates = self.deletes.get(last.revision, []) if last.present else []
        if not candidates:
            self.report(
                "from-nowhere",
                f"a deletion at revision {event.revision} that nobody asked for",
                (event,),
            )
        self._push(False, event.revision, candidates[0] if candidates else None)

    def _append(self, seen: Sighting) -> None:
        last = self.chain.states[-1]
        op = self.writers.get(seen.write)
        if op is None:
            self.report(
                "from-nowhere",
                f"revision {seen.revision} holds {seen.write!r}, which nobody wrote",
                (seen.record,),
            )
        elif op.outcome == "fail":
            self.report(
                "refused-but-applied",
                f"write {op.write} was refused, and is there at revision {seen.revision}",
                (op, seen.record),
            )
        if op is not None and op.action == "create" and last.present:
            if self.deletes.get(last.revision):
                self._push(False, 0, self.deletes[last.revision][0])
            else:
                text = f"created as {seen.revision} though nobody had deleted {last.revision}"
                self._lost(last, op, text)
        elif op is not None and op.action == "update" and last.revision != op.guard:
            was = f"at {last.revision}" if last.present else "deleted"
            text = f"{seen.revision} replaced {op.guard} though the object was {was} by then"
            self._lost(last, op, text)
        self._push(True, seen.revision, op)

    def _lost(self, last: State, op: Op, text: str) -> None:
        evidence = [op] if last.made_by is None else [last.made_by, op]
        self.report("lost-update", text, evidence)

    def _check_deletes(self) -> None:
        """Every acknowledged delete must have ended the version that it was guarded by."""
        used = {id(state.made_by) for state in self.chain.states if state.made_by is not None}
        for candidates in self.deletes.values():
            for op in candidates:
                if op.outcome == "ok" and id(op) not in used:
                    evidence: Sequence[Op] = [op, *(o for o in candidates if o is not op)]
                    self.report(
                        "lost-update",
                        f"the acknowledged delete of revision {op.guard} had no effect",
                        evidence,
                    )
