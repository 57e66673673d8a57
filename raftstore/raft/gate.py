"""The durability gate: the two doors between SyncObj and the world outside, log and network.

In: what SyncObj (and our rooms) want to store or send. Out: buffered mutations of the wal, and
messages handed to `send` as soon as everything they reveal is on disk. What may not happen here:
a vote, a vote request or an acknowledgement that leaves before the wal has synced the state it
speaks of; an entry sent in a term that a power loss could make us forget.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pysyncobj.transport import Transport

from raftstore.raft.messages import GATED, PROTOCOL_VERSION, Message
from raftstore.raft.stock import Peer
from raftstore.wal import Entry, Wal

MAX_HELD = 16384

Send = Callable[[str, Message], bool]


class Journal:
    """The wal in the shape that SyncObj expects of a journal.

    SyncObj asks for the last entry only by `[-1]`; the entry just before the first one held
    counts as held, so the journal is never empty. It adds one kind of entry itself: the no-op
    that opens a leadership.
    """

    def __init__(self, wal: Wal) -> None:
        self.wal = wal
        self.term_seq = wal.synced_seq  # the mutation that stored the current term and vote

    def __len__(self) -> int:
        return self.wal.last_index - self.wal.base[0] + 1

    def __getitem__(self, position: int) -> tuple[bytes, int, int]:
        if position != -1:
            raise IndexError("only the end of the log is visible here")
        index = self.wal.last_index
        return b"", index, self.wal.term(index) or 0

    def add(self, command: bytes, index: int, term: int) -> None:
        self.wal.append((Entry(index, term, command),))

    def setCurrentTerm(self, term: int, voted_for: str | None) -> None:  # noqa: N802
        self.wal.set_hard_state(term, voted_for)
        self.term_seq = self.wal.seq

    def getCurrentTerm(self) -> int:  # noqa: N802
        return self.wal.term_state[0]

    def getVotedForNodeId(self) -> str | None:  # noqa: N802
        return self.wal.term_state[1]

    def setRaftCommitIndex(self, index: int) -> None:  # noqa: N802
        self.wal.set_commit_hint(index)

    def getRaftCommitIndex(self) -> int:  # noqa: N802
        """Defect 8: an index beyond the log would let a leader commit alone; clamp it.
        test_defects.py::test_8_commit_index_beyond_the_log"""
        return max(self.wal.base[0], min(self.wal.commit_hint, self.wal.last_index))

    def onOneSecondTimer(self) -> None:  # noqa: N802
        pass

    def _destroy(self) -> None:
        pass


class Outbox(Transport):  # type: ignore[misc]
    """SyncObj's transport: sends, or holds until the wal has caught up.

    Held messages leave in the order in which they were given. Beyond `MAX_HELD` they are lost.
    """

    def __init__(self, journal: Journal, send: Send) -> None:
        super().__init__(None, None, ())
        self._journal = journal
        self._send = send
        self._held: deque[tuple[int, str, Message]] = deque()
        self.forced_election = False  # the campaign under way was ordered by the leader

    @property
    def ready(self) -> bool:
        return True

    def send(self, peer: Peer, message: Message) -> bool:
        message["v"] = PROTOCOL_VERSION
        if message["type"] == "request_vote":
            message["transfer"] = self.forced_election
        needed = self.needed_seq(message)
        if self._journal.wal.synced_seq < needed:
            if len(self._held) >= MAX_HELD:
                return False  # as lost as on a bad network: every sender repeats what matters
            self._held.append((needed, peer.id, message))
            return True
        return self._send(peer.id, message)

    def needed_seq(self, message: Message) -> int:
        if message["type"] in GATED:
            return self._journal.wal.seq
        return self._journal.term_seq

    def release(self) -> None:
        """The wal has synced: send what waited for it."""
        synced = self._journal.wal.synced_seq
        waiting: deque[tuple[int, str, Message]] = deque()
        for item in self._held:
            if item[0] <= synced:
                self._send(item[1], item[2])
            else:
                waiting.append(item)
        self._held = waiting
