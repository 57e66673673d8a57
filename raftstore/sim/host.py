"""One simulated computer: a real RaftCore on a real wal, snapshots and machine, on a faulty disk.

It does what the driver of a node does: after every input a tick, after every tick a sync of the
wal if there is something to sync, and steps of a snapshot. It can be killed, lose its power, pause,
run on a clock that is fast or slow, and stop because a sync failed. An exception of the core that
is not a storage error is a violation.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from raftstore.errors import StorageError, StoreError
from raftstore.machine import Applied, Machine
from raftstore.raft import Members, Message, RaftConfig, RaftCore
from raftstore.sim.disk import FaultyDisk
from raftstore.sim.invariants import Invariants
from raftstore.sim.network import Network
from raftstore.sim.world import World
from raftstore.snapshot import SnapshotStore
from raftstore.types import Member
from raftstore.wal import Wal

CLUSTER = "simulated"


def config_for(rng: Random) -> RaftConfig:
    """Small limits, so that a few hundred entries meet all of them; the same on all nodes."""
    return RaftConfig(
        heartbeat=0.08,
        election_min=0.3,
        election_max=rng.choice((0.33, 0.6)),  # the first makes campaigns collide
        leader_fallback=0.6,
        append_bytes=2000,
        append_entries=rng.choice((1, 3, 16)),
        inflight_entries=64,
        inflight_bytes=8000,
        apply_batch=rng.choice((2, 16)),
        uncommitted_entries=256,
        snapshot_entries=rng.choice((15, 40)),
        snapshot_chunk=300,
        transfer_chunk=400,
        transfer_window=3,
        promote_lag=30,
    )


# What a fault of the core looks like.
FAULTS = (AssertionError, LookupError, TypeError, ValueError, AttributeError, StoreError)


class Host:
    def __init__(
        self,
        world: World,
        network: Network,
        invariants: Invariants,
        node_id: str,
        config: RaftConfig,
        core_class: type[RaftCore],
    ) -> None:
        self.world, self.network, self.invariants = world, network, invariants
        self.node_id = node_id
        self.alive = False
        self.incarnation = 0
        self.founders: Sequence[Member] = ()
        self.core: RaftCore
        self.waiting: dict[bytes, Callable[[Applied], None]] = {}
        self.disk = FaultyDisk(world.rng(f"disk {node_id}").getrandbits(32))
        self._config = config
        self._core_class = core_class
        self._rng = world.rng(f"host {node_id}")
        self._links: frozenset[str] = frozenset()
        self._paused_until = 0.0
        self._inbox: deque[Callable[[], object]] = deque()  # what came in during a pause
        self._clock_rate = 1.0
        self._clock_offset = self._rng.uniform(0, 1000)
        self._tick_at: float | None = None
        self._syncing = False
        self._readers: list[tuple[int, Callable[[int | None], None]]] = []
        self.sync_delay = 0.008
        network.attach(self)

    # ---- life
    def start(self) -> None:
        self.incarnation += 1
        self._syncing = False
        self._tick_at = None
        self._paused_until = 0.0
        self._links = frozenset()
        self.waiting.clear()
        self._inbox.clear()
        self.disk.capacity = None  # somebody made room
        self._readers.clear()
        self._clock_rate = self._rng.choice((1.0, 1.0, 0.95, 1.05))
        try:
            wal = Wal.open(
                self.disk, "/data/wal", segment_bytes=8192, margin_entries=5, margin_bytes=4000
            )
            snapshots = SnapshotStore(self.disk, "/data/snapshots")
            latest = snapshots.latest()
            machine = Machine() if latest is None else Machine.thaw(snapshots.read(latest))
            self.invariants.started(self.node_id, machine)
            self.alive = True
            self.core = self._core_class(
                node_id=self.node_id,
                cluster_id=CLUSTER,
                config=self._config,
                wal=wal,
                snapshots=snapshots,
                machine=machine,
                members=self.founders,
                clock=self._clock,
                rng=self._rng,
                send=self._send,
                on_applied=self._applied,
                on_machine_replaced=self._machine_replaced,
                on_members=self._members,
                on_role=self._role,
            )
            self.invariants.cores[self.node_id] = self.core
        except StorageError as error:
            self.alive = False
            if type(error) is not StorageError:  # damage, where only unsynced data was lost
                self.world.violation("START-FAILED", f"{self.node_id}: {error}")
            self.world.log(self.node_id, "cannot start:", error)
            self._power_off()
            return
        core = self.core
        self.world.log(
            f"start {self.node_id} term {core.term} log {core.wal.first_index}.."
            f"{core.wal.last_index} commit {core.commit_index} applied {core.applied_index}"
        )
        for peer_id in sorted(self._links):
            self.network.connect_later(self.node_id, peer_id)
        for peer_id in self.network.known():
            self.network.connect_later(self.node_id, peer_id)
        self._soon()

    def kill(self, *, power: bool, downtime: float | None = None) -> None:
        """The process ends; with `power` the machine too, and unsynced writes meet their fate."""
        if not self.alive:
            return
        self.world.log("power loss" if power else "kill", self.node_id)
        self.alive = False
        self.incarnation += 1
        for peer_id in self.network.known():
            self.network.cut(self.node_id, peer_id)
        if power:
            self.disk.crash()
        else:
            self.disk.restart()
        self._restart_later(downtime)

    def _power_off(self) -> None:
        self.disk.crash()
        self._restart_later(None)

    def _restart_later(self, downtime: float | None) -> None:
        incarnation = self.incarnation

        def restart() -> None:
            if self.incarnation == incarnation and not self.alive:
                self.start()

        delay = self._rng.uniform(0.05, 2.0) if downtime is None else downtime
        self.world.after(delay, restart)

    def retire(self) -> None:
        """The node was removed: its computer is wiped."""
        self.alive = False
        self.incarnation += 1
        for peer_id in self.network.known():
            self.network.cut(self.node_id, peer_id)
        self.disk = FaultyDisk(self._rng.getrandbits(32))
        self.founders = ()
        self.invariants.wiped(self.node_id)

    def pause(self, duration: float) -> None:
        self._paused_until = self.world.now + duration

        self.world.after(duration, self._wake)

    def resume(self) -> None:
        self._paused_until = 0.0
        self._wake()

    def _is_paused(self) -> bool:
        return self._paused_until > self.world.now

    def _wake(self) -> None:
        """What came in during a pause, in the order in which it came."""
        while self._inbox and not self._is_paused():
            self.run(self._inbox.popleft())

    # ---- the driver's work
    def run(self, action: Callable[[], object]) -> None:
        """One input to the core; a storage error stops the node, anything else is a fault."""
        if not self.alive:
            return
        if self._is_paused():
            self._inbox.append(action)
            return
        self._guarded(action)
        if self.alive:
            self._soon()

    def _guarded(self, action: Callable[[], object]) -> None:
        """A storage error stops the node, as it should; any other error is a fault of ours."""
        try:
            action()
        except StorageError as error:
            if type(error) is not StorageError:
                self.world.violation("DAMAGE", f"{self.node_id}: {error}")
            self.world.log(self.node_id, "stops:", error)
            self.kill(power=True)
        except FAULTS as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.world.violation(
                "CRASH", f"{self.node_id}: {error!r} at {where.filename}:{where.lineno}"
            )

    def _soon(self) -> None:
        if self._tick_at is None or self._tick_at > self.world.now + 0.002:
            self._tick_later(self._rng.uniform(0.0001, 0.002))

    def _tick_later(self, delay: float) -> None:
        when = self.world.now + delay
        self._tick_at = when
        incarnation = self.incarnation

        def due() -> None:
            if self.incarnation == incarnation and self.alive and self._tick_at == when:
                self._tick_at = None
                self._tick()

        self.world.after(delay, due)

    def _tick(self) -> None:
        if self._is_paused():
            self._tick_later(self._paused_until - self.world.now)
            return
        core, more = self.core, False

        def work() -> None:
            nonlocal more
            core.tick()
            more = core.snapshot_step(inline=False) or core.more_work

        self._guarded(work)
        if not self.alive:
            return
        self._answer_readers()
        self._sync_later()
        self._run_job_later()
        if more:
            self._soon()
        elif self._tick_at is None:
            wait = (core.next_deadline() - self._clock()) / self._clock_rate
            self._tick_later(max(0.001, wait + 0.0005))

    def _sync_later(self) -> None:
        if self._syncing:
            return
        batch = self.core.wal.take()
        if batch is None:
            return
        self._syncing = True
        incarnation, wal = self.incarnation, self.core.wal

        def write() -> None:
            if self.incarnation != incarnation:
                return

            def synced() -> None:
                wal.write(batch)
                wal.done(batch)
                self._syncing = False
                self.core.wal_synced()

            self.run(synced)
            if self.incarnation == incarnation and not self._syncing:
                self._sync_later()

        self.world.after(self._rng.uniform(0.0002, self.sync_delay), write)

    def _run_job_later(self) -> None:
        """The blocking part of a snapshot, as a thread would do it: it takes a while, the node
        goes on meanwhile, and a kill may come first."""
        job = self.core.take_job()
        if job is None:
            return
        incarnation, core = self.incarnation, self.core

        def finish() -> None:
            if self.incarnation == incarnation:
                self.run(lambda: core.job_done(job))

        def work() -> None:
            if self.incarnation == incarnation:
                self._guarded(job.run)
                self.world.after(self._rng.uniform(0, self.sync_delay), finish)

        self.world.after(self._rng.uniform(0.0002, 10 * self.sync_delay), work)

    def _clock(self) -> float:
        return self._clock_offset + self.world.now * self._clock_rate

    # ---- the core's outputs
    def _send(self, peer_id: str, message: Message) -> bool:
        return self.network.send(self.node_id, peer_id, message)

    def _applied(self, index: int, applied: Applied) -> None:
        self.invariants.applied(self.node_id, self.core, index, applied)
        if applied.proposal_id is not None:
            waiter = self.waiting.pop(applied.proposal_id, None)
            if waiter is not None:
                waiter(applied)

    def _machine_replaced(self, machine: Machine) -> None:
        self.world.log(self.node_id, "installed a snapshot at", machine.applied_index)
        self.invariants.replaced(self.node_id, machine)

    def _members(self, members: Members) -> None:
        self._links = frozenset(m.node_id for m in members if m.node_id != self.node_id)
        for peer_id in sorted(self._links):
            self.network.connect_later(self.node_id, peer_id)

    def _role(self, role: str, term: int, leader_id: str | None) -> None:
        if role in ("leader", "removed"):
            self.world.log(self.node_id, role, "term", term)
        self.invariants.role(self.node_id, role, term)

    # ---- the network's inputs
    def wants_link(self, peer_id: str) -> bool:
        return peer_id in self._links

    def link_up(self, peer_id: str) -> None:
        self.run(lambda: self.core.peer_connected(peer_id))

    def link_down(self, peer_id: str) -> None:
        self.run(lambda: self.core.peer_disconnected(peer_id))

    def deliver(self, peer_id: str, message: Message) -> None:
        self.run(lambda: self.core.receive(peer_id, message))

    # ---- what clients use
    def read(self, done: Callable[[int | None], None]) -> None:
        """A linearizable read of the revision: a read index, then wait until it is applied."""

        def confirmed(index: int | None) -> None:
            if index is None:
                done(None)
            else:
                self._readers.append((index, done))

        self.run(lambda: self.core.read_index(confirmed))

    def _answer_readers(self) -> None:
        applied = self.core.applied_index
        ready = [done for index, done in self._readers if index <= applied]
        if ready:
            self._readers = [item for item in self._readers if item[0] > applied]
            for done in ready:
                done(self.core.machine.revision)
