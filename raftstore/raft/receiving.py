"""Receiving a snapshot from the leader and going on from it.

In: checksummed pieces, in any order and number. Out: an answer per piece; at the end a verified
file, a new machine, and a log that begins after it. What may not happen: anything replaced before
the whole file was verified and is durable; an acknowledgement of a snapshot that was not installed
(defect 7); a commit by a snapshot message (defect 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from raftstore.errors import CorruptLog, TransportError
from raftstore.machine import Machine
from raftstore.raft.configurations import members_from
from raftstore.raft.jobs import Job, Jobs
from raftstore.raft.making import KEEP
from raftstore.raft.messages import Message
from raftstore.raft.state import CoreState
from raftstore.raft.stock import Peer
from raftstore.snapshot import SnapshotMeta

if TYPE_CHECKING:
    from raftstore.snapshot import Receiver

Thaw = Callable[[Iterable[bytes]], Machine]


class Receiving:
    def __init__(self, leader: Peer, receiver: Receiver) -> None:
        self.leader = leader
        self.receiver = receiver
        self.installing = False
        self.message: Message = {}  # the last one, to be answered when the snapshot is installed
        self.machine: Machine | None = None
        self.failed = False


class SnapshotReceiving(CoreState):
    applied_bytes: int
    _receiving: Receiving | None
    _thaw: Thaw
    _jobs: Jobs

    def _start_receiving(self, thaw: Thaw) -> None:
        self._receiving = None
        self._thaw = thaw

    def _on_snapshot_chunk(self, peer: Peer, message: Message) -> None:
        if not self._follow(peer, message):
            return
        try:
            meta = SnapshotMeta(*message["meta"])
            meta = meta._replace(members=members_from(meta.members))
        except (TypeError, ValueError) as error:
            raise TransportError(f"{peer.id} sent a snapshot without a meta") from error
        if meta.cluster_id != self.cluster_id:
            raise TransportError(f"{peer.id} sent a snapshot of cluster {meta.cluster_id}")
        if meta.index <= self.commit_index:
            self._acknowledge(peer, self.commit_index, message)
            return
        receiving = self._receiving_of(peer, meta)
        if receiving is None:
            return
        receiving.message = message
        receiver = receiving.receiver
        if not receiving.installing:
            receiver.write_at(message["offset"], message["data"], message["crc"])
            if receiver.complete:
                self._install_later(receiving)
        self._answer_piece(peer, message, meta.index, receiver.offset, failed=False)

    def _receiving_of(self, peer: Peer, meta: SnapshotMeta) -> Receiving | None:
        """The transfer that a piece belongs to; None while another one is being installed."""
        receiving = self._receiving
        if receiving is not None:
            if receiving.leader == peer and receiving.receiver.meta == meta:
                return receiving
            if receiving.installing:
                return None
            receiving.receiver.abort()
        receiving = self._receiving = Receiving(peer, self.snapshots.receive(meta))
        return receiving

    def _answer_piece(
        self, peer: Peer, message: Message, index: int, offset: int, *, failed: bool
    ) -> None:
        self._tell(
            peer,
            "snapshot_reply",
            term=self.term,
            index=index,
            offset=offset,
            failed=failed,
            round=message["round"],
        )

    # ---- installing
    def _install_later(self, receiving: Receiving) -> None:
        receiving.installing = True

        def run() -> None:
            try:
                meta = receiving.receiver.finish()
                receiving.machine = self._thaw(self.snapshots.read(meta))
            except (TransportError, CorruptLog):
                receiving.failed = True

        self._jobs.add(Job(run, lambda: self._install(receiving)))

    def _install(self, receiving: Receiving) -> None:
        """The file is verified and durable, or refused; only now something is replaced."""
        self._enter()
        self._receiving = None
        meta, machine = receiving.receiver.meta, receiving.machine
        if receiving.failed or machine is None:
            # Defect 7: test_defects.py::test_7_failed_snapshot_is_not_acknowledged
            self._answer_piece(receiving.leader, receiving.message, meta.index, 0, failed=True)
            return
        if meta.index > self.commit_index:
            self._replace_state(meta, machine)
        self.snapshots.prune(KEEP)
        if self._leader == receiving.leader:
            self._acknowledge(receiving.leader, self.commit_index, receiving.message)

    def _replace_state(self, meta: SnapshotMeta, machine: Machine) -> None:
        self._stop_making()
        if self.wal.term(meta.index) == meta.term:
            self.wal.trim_to(meta.index, meta.term)  # our log goes on after the snapshot
            history = self._configs.after(meta.index)
        else:
            self.wal.reset(meta.index, meta.term)
            history = []
        self._configs.reset(meta.index, meta.members, history)
        self.machine = machine
        self.applied_index = meta.index
        self.applied_bytes = 0
        self._set_commit_index(meta.index)
        self._configuration_changed()
        self._listeners.on_machine_replaced(machine)
