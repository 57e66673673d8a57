"""What all rooms of the raft core share: the parts it was given and the few facts all of them use.

The rooms (elections, replication, following, reads, proposals, membership, snapshots) are mixins
over `CoreState`, one idea each; `core.RaftCore` joins them. Rooms call each other only through
methods; attributes that one room owns are annotated and started in that room.
"""

from __future__ import annotations

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


class CoreState(IsolatedSyncObj):
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
    _heard_at: float  # when the leader was last heard from

    def _peer(self, node_id: str) -> Peer:
        peer = self._peers.get(node_id)
        if peer is None:
            peer = self._peers[node_id] = Peer(node_id)
        return peer

    def _tell(self, peer: Peer, kind: str, **fields: Any) -> bool:
        """Send one message; the outbox holds it while it must wait for the disk."""
        message: Message = {"type": kind, **fields}
        return self._outbox.send(peer, message)

    @property
    def _is_leading(self) -> bool:
        return self._state == LEADER

    @property
    def _is_voter(self) -> bool:
        return any(m.node_id == self.node_id and not m.learner for m in self._configs.current)

    @property
    def _quorum(self) -> int:
        """How many voters, this one included, make a majority."""
        return (len(self._voters) + 1) // 2 + 1

    def _progress_of(self, peer: Peer) -> Progress:
        progress = self._progress.get(peer)
        if progress is None:
            progress = self._progress[peer] = Progress(self.wal.last_index + 1)
        return progress

    # ---- SyncObj's view of the log's end, without building a tuple for it
    def _SyncObj__getCurrentLogIndex(self) -> int:  # noqa: N802
        return self.wal.last_index

    def _SyncObj__getCurrentLogTerm(self) -> int:  # noqa: N802
        return self.wal.term(self.wal.last_index) or 0

    def _SyncObj__generateRaftTimeout(self) -> float:  # noqa: N802
        low, high = self.config.election_min, self.config.election_max
        return low + (high - low) * self._rng.random()
