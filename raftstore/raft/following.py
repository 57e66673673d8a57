"""Following: what a node does with the entries that a leader sends, and applying what is committed.

In: append_entries. Out: the log, the commit index, answers. The rules of the Raft paper, figure 2,
"AppendEntries RPC, receiver implementation", in place of SyncObj's. What may not happen here: a
cut of the log without a conflict, an answer that claims more than was compared, a commit index
beyond what was compared.
"""

from __future__ import annotations

from raftstore.errors import TransportError
from raftstore.machine.commands import Noop, encode_command
from raftstore.raft.configurations import decode_members
from raftstore.raft.messages import Message
from raftstore.raft.state import CoreState
from raftstore.raft.stock import FOLLOWER, MEMBERSHIP, NO_OP, REGULAR, Peer
from raftstore.wal import Entry

# What the machine applies for entries that only concern the core: its index must not have gaps.
NOOP_COMMAND = encode_command(b"", Noop())


class Following(CoreState):
    applied_bytes: int  # of log applied since the last snapshot
    _uncommitted_bytes: int
    _round_told: tuple[int, int]  # term and number of the last read round confirmed early

    # ---- the leader's messages
    def _follow(self, peer: Peer, message: Message) -> bool:
        """`peer` claims to lead: False (and it is told so) if its term is over."""
        term = message["term"]
        if term < self.term:
            self._tell(peer, "stale_term", term=self.term)
            return False
        if self._is_leading and term == self.term:
            raise AssertionError(f"{peer.id} and {self.node_id} both lead term {term}")
        self._heard_at = self._clock()
        self._end_pre_vote()
        if term > self.term:
            self._transfer_ordered = False
            self._set_term(term)
        self._become(FOLLOWER)
        if not self._transfer_ordered:
            self._election_deadline = self._heard_at + self._new_election_timeout()
        if self._leader != peer:
            self._leader = peer
            self._leader_changed()
        return True

    def _on_append_entries(self, peer: Peer, message: Message) -> None:
        if not self._follow(peer, message):
            return
        previous: int = message["prev_index"]
        rows = message["entries"]
        if rows and not rows[0][0] == previous + 1 <= rows[-1][0] == previous + len(rows):
            raise TransportError(f"{peer.id} sent entries that do not follow {previous}")
        commit = self.commit_index
        if previous < commit:
            # What is committed is equal everywhere; it need not be compared, nor be held still.
            rows = rows[commit - previous :]
            previous = min(previous + len(message["entries"]), commit)
            if not rows:
                self._acknowledge(peer, commit, message)
                return
        elif not self._fits(peer, message):
            return
        self._store(rows)
        verified = previous + len(rows)
        self._acknowledge(peer, verified, message)
        self._learn_commit(message, verified)

    def _fits(self, peer: Peer, message: Message) -> bool:
        """Whether our log holds the leader's previous entry; if not, say where to try next."""
        previous = message["prev_index"]
        last = self.wal.last_index
        if previous > last:
            self._refuse(peer, previous, last + 1, message)
            return False
        ours = self.wal.term(previous)
        if ours == message["prev_term"]:
            return True
        # Defect 9: step over the whole conflicting term, not over one batch per heartbeat.
        hint = previous
        while hint > self.commit_index + 1 and self.wal.term(hint - 1) == ours:
            hint -= 1
        self._refuse(peer, previous, hint, message)
        return False

    def _store(self, rows: tuple[tuple[int, int, bytes], ...]) -> None:
        """Defect 1: cut the log only where an entry contradicts the leader's, never because a
        message was short or old. test_defects.py::test_1_truncation_without_conflict"""
        known = 0
        for index, term, _command in rows:
            ours = self.wal.term(index)
            if ours is None:
                break
            if ours != term:
                self._cut_from(index)
                break
            known += 1
        fresh = [Entry(*row) for row in rows[known:]]
        if not fresh:
            return
        self.wal.append(fresh)
        news = False
        for entry in fresh:
            if entry.command[:1] == MEMBERSHIP:
                self._configs.append(entry.index, decode_members(entry.command))
                news = True
        if news:
            self._configuration_changed()

    def _cut_from(self, index: int) -> None:
        if index <= self.commit_index:
            raise AssertionError(f"entry {index} is committed and contradicts the leader's")
        self.wal.truncate_from(index)
        if self._configs.truncate_from(index):
            self._configuration_changed()

    def _learn_commit(self, message: Message, verified: int) -> None:
        """Defect 2: only what was compared with this leader's log can be committed by its word.
        test_defects.py::test_2_snapshot_message_commits_an_unverified_tail"""
        commit = min(message["commit_index"], verified)
        if commit > self.commit_index:
            self._set_commit_index(commit)

    def _acknowledge(self, peer: Peer, index: int, message: Message) -> None:
        """Defect 3: answers carry the term, so that an old one counts in no other leadership.
        test_defects.py::test_3_acknowledgement_of_an_older_term"""
        self._confirm_round(peer, message)
        self._tell(
            peer,
            "append_reply",
            term=self.term,
            ok=True,
            index=index,
            rejected=0,
            round=message["round"],
        )

    def _confirm_round(self, peer: Peer, message: Message) -> None:
        """An answer that has to wait for the disk must not make a reader at the leader wait:
        that we still follow can be said at once, and once per round."""
        told = (message["term"], message["round"])
        if message["round"] and told != self._round_told and self.wal.dirty:
            self._round_told = told
            self._tell(peer, "round_reply", term=message["term"], round=message["round"])

    def _refuse(self, peer: Peer, rejected: int, hint: int, message: Message) -> None:
        self._confirm_round(peer, message)
        self._tell(
            peer,
            "append_reply",
            term=self.term,
            ok=False,
            index=hint,
            rejected=rejected,
            round=message["round"],
        )

    # ---- applying
    def _SyncObj__applyLogEntries(self) -> bool:  # noqa: N802
        """Apply a bounded number of committed entries. False: nothing to send because of it.

        Defect 6: the index moves before anyone is called, so that a listener that raises does
        not make the entry apply again. test_defects.py::test_6_raising_callback
        """
        until = min(self.commit_index, self.applied_index + self.config.apply_batch)
        while self.applied_index < until:
            self._apply(self.wal.entry(self.applied_index + 1))
        return False

    def _apply(self, entry: Entry) -> None:
        index, _term, command = entry
        self.applied_index = index
        self.applied_bytes += len(command)
        self._uncommitted_bytes = max(0, self._uncommitted_bytes - len(command))
        kind = command[:1]
        if kind == REGULAR:
            payload = command[1:]
        elif kind in (NO_OP, MEMBERSHIP):
            payload = NOOP_COMMAND
        else:
            raise AssertionError(f"entry {index} has the unknown kind {kind!r}")
        self._listeners.on_applied(index, self.machine.apply(index, payload))
        if kind == MEMBERSHIP:
            self._configuration_applied(index)
