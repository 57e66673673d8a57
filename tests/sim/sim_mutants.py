"""Cores with one safeguard taken out each: the simulator has to notice every one of them."""

from __future__ import annotations

from typing import Any

from raftstore.raft import Message, RaftCore
from raftstore.raft.gate import Outbox
from raftstore.raft.reads import Reads
from raftstore.raft.stock import Peer
from raftstore.snapshot import SnapshotMeta
from raftstore.wal import Entry


class TruncatesWithoutConflict(RaftCore):
    """Defect 1."""

    def _store(self, rows: tuple[tuple[int, int, bytes], ...]) -> None:
        if rows and rows[0][0] <= self.wal.last_index:
            self.wal.truncate_from(rows[0][0])
            self._configs.truncate_from(rows[0][0])
        super()._store(rows)


class CommitsUnverifiedTail(RaftCore):
    """Defect 2."""

    def _learn_commit(self, message: Message, verified: int) -> None:
        super()._learn_commit(message, self.wal.last_index)


class CountsOldAnswers(RaftCore):
    """Defect 3."""

    def _is_answer_to_us(self, peer: Peer, message: Message) -> bool:
        if message["term"] < self.term:
            message["term"] = self.term
        return super()._is_answer_to_us(peer, message)


class WipesTheTailAtRestart(RaftCore):
    """Defect 4."""

    def _recover_snapshot(self, latest: SnapshotMeta) -> None:
        if self.wal.base[0] != latest.index:
            self.wal.reset(latest.index, latest.term)
        super()._recover_snapshot(latest)


class AppliesBeforeItCounts(RaftCore):
    """Defect 6: an entry that fails half-way would be applied again; here it always is."""

    def _apply(self, entry: Entry) -> None:
        super()._apply(entry)
        if entry.index % 50 == 0:
            self.machine.applied_index -= 1
            super()._apply(entry)


class AcknowledgesFailedSnapshots(RaftCore):
    """Defect 7."""

    def _install(self, receiving: Any) -> None:
        meta = receiving.receiver.meta
        if receiving.failed:
            self.wal.reset(meta.index, meta.term)
            self._acknowledge(receiving.leader, meta.index, receiving.message)
        super()._install(receiving)


class NeverBacksOff(RaftCore):
    """Defect 9: a refusal moves the leader by nothing."""

    def _refuse(self, peer: Peer, rejected: int, hint: int, message: Message) -> None:
        super()._refuse(peer, rejected, rejected + 1, message)


class SendsBeforeTheSync(RaftCore):
    """No durability gate."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._outbox.needed_seq = lambda _message: 0


class CommitsBeforeItsOwnSync(RaftCore):
    """The leader counts itself for what its disk does not hold."""

    def _SyncObj__getEntries(  # noqa: N802
        self, index: int, _count: int | None = None, _size: int | None = None
    ) -> list[tuple[bytes, int, int]]:
        return [(b"", index, self.wal.term(index) or 0)]


class ReadsWithoutAsking(RaftCore):
    """A read index without a round."""

    def _finish_round(self) -> None:
        if self._round is not None:
            for peer in self._voters:
                self._progress_of(peer).round = self._round.number
        super()._finish_round()


class ReadsBeforeItsFirstCommit(RaftCore):
    """A new leader answers reads before it knows what is committed."""

    def _knows_commit(self) -> bool:
        return True


class CountsVotesTwice(RaftCore):
    """SyncObj's vote counting, with votes that arrive twice."""

    def _on_response_vote(self, peer: Peer, message: Message) -> None:
        if message["term"] == self.term:
            self._SyncObj__onMessageReceived(peer, message)
            self._SyncObj__onMessageReceived(peer, message)


class ForgetsItsVote(RaftCore):
    """The vote is not stored."""

    def __init__(self, **parts: Any) -> None:
        wal = parts["wal"]
        store = wal.set_hard_state
        wal.set_hard_state = lambda term, _voted_for: store(term, None)
        super().__init__(**parts)


class SnapshotsUncommittedMembers(RaftCore):
    """SyncObj's dump holds whatever configuration is in the log."""

    def _begin_making(self) -> None:
        at = self._configs.at
        self._configs.at = lambda _index: (self._configs.index, self._configs.current)
        super()._begin_making()
        self._configs.at = at


class ForgetsMembersAtRestart(RaftCore):
    """The constructor's members count at restart."""

    def _recover_log(self, founders: Any) -> None:
        super()._recover_log(founders)
        if founders and self.wal.last_index > 1:
            self._configs.reset(0, founders, [])


class ChangesMembersAllAtOnce(RaftCore):
    """A second change begins while the first is not committed."""

    def _SyncObj__changeCluster(self, members: Any) -> bool:  # noqa: N802
        return bool(self._SyncObj__doChangeCluster(members))


__all__ = ["Outbox", "Reads"]
