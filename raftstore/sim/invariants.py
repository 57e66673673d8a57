"""What must hold in every run, checked while it happens.

In: what nodes send, apply and become; what clients were told. Out: a violation at the first moment
at which a promise is broken, not at the end when nobody knows why.
"""

from __future__ import annotations

from typing import NamedTuple

from raftstore.machine import Applied, Machine
from raftstore.raft import Message, RaftCore
from raftstore.sim.world import World


class _Truth(NamedTuple):
    """What the first node to apply an entry saw."""

    term: int
    command: bytes
    state_hash: bytes
    node_id: str


class Invariants:
    def __init__(self, world: World) -> None:
        self.world = world
        self.cores: dict[str, RaftCore] = {}
        self.acknowledged = 0  # writes
        self.reads = 0
        self.leaderships = 0
        self.installed = 0  # snapshots
        self.floor = 0  # the newest revision that any client has been told
        self._leaders: dict[int, str] = {}
        self._truth: dict[int, _Truth] = {}
        self._votes: dict[tuple[str, int], str] = {}
        self._position: dict[str, int] = {}  # the last index that a node applied
        self._never: set[bytes] = set()  # proposals whose only attempt was refused
        self._effects: dict[bytes, int] = {}  # proposal → the entry that had its effect

    def started(self, node_id: str, machine: Machine) -> None:
        self._position[node_id] = machine.applied_index

    def wiped(self, node_id: str) -> None:
        """Votes of an earlier life of a node that was removed do not bind the next one."""
        self._votes = {key: to for key, to in self._votes.items() if key[0] != node_id}

    def role(self, node_id: str, role: str, term: int) -> None:
        if role == "leader":
            self.leaderships += 1
            first = self._leaders.setdefault(term, node_id)
            if first != node_id:
                self.world.violation("TWO-LEADERS", f"{first} and {node_id} lead term {term}")

    def applied(self, node_id: str, core: RaftCore, index: int, applied: Applied) -> None:
        if index != self._position[node_id] + 1:
            self.world.violation(
                "APPLY-ORDER", f"{node_id} applied {index} after {self._position[node_id]}"
            )
        self._position[node_id] = index
        entry = core.wal.entry(index)
        seen = _Truth(entry.term, entry.command, core.machine.state_hash(), node_id)
        truth = self._truth.setdefault(index, seen)
        if seen[:3] != truth[:3]:
            self.world.violation(
                "DIVERGED",
                f"entry {index}: {truth.node_id} applied term {truth.term}, {node_id} term "
                f"{seen.term}; same command: {seen.command == truth.command}",
            )
        if applied.proposal_id in self._never:
            self.world.violation("REFUSED-APPLIED", f"{node_id} applied a refused one at {index}")
        if applied.proposal_id is not None and applied.events:
            first = self._effects.setdefault(applied.proposal_id, index)
            if first != index:
                self.world.violation("APPLIED-TWICE", f"one proposal in {first} and {index}")

    def replaced(self, node_id: str, machine: Machine) -> None:
        self.installed += 1
        self._position[node_id] = machine.applied_index
        truth = self._truth.get(machine.applied_index)
        if truth is not None and truth.state_hash != machine.state_hash():
            self.world.violation(
                "SNAPSHOT-DIFFERS", f"{node_id} installed another state at {machine.applied_index}"
            )

    def sent(self, sender: str, receiver: str, message: Message) -> None:
        """What a message claims must be on the sender's disk."""
        kind = message["type"]
        core = self.cores[sender]
        if kind == "append_reply":
            if message["ok"] and message["index"] > core.wal.durable_index:
                self.world.violation(
                    "UNSYNCED-ACK",
                    f"{sender} acknowledged {message['index']}, durable is "
                    f"{core.wal.durable_index}",
                )
        elif kind == "response_vote":
            first = self._votes.setdefault((sender, message["term"]), receiver)
            if first != receiver:
                self.world.violation(
                    "TWO-VOTES", f"{sender} voted for {first} and {receiver} in {message['term']}"
                )

    # ---- what clients were told
    def write_acknowledged(self, revision: int) -> None:
        """A write that was acknowledged is in every later state: `check_final` and every read
        look for its revision, `applied` sees to it that a revision is the same everywhere."""
        self.acknowledged += 1
        self.floor = max(self.floor, revision)

    def write_refused(self, proposal_id: bytes) -> None:
        """The only attempt was refused: it must never be seen in a log that is applied."""
        self._never.add(proposal_id)

    def read_finished(self, node_id: str, floor: int, revision: int) -> None:
        """`floor` is the newest revision that was acknowledged before the read began."""
        self.reads += 1
        if revision < floor:
            self.world.violation(
                "STALE-READ", f"{node_id} answered revision {revision}, {floor} was known before"
            )
        self.floor = max(self.floor, revision)

    # ---- at the end
    def check_final(self, members: set[str]) -> None:
        cores = {node_id: self.cores[node_id] for node_id in sorted(members)}
        states = {
            node_id: (core.applied_index, core.machine.state_hash().hex()[:12])
            for node_id, core in cores.items()
        }
        if len(set(states.values())) > 1:
            self.world.violation("FINAL-STATE-DIFFERS", str(states))
        for node_id, core in cores.items():
            if core.machine.revision < self.floor:
                self.world.violation(
                    "LOST-WRITE",
                    f"{node_id} ends at revision {core.machine.revision}, clients were told of "
                    f"{self.floor}",
                )
