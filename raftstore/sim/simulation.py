"""One run: a cluster, clients, faults and an operator for a while; then peace, and the reckoning.

In: a seed. Out: what happened, or the violation and the trace that led to it. The same seed and
options give the same run, in any process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from raftstore.errors import StoreError
from raftstore.machine import Applied
from raftstore.machine.commands import Txn, encode_command
from raftstore.raft import RaftCore
from raftstore.sim.clients import Client
from raftstore.sim.faults import Faults
from raftstore.sim.host import Host, config_for
from raftstore.sim.invariants import Invariants
from raftstore.sim.network import Network
from raftstore.sim.operators import Operator
from raftstore.sim.world import Violation, World
from raftstore.types import Member, Put

SECONDS = 10.0
PEACE = 4.0  # after the last fault, for everybody to catch up
PATIENCE = 2.5  # for one write or read after that


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float = SECONDS
    without: frozenset[str] = frozenset()  # kinds of faults that do not happen
    trace_all: bool = False
    core_class: type[RaftCore] = RaftCore


@dataclass(slots=True)
class Outcome:
    seed: int
    violation: str | None
    trace: list[str]
    counts: dict[str, int] = field(default_factory=dict)


class Simulation:
    def __init__(self, seed: int, options: Options) -> None:
        self.options = options
        self.world = World(seed, trace_all=options.trace_all)
        self.invariants = Invariants(self.world)
        self.network = Network(self.world, self.invariants.sent)
        self.hosts: dict[str, Host] = {}
        self._rng = self.world.rng("simulation")
        self._config = config_for(self._rng)
        self._retired: set[str] = set()
        self.changes = 0

    # ---- the cast
    def in_service(self) -> list[Host]:
        return [host for node_id, host in self.hosts.items() if node_id not in self._retired]

    def _host(self, node_id: str) -> Host:
        host = self.hosts.get(node_id)
        if host is None:
            host = self.hosts[node_id] = Host(
                self.world,
                self.network,
                self.invariants,
                node_id,
                self._config,
                self.options.core_class,
            )
        return host

    def _provide(self, node_id: str) -> Host:
        """A computer for a node that will be added; it knows nobody yet."""
        host = self._host(node_id)
        if node_id in self._retired or not host.incarnation:
            self._retired.discard(node_id)
            host.start()
        return host

    def _is_free(self, node_id: str) -> bool:
        return node_id in self._retired or node_id not in self.hosts

    def _retire(self, node_id: str) -> None:
        self._retired.add(node_id)
        self.hosts[node_id].retire()

    # ---- the play
    def run(self) -> Outcome:
        try:
            self._play()
        except Violation as violation:
            return self._outcome(str(violation))
        return self._outcome(None)

    def _play(self) -> None:
        size = self._rng.choice((1, 3, 3, 3, 5))
        founders = [Member(f"n{i}", f"here:{i}") for i in range(size)]
        for member in founders:
            host = self._host(member.node_id)
            host.founders = founders
            host.start()
        self.world.run_until(1.0)
        self.clients = [
            Client(self.world, self.invariants, self.in_service, number, pace=8.0)
            for number in range(4)
        ]
        faults = Faults(self.world, self.network, self.in_service, self.options.without)
        operators = [
            Operator(
                self.world, number, self.in_service, self._provide, self._retire, self._is_free
            )
            for number in range(0 if "members" in self.options.without else self._operators())
        ]
        self.world.run_until(1.0 + self.options.seconds)
        faults.active = False
        for operator in operators:
            operator.active = False
        self.changes = sum(operator.changes for operator in operators)
        self._make_peace()
        self._reckon()

    def _operators(self) -> int:
        return self._rng.choice((0, 0, 1, 1, 2))

    def _make_peace(self) -> None:
        self.world.log("peace")
        for client in self.clients:
            client.active = False
        self.network.heal()
        for host in self.in_service():
            host.resume()
            host.sync_delay = 0.004
            host.disk.fail_syncs(0)
            host.disk.capacity = None
        self.world.run_until(self.world.now + PEACE)

    def _reckon(self) -> None:
        """Every member takes a write and serves a read; then all states are equal."""
        members = self._members()
        for node_id in sorted(members):
            self._must_write(self.hosts[node_id])
            self._must_read(self.hosts[node_id])
        self.world.run_until(self.world.now + 1.0)
        self.invariants.check_final(members)

    def _members(self) -> set[str]:
        leaders = [host for host in self.in_service() if host.alive and host.core.role == "leader"]
        if not leaders:
            roles = {h.node_id: h.core.role if h.alive else "down" for h in self.in_service()}
            self.world.violation("NOT-LIVE", f"no leader after the peace: {roles}")
        leader = max(leaders, key=lambda host: host.core.term)
        return {member.node_id for member in leader.core.members}

    def _must_write(self, host: Host) -> None:
        done: list[Applied] = []
        proposal_id = b"final   " + host.node_id.encode().rjust(8)
        command = encode_command(proposal_id, Txn((), (Put(b"final", proposal_id),), ()))
        refusals: list[StoreError] = []
        for attempt in range(int(PATIENCE / 0.1)):
            if attempt % 5 == 0:
                host.waiting[proposal_id] = done.append
                host.run(lambda: host.core.propose(command, proposal_id, refusals.append))
            self.world.run_until(self.world.now + 0.1)
            if done:
                return
        self.world.violation("NOT-LIVE", f"{host.node_id} gets no write done: {refusals[-1:]}")

    def _must_read(self, host: Host) -> None:
        answers: list[int | None] = []
        floor = self.invariants.floor
        for attempt in range(int(PATIENCE / 0.1)):
            if attempt % 5 == 0:
                host.read(answers.append)
            self.world.run_until(self.world.now + 0.1)
            for revision in answers:
                if revision is not None:
                    self.invariants.read_finished(host.node_id, floor, revision)
                    return
        self.world.violation("NOT-LIVE", f"{host.node_id} gets no read done")

    def _outcome(self, violation: str | None) -> Outcome:
        counts = {
            "events": self.world.events,
            "acknowledged": self.invariants.acknowledged,
            "reads": self.invariants.reads,
            "leaders": self.invariants.leaderships,
            "installed": self.invariants.installed,
            "changes": self.changes,
        }
        return Outcome(self.world.seed, violation, list(self.world.trace), counts)


def simulate(seed: int, options: Options | None = None) -> Outcome:
    return Simulation(seed, options or Options()).run()
