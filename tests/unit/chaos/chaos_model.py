"""A model of a correct server: makes histories that must pass, with as much concurrency as drawn.

Every operation takes effect at one instant; it is sent some time before and answered some time
after, so that operations overlap. Revisions, conflicts, watches and final reads follow from the
instants. Outcomes may be hidden from the client (unknown), in which case it learns of them only by
reading.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from chaos.history import (
    Fault,
    Header,
    History,
    NodeState,
    Op,
    Record,
    WatchEnd,
    WatchEvent,
    WatchStart,
)

NODES = ("node-1", "node-2", "node-3")
STEP = 100


@dataclass
class Change:
    revision: int
    key: str
    type: str
    write: str


@dataclass
class Model:
    seed: int
    steps: int = 60
    keys: int = 3
    overlap: int = 600  # microseconds that a request takes at most on either side
    unknown: float = 0.15
    records: list[Record] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    revision: int = 10
    now: int = 10_000

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.state: dict[str, tuple[int, str]] = {}
        self.seen: dict[str, set[int]] = {}
        self.ids = 0
        self.names = [f"key-{i}" for i in range(self.keys)]

    def run(self) -> History:
        for _ in range(self.steps):
            self.now += STEP
            self._step()
        self.now += 10 * self.overlap
        for node in NODES:
            self.now += STEP
            self._list(node, final=True)
        self._watches()
        for node in NODES:
            self.records.append(
                NodeState(node, self.now, "follower", NODES[0], 3, self.revision, 99, "aa", True)
            )
        self.records.append(Fault(1, "kill", "node-1", "start", 10_000))
        return History.of([Header("model", self.seed, NODES), *self.records])

    def _span(self) -> tuple[int, int]:
        before, after = self.random.randint(0, self.overlap), self.random.randint(0, self.overlap)
        return self.now - before, self.now + after

    def _op(self, action: str, key: str, outcome: str, **values: object) -> None:
        self.ids += 1
        invoke, complete = self._span()
        node = str(values.pop("node", self.random.choice(NODES)))
        op = Op(self.ids, "c", node, action, key, invoke, complete, outcome, **values)  # type: ignore[arg-type]
        self.records.append(op)

    def _step(self) -> None:
        action = self.random.choice(("create", "update", "update", "delete", "get", "get", "list"))
        if action == "list":
            self._list(self.random.choice(NODES))
        elif action == "get":
            self._get(self.random.choice(self.names))
        else:
            self._write(action, self.random.choice(self.names))

    def _get(self, key: str) -> None:
        revision, write = self.state.get(key, (0, ""))
        self.seen.setdefault(key, set()).add(revision)
        status = 200 if revision else 404
        self._op("get", key, "ok", revision=revision, write=write, status=status)

    def _list(self, node: str, *, final: bool = False) -> None:
        items = tuple((key, *value) for key, value in sorted(self.state.items()))
        for key, revision, _ in items:
            self.seen.setdefault(key, set()).add(revision)
        self._op("list", "", "ok", node=node, revision=self.revision, items=items, final=final)

    def _write(self, action: str, key: str) -> None:
        current = self.state.get(key, (0, ""))[0]
        write = f"w{self.ids + 1}" if action != "delete" else ""
        guard = 0
        if action != "create":
            known = sorted(self.seen.get(key, set()) - {0})
            if not known:
                return self._get(key)
            guard = known[-1] if self.random.random() < 0.8 else self.random.choice(known)
        reason = ""
        if action == "create":
            reason = "exists" if current else ""
        elif not current:
            reason = "absent"
        elif guard != current:
            reason = "conflict"
        hidden = self.random.random() < self.unknown
        applied = not reason and not (hidden and self.random.random() < 0.5)
        revision = 0
        if applied:
            revision = self._apply(action, key, write)
        if hidden:
            self._op(action, key, "unknown", guard=guard, write=write, status=504)
        elif reason:
            self._op(action, key, "fail", guard=guard, write=write, status=409, reason=reason)
        else:
            self.seen.setdefault(key, set()).add(revision)
            answered = revision if action != "delete" else 0
            self._op(action, key, "ok", guard=guard, write=write, revision=answered, status=200)
        return None

    def _apply(self, action: str, key: str, write: str) -> int:
        self.revision += self.random.randint(1, 3)
        if action == "delete":
            old = self.state.pop(key)[1]
            self.changes.append(Change(self.revision, key, "DELETED", old))
        else:
            kind = "ADDED" if action == "create" else "MODIFIED"
            self.state[key] = (self.revision, write)
            self.changes.append(Change(self.revision, key, kind, write))
        return self.revision

    def _watches(self) -> None:
        """One that saw everything, and some that began, were marked and ended somewhere."""
        self._watch(1, 10, self.revision, caught_up=True)
        for number in range(2, 5):
            start = self.random.randint(10, self.revision)
            self._watch(number, start, self.random.randint(start, self.revision))

    def _watch(self, number: int, start: int, last: int, *, caught_up: bool = False) -> None:
        node = self.random.choice(NODES)
        self.records.append(WatchStart(number, f"w{number}", node, start, self.now))
        marked = start
        for change in self.changes:
            if not start < change.revision <= last:
                continue
            if self.random.random() < 0.2:
                marked = self.random.randint(marked, change.revision - 1)
                self.records.append(WatchEvent(number, "BOOKMARK", marked, self.now))
            self.records.append(
                WatchEvent(number, change.type, change.revision, self.now, change.key, change.write)
            )
            marked = change.revision
        if caught_up:
            self.records.append(WatchEnd(number, self.now, "end of run", True, self.revision))
