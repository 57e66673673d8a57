"""One running node: the parts, and what each tells the others.

In: callbacks of the Raft core (applied entries, members, role) and of the transport (links,
messages). Out: results for those who wait, changes for observers, wake-ups for the driver. Every
callback is synchronous. What may not happen: a task that waits for a proposal runs before the
observers have seen its changes (read your writes), or an error of an observer that is survived
(its view of the data would be wrong from then on).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from raftstore.errors import MembershipError, StoreError
from raftstore.store.driver import Driver
from raftstore.store.feed import Feed
from raftstore.store.hashes import HashComparison
from raftstore.store.proposals import Proposals
from raftstore.store.reads import Reads
from raftstore.store.waiting import Threshold
from raftstore.transport import Message, Transport

if TYPE_CHECKING:
    from raftstore.config import StoreConfig
    from raftstore.machine import Applied, Machine
    from raftstore.raft import RaftCore
    from raftstore.snapshot import SnapshotStore
    from raftstore.types import Member
    from raftstore.wal import Wal

log = logging.getLogger(__name__)

HASH_MESSAGE = {"state_hash": {"index": (int,), "hash": (bytes,)}}


class Node:
    core: RaftCore
    driver: Driver

    def __init__(
        self, config: StoreConfig, wal: Wal, snapshots: SnapshotStore, machine: Machine
    ) -> None:
        self.config = config
        self.wal = wal
        self.snapshots = snapshots
        self.machine = machine
        self.transport: Transport | None = None
        self.proposals = Proposals(
            max_waiting=config.max_proposals, max_bytes=config.max_command_bytes
        )
        self.reads = Reads(lambda: self.core.applied_index, max_waiting=config.max_readers)
        self.revisions = Threshold()
        self.feed = Feed(lambda: self.machine, config.max_watchers)
        self.hashes = HashComparison(config.node_id)
        self.leader_id: str | None = None
        self.is_leader = False
        self.role_changed = trio.Event()
        self._leader_news = False

    def connect(self, core: RaftCore) -> None:
        self.core = core
        self.driver = Driver(
            core, self.wal, before_turn=self._before_turn, after_turn=self._after_turn
        )
        self.proposals.connect(core.propose, self.driver.wake)
        self.reads.connect(self.driver.wake)

    # -- around a turn of the core ------------------------------------------------------------

    def _before_turn(self) -> None:
        self.reads.start(self.core.read_index)

    def _after_turn(self) -> None:
        if self._leader_news:
            self._leader_news = False
            self.reads.leader_changed()
            self.proposals.try_again()
        if self.transport is not None:
            self.transport.flush()
        if self.core.removed:
            raise MembershipError(
                f"{self.config.node_id} was removed from the cluster; to come back it needs an "
                "empty data directory and has to join again"
            )

    # -- what the core tells ------------------------------------------------------------------

    def send(self, peer_id: str, message: Message) -> bool:
        return self.transport is not None and self.transport.send(peer_id, message)

    def on_applied(self, index: int, applied: Applied) -> None:
        if applied.events:
            self.feed.applied(applied.revision, applied.events)
            self.revisions.reached(applied.revision)
        if applied.proposal_id:
            self.proposals.applied(applied.proposal_id, applied.result)
        self.reads.indexes.reached(index)
        if index in self.hashes.waiting:
            self._vote_hash(index, self.machine.state_hash())

    def on_machine_replaced(self, machine: Machine) -> None:
        """A snapshot was installed: what the entries in between did is in it."""
        self.machine = machine
        index = machine.applied_index
        log.info(
            "%s: took over the leader's snapshot at index %d, revision %d",
            self.config.node_id,
            index,
            machine.revision,
        )
        self.hashes.jumped(index)
        if index in self.hashes.waiting:
            self._vote_hash(index, machine.state_hash())
        self.feed.replaced()
        self.revisions.reached(machine.revision)
        self.reads.indexes.reached(index)
        self._leader_news = True  # results that were in the snapshot are asked for again

    def on_members(self, members: tuple[Member, ...]) -> None:
        if self.transport is not None:
            self.transport.set_peers({m.node_id: m.address for m in members})

    def on_role(self, role: str, term: int, leader_id: str | None) -> None:
        self.is_leader = role == "leader"
        self.leader_id = leader_id
        self.role_changed.set()
        self.role_changed = trio.Event()
        if leader_id is not None:
            self._leader_news = True
        log.info("%s: %s in term %d, leader %s", self.config.node_id, role, term, leader_id)

    # -- what the transport tells -------------------------------------------------------------

    def peer_connected(self, peer_id: str) -> None:
        self.core.peer_connected(peer_id)
        if peer_id == self.leader_id:
            self._leader_news = True
        self.driver.wake()

    def peer_disconnected(self, peer_id: str) -> None:
        self.core.peer_disconnected(peer_id)
        self.driver.wake()

    def receive(self, peer_id: str, messages: list[Message]) -> None:
        for message in messages:
            if message["type"] == "state_hash":
                self._heard_hash(peer_id, message["index"], message["hash"])
            else:
                self.core.receive(peer_id, message)

    def received(self) -> None:
        self.driver.turn()

    # -- hashes of the state ------------------------------------------------------------------

    def tell_hashes(self) -> None:
        """Tell every peer our hash now, and at the last checkpoint (all nodes have those, so
        there is something to compare under load, too)."""
        machine = self.machine
        ours = [(machine.applied_index, machine.state_hash())]
        if machine.checkpoints:
            ours.append((machine.checkpoints[-1].applied_index, machine.checkpoints[-1].state_hash))
        for index, state_hash in ours:
            self._vote_hash(index, state_hash)
            message = {"type": "state_hash", "index": index, "hash": state_hash}
            for member in self.core.members:
                self.send(member.node_id, message)
        if self.transport is not None:
            self.transport.flush()

    def _heard_hash(self, peer_id: str, index: int, theirs: bytes) -> None:
        machine = self.machine
        if all(member.node_id != peer_id for member in self.core.members):
            return
        if index > machine.applied_index:
            ours = None  # it will be compared when we get there
        elif index == machine.applied_index:
            ours = machine.state_hash()
        else:
            past = {point.applied_index: point.state_hash for point in machine.checkpoints}
            ours = past.get(index)
            if ours is None:
                return
        if ours is not None:
            self._vote_hash(index, ours)
        self._vote_hash(index, theirs, peer_id)

    def _vote_hash(self, index: int, state_hash: bytes, peer_id: str | None = None) -> None:
        voters = [member.node_id for member in self.core.members if not member.learner]
        self.hashes.vote(peer_id or self.config.node_id, index, state_hash, voters)

    # -- the end ------------------------------------------------------------------------------

    def close(self, error: StoreError) -> None:
        """Nobody is left waiting."""
        self.proposals.close(error)
        self.reads.close(error)
        self.revisions.close(error)
        self.feed.close(error)
