"""RaftCore: the rooms joined, and the inputs a driver calls.

In: ticks, messages, links, proposals, reads, syncs of the wal. Out: messages through `send`,
applied entries and news through the listeners. Everything is synchronous and deterministic: no
clock but the one given, no randomness but the one given, no disk but the wal's buffer and small
steps of snapshots. After any input the driver calls `tick` soon (commits, applies and sends happen
there); while `more_work` is true, again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, ClassVar

from pysyncobj.config import SyncObjConf

from raftstore.errors import CorruptLog
from raftstore.machine import Applied, Machine
from raftstore.raft.config import RaftConfig
from raftstore.raft.configurations import Configurations, Members, decode_members, encode_members
from raftstore.raft.elections import Elections
from raftstore.raft.following import Following
from raftstore.raft.gate import Journal, Outbox
from raftstore.raft.making import SnapshotMaking
from raftstore.raft.membership import Membership
from raftstore.raft.messages import PROTOCOL_VERSION, Message
from raftstore.raft.proposals import Proposals
from raftstore.raft.reads import Reads
from raftstore.raft.receiving import SnapshotReceiving
from raftstore.raft.replication import Replication
from raftstore.raft.sending import SnapshotSending
from raftstore.raft.state import Listeners
from raftstore.raft.stock import CANDIDATE, LEADER, MEMBERSHIP, Peer
from raftstore.snapshot import SnapshotMeta, SnapshotStore
from raftstore.types import Member
from raftstore.wal import Entry, Wal

FOUNDING_TERM = 1

# Messages that only members send: a sender that is no member any more is told so.
_FROM_MEMBERS = frozenset({"pre_vote", "request_vote", "propose", "read_request"})
# Messages that only a leader sends to members.
_FROM_LEADER = frozenset({"append_entries", "snapshot_chunk"})


class RaftCore(
    Elections,
    Replication,
    Following,
    Proposals,
    Reads,
    Membership,
    SnapshotSending,
    SnapshotReceiving,
    SnapshotMaking,
):
    """One node's Raft. `members` are the founders of a new cluster, the same on each of them;
    empty for a node that will be added to a running cluster. They are used only when the wal and
    the snapshots are empty: a restarted node finds its members there."""

    _HANDLERS: ClassVar[dict[str, str]] = {
        "append_entries": "_on_append_entries",
        "append_reply": "_on_append_reply",
        "round_reply": "_on_round_reply",
        "pre_vote": "_on_pre_vote",
        "pre_vote_reply": "_on_pre_vote_reply",
        "request_vote": "_on_request_vote",
        "response_vote": "_on_response_vote",
        "stale_term": "_on_stale_term",
        "timeout_now": "_on_timeout_now",
        "propose": "_on_propose",
        "propose_refused": "_on_propose_refused",
        "read_request": "_on_read_request",
        "read_reply": "_on_read_reply",
        "change_members": "_on_change_members",
        "change_reply": "_on_change_reply",
        "transfer_request": "_on_transfer_request",
        "removed": "_on_removed",
        "snapshot_chunk": "_on_snapshot_chunk",
        "snapshot_reply": "_on_snapshot_reply",
    }

    def __init__(
        self,
        *,
        node_id: str,
        cluster_id: str,
        config: RaftConfig,
        wal: Wal,
        snapshots: SnapshotStore,
        machine: Machine,
        members: Sequence[Member],
        clock: Callable[[], float],
        rng: Random,
        send: Callable[[str, Message], bool],
        on_applied: Callable[[int, Applied], None],
        on_machine_replaced: Callable[[Machine], None],
        on_members: Callable[[Members], None],
        on_role: Callable[[str, int, str | None], None],
    ) -> None:
        self.node_id, self.cluster_id, self.config = node_id, cluster_id, config
        self.wal, self.snapshots, self.machine = wal, snapshots, machine
        self.removed = False
        self._is_voter = False
        self._rng = rng
        self._journal = Journal(wal)
        self._outbox = Outbox(self._journal, send)
        self._peers = {}
        self._progress = {}
        self._heard_at = float("-inf")
        self._heartbeat_at = 0.0
        self._round_told = (0, 0)
        self._told_role: tuple[str, int, str | None] | None = None
        self._listeners = Listeners(
            self._applied(on_applied), on_machine_replaced, on_members, on_role
        )
        self._start_elections()
        self._start_proposals()
        self._start_reads()
        self._start_membership()
        self._start_making()
        self._start_receiving(partial(Machine.thaw, config=machine.config))
        self._recover_log(tuple(sorted(members)))
        self._start_stock(
            clock=clock,
            node=self._peer(node_id),
            others=(),
            conf=_stock_conf(config, self._journal),
            transport=self._outbox,
        )
        self.applied_index = machine.applied_index
        self._configuration_changed()
        if self._is_voter and not self._voters:
            self._election_deadline = float("-inf")  # alone: nobody to wait for
        self._tell_role()

    # ---- starting
    def _recover_log(self, founders: Members) -> None:
        """Make wal, snapshot and machine fit together, before SyncObj looks at the log."""
        latest = self.snapshots.latest()
        if latest is not None:
            self._recover_snapshot(latest)
        elif self.wal.base[0] > 0:
            # Defect 10: test_defects.py::test_10_log_without_its_snapshot
            raise CorruptLog(f"the log begins after {self.wal.base[0]} and there is no snapshot")
        elif self.wal.last_index == 0 and founders:
            self._found(founders)
        start = latest.index if latest is not None else 0
        if self.machine.applied_index != start:
            raise CorruptLog(
                f"the machine is at entry {self.machine.applied_index}, its snapshot at {start}"
            )
        self._configs = Configurations(*self._recover_members(latest))

    def _recover_members(self, latest: SnapshotMeta | None) -> list[tuple[int, Members]]:
        """The configurations of the log, on top of the one in force where it begins: that of the
        snapshot, unless the log holds a change before the snapshot (then nobody asks for it)."""
        entries = map(self.wal.entry, range(self.wal.first_index, self.wal.last_index + 1))
        changes = [
            (entry.index, decode_members(entry.command))
            for entry in entries
            if entry.command[:1] == MEMBERSHIP
        ]
        if latest is not None and changes and changes[0][0] <= latest.index:
            return changes
        return [(self.wal.base[0], () if latest is None else latest.members), *changes]

    def _recover_snapshot(self, latest: SnapshotMeta) -> None:
        """Defect 4: entries after a snapshot stay if the log holds its last entry, however the
        log begins. test_defects.py::test_4_restart_between_snapshot_and_trim"""
        if self.wal.base[0] > latest.index:
            raise CorruptLog(
                f"the log begins after {self.wal.base[0]}, the newest snapshot is of {latest.index}"
            )
        if self.wal.term(latest.index) != latest.term:
            self.wal.reset(latest.index, latest.term)

    def _found(self, founders: Members) -> None:
        """Every founder begins with the same first entry, so it counts as committed."""
        self.wal.set_hard_state(FOUNDING_TERM, None)
        self._journal.term_seq = self.wal.seq
        self.wal.append((Entry(1, FOUNDING_TERM, encode_members(founders)),))
        self.wal.set_commit_hint(1)

    def _applied(self, on_applied: Callable[[int, Applied], None]) -> Callable[..., None]:
        def listener(index: int, applied: Applied) -> None:
            self._proposal_applied(applied.proposal_id)
            on_applied(index, applied)

        return listener

    # ---- inputs
    def tick(self) -> None:
        """Timers, elections, commit, apply, replicate, read rounds."""
        self._enter()
        self._before_tick()
        self._onTick(0.0)
        if self._is_leading:
            self._replicate_to_all(heartbeat=False)
        self._drive_reads()
        self._drive_changes()
        self._tell_role()

    def receive(self, peer_id: str, message: Message) -> None:
        """A message that obeys `messages.SCHEMA`, from a peer whose identity is proven."""
        self._enter()
        if message["v"] != PROTOCOL_VERSION:
            return  # the hello of the transport refuses such a peer, this is the second door
        kind = message["type"]
        peer = self._peer(peer_id)
        if kind in _FROM_LEADER:
            self.removed = False  # a leader counts us in
        elif kind in _FROM_MEMBERS:
            self._tell_if_removed(peer)
        getattr(self, self._HANDLERS[kind])(peer, message)
        self._tell_role()

    def wal_synced(self) -> None:
        """`Wal.done` was called: let go what waited for the disk."""
        self._enter()
        self._outbox.release()

    def _SyncObj__tryLogCompaction(self) -> None:  # noqa: N802
        """SyncObj's dump (pickle, a fork, the whole state at once) is replaced by `making`."""

    # ---- what the rooms tell each other
    def _accepts_proposals(self) -> bool:
        return self._transfer is None

    def _leadership_lost(self) -> None:
        self._drop_transfers()
        self._fail_reads()
        self._fail_change()

    def _leader_changed(self) -> None:
        self._forget_forwards()
        self._fail_reads()

    def _SyncObj__onBecomeLeader(self) -> None:  # noqa: N802
        self._uncommitted_bytes = 0
        # A change of an earlier leadership lies before our no-op, which SyncObj waits for; its
        # note of one that was cut off would block changes until the log is as long again.
        self._SyncObj__changeClusterIDx = 0
        self._leader_changed()
        super()._SyncObj__onBecomeLeader()

    def _tell_role(self) -> None:
        now = (self.role, self.term, self.leader_id)
        if now != self._told_role:
            self._told_role = now
            self._listeners.on_role(*now)

    # ---- outputs
    @property
    def role(self) -> str:
        if self.removed:
            return "removed"
        state = self._state
        if state == LEADER:
            return "leader"
        if state == CANDIDATE or self._pre_votes is not None:
            return "candidate"
        return "follower" if self._is_voter else "learner"

    @property
    def leader_id(self) -> str | None:
        leader = self._leader
        return leader.id if leader is not None else None

    @property
    def more_work(self) -> bool:
        """Committed entries wait to be applied: tick again, after others had their turn."""
        return self.applied_index < self.commit_index

    def next_deadline(self) -> float:
        """When `tick` has something to do even if nothing comes in."""
        if self._is_leading:
            return self._heartbeat_at
        deadlines = [self._election_deadline]
        if self._asked is not None:
            deadlines.append(self._asked.deadline)
        if self._leaving is not None:
            deadlines.append(self._leaving.deadline)
        deadlines.extend(asked.deadline for asked in self._asked_changes.values())
        # A deadline in the past that could not be acted on (no link) is looked at again later.
        return max(min(deadlines), self._clock() + 0.001)

    def status(self) -> dict[str, Any]:
        return {
            "node_id": self.node_id,
            "cluster_id": self.cluster_id,
            "protocol": PROTOCOL_VERSION,
            "role": self.role,
            "leader_id": self.leader_id,
            "term": self.term,
            "commit_index": self.commit_index,
            "applied_index": self.applied_index,
            "first_index": self.wal.first_index,
            "last_index": self.wal.last_index,
            "durable_index": self.wal.durable_index,
            "members": self.members,
            "peers": {peer.id: self._peer_status(peer) for peer in self._progress},
        }

    def _peer_status(self, peer: Peer) -> dict[str, Any]:
        progress = self._progress[peer]
        return {
            "match": progress.match,
            "next": progress.next,
            "lag": self.wal.last_index - progress.match,
            "connected": peer in self._connected,
            "probing": progress.probe,
            "snapshot": progress.sending.meta.index if progress.sending is not None else None,
        }


def _stock_conf(config: RaftConfig, journal: Journal) -> SyncObjConf:
    return SyncObjConf(
        autoTick=False,
        appendEntriesPeriod=config.heartbeat,
        raftMinTimeout=config.election_min,
        raftMaxTimeout=config.election_max,
        leaderFallbackTimeout=config.leader_fallback,
        connectionTimeout=max(3.5, config.election_max),
        dynamicMembershipChange=True,
        journalFile=journal,
        tcp_keepalive=None,
    )
