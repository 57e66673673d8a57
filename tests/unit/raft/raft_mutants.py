"""Cores with one safeguard taken out each; `test_mutants.py` says what has to notice it."""

from __future__ import annotations

from typing import Any

from raftstore.raft import Members, Message, RaftCore
from raftstore.raft.configurations import Configurations
from raftstore.raft.progress import Progress
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


class AppliesAgainAfterAnError(RaftCore):
    """Defect 6."""

    def _apply(self, entry: Entry) -> None:
        before = self.applied_index
        try:
            super()._apply(entry)
        except RuntimeError:
            self.applied_index = before
            self.machine.applied_index = before
            raise


class AppliesTwice(RaftCore):
    """Defect 6, as a state machine would see it."""

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
    """Defect 9."""

    def _on_append_reply(self, peer: Peer, message: Message) -> None:
        if message["ok"]:
            super()._on_append_reply(peer, message)


class StartsWithoutItsSnapshot(RaftCore):
    """Defect 10."""

    def _recover_log(self, founders: Members) -> None:
        if self.snapshots.latest() is None:
            self.machine.applied_index = self.wal.base[0]
            self._configs = Configurations((self.wal.base[0], founders))
            return
        super()._recover_log(founders)


class BelievesOldEntries(RaftCore):
    """A node that comes back with an empty disk gets the log from its start."""

    def _progress_of(self, peer: Peer) -> Progress:
        progress = super()._progress_of(peer)
        progress.since = 0
        return progress


class NoPreVote(RaftCore):
    def _begin_pre_vote(self, now: float) -> None:
        pass


class NeverContent(RaftCore):
    """No stickiness."""

    def _is_content(self) -> bool:
        return False


class SendsBeforeTheSync(RaftCore):
    """No durability gate."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._outbox.needed_seq = lambda message: 0  # type: ignore[method-assign]


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
        configs = self._configs
        newest = (configs.index, configs.current)
        configs.at = lambda index: newest  # type: ignore[method-assign]
        super()._begin_making()
        del configs.at


class ForgetsMembersAtRestart(RaftCore):
    """The constructor's members count at restart."""

    def _recover_log(self, founders: Members) -> None:
        super()._recover_log(founders)
        if founders and self.wal.last_index > 1:
            self._configs = Configurations((0, founders))


class ChangesMembersAllAtOnce(RaftCore):
    """A second change begins while the first is not committed."""

    def _SyncObj__changeCluster(self, members: Any) -> bool:  # noqa: N802
        return bool(self._SyncObj__doChangeCluster(members))
