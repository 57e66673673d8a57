"""Linearizable reads: ReadIndex, one round for everybody who waits.

In: callers that want to read what was committed before they asked. Out: an index for each; state
that includes it answers the read. The leader notes its commit index and asks a quorum whether it
still leads; other nodes ask the leader. What may not happen: an index from a leader that has not
committed an entry of its own term (it may not know the newest commit yet), or a confirmation by
an answer to a message that was sent before the read arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from raftstore.raft.messages import Message
from raftstore.raft.state import CoreState
from raftstore.raft.stock import Peer

OnIndex: TypeAlias = Callable[[int | None], None]


class _Round(NamedTuple):
    number: int
    commit: int
    readers: list[OnIndex]


class _Asked(NamedTuple):
    request: int
    deadline: float
    readers: list[OnIndex]


class Reads(CoreState):
    _rounds: int  # how many were started; rises for the life of this core
    _round: _Round | None
    _readers: list[OnIndex]  # wait for the next round, or for the next request to the leader
    _asked: _Asked | None

    def _start_reads(self) -> None:
        self._rounds = 0
        self._round = None
        self._readers = []
        self._asked = None

    def _read_round(self) -> int:
        """The number that every message to followers carries; they send it back."""
        return self._rounds

    def read_index(self, done: OnIndex) -> None:
        """Ask for an index. `done` gets it, or None: no leader confirmed, ask again."""
        self._enter()
        full = len(self._readers) >= self.config.waiting_reads
        if full or not (self._is_leading or self._leader_reachable()):
            done(None)
        else:
            self._readers.append(done)

    @property
    def reads_are_current(self) -> bool:
        """A cluster of one: what is acknowledged is applied here, nobody needs to confirm it."""
        return self._is_leading and not self._voters and self._knows_commit()

    def _leader_reachable(self) -> bool:
        leader = self._leader
        return leader is not None and leader in self._connected

    def _drive_reads(self) -> None:
        """Part of every tick."""
        if self._is_leading:
            self._finish_round()
            if self._readers and self._round is None and self._knows_commit():
                self._begin_round()
                self._finish_round()
        elif self._asked is not None and self._clock() > self._asked.deadline:
            self._fail_reads()
        elif self._readers and self._asked is None:
            self._ask_leader()

    # ---- on the leader
    def _knows_commit(self) -> bool:
        """An entry of this term is committed, so no commit of an earlier term is unknown here."""
        return 0 < self._noop_index <= self.commit_index

    def _begin_round(self) -> None:
        self._rounds += 1
        self._round = _Round(self._rounds, self.commit_index, self._readers)
        self._readers = []
        if self._voters:
            self._replicate_to_all(heartbeat=True)

    def _finish_round(self) -> None:
        current = self._round
        if current is None:
            return
        confirmed = 1  # this node
        for peer in self._voters:
            progress = self._progress.get(peer)
            confirmed += progress is not None and progress.round >= current.number
        if confirmed >= self._quorum:
            self._round = None
            for done in current.readers:
                done(current.commit)

    def _on_read_request(self, peer: Peer, message: Message) -> None:
        request = message["request"]

        def answer(index: int | None) -> None:
            self._tell(peer, "read_reply", request=request, index=index)

        if self._is_leading:
            self.read_index(answer)
        else:
            answer(None)

    # ---- on other nodes
    def _ask_leader(self) -> None:
        leader, readers = self._leader, self._readers
        self._readers = []
        request = self._new_request()
        if leader is None or not self._tell(leader, "read_request", request=request):
            for done in readers:
                done(None)
            return
        self._asked = _Asked(request, self._clock() + self.config.request_timeout, readers)

    def _on_read_reply(self, _peer: Peer, message: Message) -> None:
        asked = self._asked
        if asked is None or asked.request != message["request"]:
            return
        self._asked = None
        for done in asked.readers:
            done(message["index"])

    def _fail_reads(self) -> None:
        """Leadership was lost or the leader is another one: everybody has to ask again."""
        readers, self._readers = self._readers, []
        if self._round is not None:
            readers = [*self._round.readers, *readers]
            self._round = None
        if self._asked is not None:
            readers = [*self._asked.readers, *readers]
            self._asked = None
        for done in readers:
            done(None)
