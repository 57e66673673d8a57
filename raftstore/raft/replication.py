"""Replication: how a leader brings every other member's log to its own.

In: the log, acknowledgements, the clock. Out: append_entries within a window per follower; a
snapshot for a follower that needs entries which are gone. SyncObj's commit rule then counts the
match indexes. What may not happen here: counting what a follower did not acknowledge in this term,
or counting ourselves for entries that our own disk does not hold yet.
"""

from __future__ import annotations

from typing import Any

from raftstore.errors import TransportError
from raftstore.raft.messages import Message
from raftstore.raft.progress import Progress
from raftstore.raft.state import CoreState
from raftstore.raft.stock import Peer


class Replication(CoreState):
    _heartbeat_at: float  # when the next heartbeat is due

    # ---- what SyncObj's tick calls
    def _SyncObj__sendAppendEntries(self) -> None:  # noqa: N802
        """The heartbeat. SyncObj's own loop sends everything again and again while nothing is
        acknowledged (part of defect 9), and big entries in pieces that fail (defect 5): here
        there are windows, and an entry is never split; the transport limits its size."""
        self._heartbeat_at = self._clock() + self.config.heartbeat
        self._SyncObj__newAppendEntriesTime = self._heartbeat_at
        self._replicate_to_all(heartbeat=True)

    def _SyncObj__getEntries(  # noqa: N802
        self, index: int, _count: int | None = None, _size: int | None = None
    ) -> list[tuple[bytes, int, int]]:
        """What SyncObj's commit rule sees of the log: the entry at `index`, but only if it is on
        our own disk. The rule counts this node without asking, and so commits nothing that a
        power loss here could take. test_gate.py::test_a_single_voter_commits_after_its_sync"""
        if index > self.wal.durable_index:
            return []
        return [(b"", index, self.wal.term(index) or 0)]

    # ---- sending
    def _replicate_to_all(self, *, heartbeat: bool) -> None:
        for peers in (self._voters, self._learners):
            for peer in peers:
                if peer in self._connected:
                    self._replicate(peer, heartbeat=heartbeat)

    def _replicate(self, peer: Peer, *, heartbeat: bool) -> None:
        progress = self._progress_of(peer)
        if progress.sending is not None or self._needs_snapshot(progress):
            if not self._send_snapshot(peer, progress, heartbeat=heartbeat) and heartbeat:
                self._send_entries(peer, progress, 0, 0, [])
            return
        if progress.probe:
            self._probe(peer, progress, heartbeat=heartbeat)
            return
        sent = False
        while progress.next <= self.wal.last_index and progress.has_room(self.config):
            entries = self._next_entries(progress)
            previous = progress.next - 1
            self._send_entries(peer, progress, previous, self.wal.term(previous) or 0, entries)
            progress.sent(entries[-1].index, sum(len(entry.command) for entry in entries))
            sent = True
        if not sent and (heartbeat or progress.commit_sent < self.commit_index):
            previous = progress.next - 1
            self._send_entries(peer, progress, previous, self.wal.term(previous) or 0, [])

    def _needs_snapshot(self, progress: Progress) -> bool:
        """The entries are gone, or the follower lacks the one that made it a member.

        A newcomer never sees an older configuration. If it had been a member before, with a disk
        that is gone, an old entry would tell it that it is a voter, and it would vote, or even
        lead, without remembering what it had promised.
        test_membership.py::test_a_node_that_comes_back_empty_does_not_believe_old_entries"""
        return progress.next <= progress.since or self.wal.term(progress.next - 1) is None

    def _probe(self, peer: Peer, progress: Progress, *, heartbeat: bool) -> None:
        """One message, then wait: the first with entries, repetitions without."""
        first = progress.probe_sent_at == float("-inf")
        if not first and not heartbeat:
            return
        previous = progress.next - 1
        entries = self._next_entries(progress) if first and previous < self.wal.last_index else []
        progress.probe_sent_at = self._clock()
        self._send_entries(peer, progress, previous, self.wal.term(previous) or 0, entries)

    def _next_entries(self, progress: Progress) -> list[Any]:
        end = min(self.wal.last_index, progress.next + self.config.append_entries - 1)
        return self.wal.slice(progress.next, end + 1, self.config.append_bytes)

    def _send_entries(
        self, peer: Peer, progress: Progress, previous: int, term: int, entries: list[Any]
    ) -> None:
        progress.commit_sent = self.commit_index
        self._tell(
            peer,
            "append_entries",
            term=self.term,
            prev_index=previous,
            prev_term=term,
            entries=tuple([tuple(entry) for entry in entries]),
            commit_index=self.commit_index,
            round=self._read_round(),
        )

    # ---- answers
    def _is_answer_to_us(self, peer: Peer, message: Message) -> bool:
        """An answer of a member, to this leadership (defect 3)."""
        if message["term"] > self.term:
            self._observe_term(message["term"])
            return False
        if message["term"] < self.term or not self._is_leading:
            return False
        if peer not in self._voters and peer not in self._learners:
            return False
        self._last_response[peer] = self._clock()
        progress = self._progress_of(peer)
        progress.round = max(progress.round, message["round"])
        return True

    def _on_round_reply(self, peer: Peer, message: Message) -> None:
        self._is_answer_to_us(peer, message)

    def _on_append_reply(self, peer: Peer, message: Message) -> None:
        if not self._is_answer_to_us(peer, message):
            return
        progress = self._progress_of(peer)
        if not message["ok"]:
            if progress.sending is None:
                progress.refused(message["rejected"], message["index"])
            return
        if progress.sending is not None:
            if message["index"] < progress.sending.meta.index:
                return
            self._snapshot_superseded(peer, progress)
        self._matched(peer, progress, message["index"])

    def _matched(self, peer: Peer, progress: Progress, index: int) -> None:
        if index > self.wal.last_index:
            raise TransportError(f"{peer.id} acknowledged {index}, beyond the leader's log")
        progress.acknowledged(index)
        self._match_index[peer] = progress.match

    # ---- links
    def peer_connected(self, peer_id: str) -> None:
        self._enter()
        peer = self._peer(peer_id)
        self._connected.add(peer)
        if self._is_leading:
            self._restart_progress(peer)

    def peer_disconnected(self, peer_id: str) -> None:
        self._enter()
        peer = self._peer(peer_id)
        self._connected.discard(peer)
        if self._is_leading:
            self._restart_progress(peer)

    def _restart_progress(self, peer: Peer) -> None:
        """What was in flight on the old link may be lost."""
        progress = self._progress.get(peer)
        if progress is not None:
            self._snapshot_superseded(peer, progress)
            start = progress.match if progress.match else self.wal.last_index
            progress.restart(start + 1)
