"""Clients: guarded writes that are retried with the same proposal id, and linearizable reads.

In: the hosts, a stream of choices. Out: what was acknowledged, told to the invariants. A client
does one thing at a time. A write without an answer is tried again, at another node, with the same
id, until it is answered or given up; given up means unknown, not failed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from raftstore.errors import StoreError
from raftstore.machine import Applied
from raftstore.machine.commands import Txn, encode_command
from raftstore.sim.host import Host
from raftstore.sim.invariants import Invariants
from raftstore.sim.world import World
from raftstore.types import Compare, Put, TxnResult

KEYS = 6
ATTEMPTS = 12


class Client:
    def __init__(
        self,
        world: World,
        invariants: Invariants,
        hosts: Callable[[], list[Host]],
        number: int,
        pace: float,
    ) -> None:
        self.world, self.invariants = world, invariants
        self.active = True
        self.answered = 0
        self._hosts = hosts
        self._rng = world.rng(f"client {number}")
        self._pace = pace
        self._session = struct.pack(">Q", 1 + number)
        self._sequence = 0
        self._attempts = 0  # at the write under way
        self._mod: dict[bytes, int] = {}  # what this client believes of each key
        self._step = 0  # a late answer to an earlier step is ignored
        self._next()

    def _next(self) -> None:
        self._step += 1
        if self.active:
            self.world.after(self._rng.expovariate(self._pace), self._act)

    def _act(self) -> None:
        if not self.active:
            return
        if self._rng.random() < 0.35:
            self._read()
        else:
            self._write()

    def _pick(self) -> Host | None:
        hosts = [host for host in self._hosts() if host.alive]
        return self._rng.choice(hosts) if hosts else None

    # ---- reads
    def _read(self) -> None:
        host = self._pick()
        if host is None:
            self._next()
            return
        floor, step, node_id = self.invariants.floor, self._step, host.node_id

        def done(revision: int | None) -> None:
            if revision is not None:
                self.invariants.read_finished(node_id, floor, revision)
            if self._step == step:
                self._next()

        def give_up() -> None:
            if self._step == step:
                self._next()

        self.world.after(1.5, give_up)
        host.read(done)

    # ---- writes
    def _write(self) -> None:
        self._sequence += 1
        self._attempts = 0
        proposal_id = self._session + struct.pack(">Q", self._sequence)
        key = b"key-%d" % self._rng.randrange(KEYS)
        value = proposal_id + b"." * self._rng.choice((0, 10, 100, 700))
        put = Put(key, value)
        if self._rng.random() < 0.5:
            guard = Compare(key, "mod", "=", self._mod.get(key, 0))
            txn = Txn((guard,), (put,), ())
        else:
            txn = Txn((), (put,), ())
        self._attempt(encode_command(proposal_id, txn), proposal_id, key, self._step, ATTEMPTS)

    def _attempt(
        self, command: bytes, proposal_id: bytes, key: bytes, step: int, left: int
    ) -> None:
        if self._step != step:
            return
        if left == 0:
            self._next()  # unknown
            return
        host = self._pick()
        self._attempts += 1

        def again() -> None:
            self._attempt(command, proposal_id, key, step, left - 1)

        def applied(result: Applied) -> None:
            self._applied(result, key, step)

        def refused(_error: StoreError) -> None:
            if self._step == step and self._attempts == 1 and self._rng.random() < 0.3:
                self.invariants.write_refused(proposal_id)
                self._next()
                return
            self.world.after(self._rng.uniform(0.02, 0.1), again)

        self.world.after(self._rng.uniform(0.4, 0.8), again)
        if host is not None:
            host.waiting[proposal_id] = applied
            host.run(lambda: host.core.propose(command, proposal_id, refused))

    def _applied(self, applied: Applied, key: bytes, step: int) -> None:
        result = applied.result
        if isinstance(result, TxnResult):
            if result.succeeded:
                self.invariants.write_acknowledged(result.revision)
                self._mod[key] = result.revision
            else:
                self._mod[key] = self._rng.randrange(1, result.revision + 1)
        if self._step == step:
            self.answered += 1
            self._next()
