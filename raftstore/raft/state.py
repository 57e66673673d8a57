"""What all rooms of the raft core share: the parts it was given and the few facts all of them use.

The rooms (elections, replication, following, reads, proposals, membership, snapshots) are mixins
over `CoreState`, one idea each; `core.RaftCore` joins them. Rooms call each other only through
methods; attributes that one room owns are annotated and started in that room.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from raftstore.raft.config import RaftConfig
from raftstore.raft.configurations import Configurations, Members
from raftstore.raft.gate import Journal, Outbox
from raftstore.raft.messages import Message
from raftstore.raft.progress import Progress
from raftstore.raft.stock import LEADER, IsolatedSyncObj, Peer

if TYPE_CHECKING:
    from raftstore.machine import Applied, Machine
    from raftstore.snapshot import SnapshotStore
    from raftstore.wal import Wal


class Listeners(NamedTuple):
    """What the node above is told. Called synchronously, in order; one that raises stops the
    node, because the core lets the exception out of the input that caused it."""

    on_applied: Callable[[int, Applied], None]
    on_machine_replaced: Callable[[Machine], None]
    on_members: Callable[[Members], None]
    on_role: Callable[[str, int, str | None], None]


class CoreState(IsolatedSyncObj, ABC):
    node_id: str
    cluster_id: str
    config: RaftConfig
    wal: Wal
    snapshots: SnapshotStore
    machine: Machine
    removed: bool  # this node was a member and is none any more

    _rng: Random
    _listeners: Listeners
    _journal: Journal
    _outbox: Outbox
    _peers: dict[str, Peer]
    _configs: Configurations
    _progress: dict[Peer, Progress]  # the leader's view of every other member
    _is_voter: bool  # by the newest configuration in the log
    _heard_at: float  # when the leader was last heard from

    def _peer(self, node_id: str) -> Peer:
        peer = self._peers.get(node_id)
        if peer is None:
            peer = self._peers[node_id] = Peer(node_id)
        return peer

    def _tell(self, peer: Peer, kind: str, /, **fields: Any) -> bool:
        """Send one message; the outbox holds it while it must wait for the disk."""
        message: Message = {"type": kind, **fields}
        return self._outbox.send(peer, message)

    @property
    def _is_leading(self) -> bool:
        return self._state == LEADER

    def _is_member(self, members: Members) -> bool:
        return any(member.node_id == self.node_id for member in members)

    @property
    def _quorum(self) -> int:
        """How many voters, this one included, make a majority."""
        return (len(self._voters) + 1) // 2 + 1

    def _progress_of(self, peer: Peer) -> Progress:
        progress = self._progress.get(peer)
        if progress is None:
            since = self._configs.since(peer.id)
            progress = self._progress[peer] = Progress(self.wal.last_index + 1, since)
        return progress

    # ---- what one room asks of another; the room that does it is named
    @abstractmethod
    def _observe_term(self, term: int) -> None:
        """Elections: another node is in this term."""

    @abstractmethod
    def transfer_leadership(self, to: str | None = None) -> bool:
        """Elections."""

    @abstractmethod
    def _end_pre_vote(self) -> None:
        """Elections: there is a leader, or a campaign."""

    @abstractmethod
    def _follow(self, peer: Peer, message: Message) -> bool:
        """Following: `peer` claims to lead; False if its term is over."""

    @abstractmethod
    def _acknowledge(self, peer: Peer, index: int, message: Message) -> None:
        """Following: tell the leader that our log equals its own up to `index`."""

    @abstractmethod
    def _replicate_to_all(self, *, heartbeat: bool) -> None:
        """Replication: send what there is; with `heartbeat` at least one message to each."""

    @abstractmethod
    def _is_answer_to_us(self, peer: Peer, message: Message) -> bool:
        """Replication: an answer of a member to this leadership."""

    @abstractmethod
    def _matched(self, peer: Peer, progress: Progress, index: int) -> None:
        """Replication: the follower holds our entries up to `index`."""

    @abstractmethod
    def _send_snapshot(self, peer: Peer, progress: Progress, *, heartbeat: bool) -> bool:
        """SnapshotSending: begin or go on. True if a message was sent."""

    @abstractmethod
    def _snapshot_superseded(self, peer: Peer, progress: Progress) -> None:
        """SnapshotSending: end the transfer, if there is one."""

    @abstractmethod
    def _needed_by_transfers(self, index: int) -> int:
        """SnapshotSending: how far the log may be trimmed although snapshots are on their way."""

    @abstractmethod
    def request_snapshot(self) -> None:
        """SnapshotMaking: make one at the next step, due or not."""

    @abstractmethod
    def _stop_making(self) -> None:
        """SnapshotMaking: give up the snapshot that is being made."""

    @abstractmethod
    def _read_round(self) -> int:
        """Reads: the number that every message to followers carries."""

    @abstractmethod
    def _new_request(self) -> int:
        """Proposals: a number for a request to the leader."""

    @abstractmethod
    def _accepts_proposals(self) -> bool:
        """False while leadership is being handed over."""

    @abstractmethod
    def _configuration_changed(self) -> None:
        """Membership: the newest configuration in the log is another one."""

    @abstractmethod
    def _configuration_applied(self, index: int) -> None:
        """Membership: the configuration of entry `index` is committed."""

    @abstractmethod
    def _leadership_lost(self) -> None:
        """For the rooms that hold promises which only a leader can keep."""

    @abstractmethod
    def _leader_changed(self) -> None:
        """For the rooms that wait for the leader's answers."""

    # ---- SyncObj's view of the log's end, without building a tuple for it
    def _SyncObj__getCurrentLogIndex(self) -> int:  # noqa: N802
        return self.wal.last_index

    def _SyncObj__getCurrentLogTerm(self) -> int:  # noqa: N802
        return self.wal.term(self.wal.last_index) or 0

    def _SyncObj__generateRaftTimeout(self) -> float:  # noqa: N802
        low, high = self.config.election_min, self.config.election_max
        return low + (high - low) * self._rng.random()
