"""Which proposals were applied already, so that a repeated one is not applied twice.

In: proposal ids (session + sequence) in log order. Out: fresh, or the first outcome. Everything
here follows from the log alone, so all nodes answer alike, and everything is bounded:

- Applied sequences are kept exactly, as spans, per session. At most `spans` spans: beyond that the
  oldest gap counts as applied, so a proposal from it is answered `Unknown` instead of applied.
- Outcomes are kept for the newest proposals, up to a count and a size. A repeat of an older one is
  recognised but answered `Unknown`.
- At most `sessions` sessions: a new one replaces the one that was used least recently. A session
  is one start of one node and its proposals live for seconds, so a forgotten session cannot have
  proposals on the way unless that many nodes started within those seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import Final, NamedTuple

from raftstore.errors import Unknown
from raftstore.machine.results import (
    Outcome,
    Result,
    outcome_of,
    outcome_size,
    result_of,
)

SESSION_BYTES: Final = 8


class Limits(NamedTuple):
    """Bounds of the table; part of the replicated state's meaning: the same on all nodes."""

    sessions: int = 256
    spans: int = 64
    outcomes: int = 1024
    outcome_bytes: int = 8 << 20


class SessionRecord(NamedTuple):
    """One session as a snapshot holds it: spans are [lows[i], highs[i]], ascending."""

    id: bytes
    last_index: int
    lows: tuple[int, ...]
    highs: tuple[int, ...]


class _Session:
    __slots__ = ("highs", "last_index", "lows")

    def __init__(self, lows: list[int], highs: list[int], last_index: int) -> None:
        self.lows = lows
        self.highs = highs
        self.last_index = last_index


class Sessions:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sessions: dict[bytes, _Session] = {}
        self._outcomes: OrderedDict[bytes, tuple[Outcome, int]] = OrderedDict()
        self._outcome_bytes = 0

    def admit(self, proposal_id: bytes, index: int) -> Result | None:
        """None: not seen before (and noted as applied from now on); else the answer to a repeat."""
        session = self._sessions.get(proposal_id[:SESSION_BYTES])
        sequence = int.from_bytes(proposal_id[SESSION_BYTES:], "big")
        if session is None:
            self._open(proposal_id[:SESSION_BYTES], sequence, index)
            return None
        session.last_index = index
        high = session.highs[-1]
        if sequence == high + 1:
            session.highs[-1] = sequence
            return None
        if self._insert(session, sequence):
            return None
        return self.recall(proposal_id)

    def recall(self, proposal_id: bytes) -> Result | None:
        """The outcome of an applied proposal (`Unknown` if it is not kept); None: not applied."""
        kept = self._outcomes.get(proposal_id)
        if kept is not None:
            return result_of(kept[0])
        session = self._sessions.get(proposal_id[:SESSION_BYTES])
        sequence = int.from_bytes(proposal_id[SESSION_BYTES:], "big")
        if session is None:
            return None
        i = bisect_left(session.highs, sequence)
        if i == len(session.highs) or sequence < session.lows[i]:
            return None
        return Unknown("this proposal may have been applied before; its result is not kept")

    def record(self, proposal_id: bytes, result: Result) -> None:
        """Keep the outcome of an admitted proposal, and forget the oldest beyond the limits."""
        outcome = outcome_of(result)
        size = outcome_size(outcome)
        limits = self._limits
        if size * 8 > limits.outcome_bytes:
            return  # one huge range read must not push out everybody else's outcomes
        self._outcomes[proposal_id] = (outcome, size)
        self._outcome_bytes += size
        while len(self._outcomes) > limits.outcomes or self._outcome_bytes > limits.outcome_bytes:
            _, (_, size) = self._outcomes.popitem(last=False)
            self._outcome_bytes -= size

    def _open(self, session_id: bytes, sequence: int, index: int) -> None:
        if len(self._sessions) >= self._limits.sessions:
            idle = min(self._sessions, key=lambda known: self._sessions[known].last_index)
            del self._sessions[idle]
        self._sessions[session_id] = _Session([sequence], [sequence], index)

    def _insert(self, session: _Session, sequence: int) -> bool:
        """Add `sequence` to the spans; False if it was there."""
        lows, highs = session.lows, session.highs
        i = bisect_left(highs, sequence)  # the first span that ends at or after it
        if i < len(highs) and lows[i] <= sequence:
            return False
        joins_left = i > 0 and highs[i - 1] + 1 == sequence
        joins_right = i < len(lows) and lows[i] - 1 == sequence
        if joins_left and joins_right:
            highs[i - 1] = highs[i]
            del lows[i], highs[i]
        elif joins_left:
            highs[i - 1] = sequence
        elif joins_right:
            lows[i] = sequence
        else:
            lows.insert(i, sequence)
            highs.insert(i, sequence)
            if len(lows) > self._limits.spans:
                highs[0] = highs[1]
                del lows[1], highs[1]
        return True

    # Snapshot and hash

    def records(self) -> tuple[SessionRecord, ...]:
        return tuple(
            [
                SessionRecord(session_id, s.last_index, tuple(s.lows), tuple(s.highs))
                for session_id, s in self._sessions.items()
            ]
        )

    def outcomes(self) -> tuple[tuple[bytes, Outcome], ...]:
        """Oldest first."""
        return tuple([(proposal_id, kept[0]) for proposal_id, kept in self._outcomes.items()])

    def load_session(self, record: SessionRecord) -> None:
        self._sessions[record.id] = _Session(
            list(record.lows), list(record.highs), record.last_index
        )

    def load_outcome(self, proposal_id: bytes, outcome: Outcome) -> None:
        size = outcome_size(outcome)
        self._outcomes[proposal_id] = (outcome, size)
        self._outcome_bytes += size

    def digest_input(self) -> bytes:
        """Bytes that differ when the table differs (outcomes: by count, size and ends)."""
        parts = [b"%d %d" % (len(self._outcomes), self._outcome_bytes)]
        if self._outcomes:
            parts += (next(iter(self._outcomes)), next(reversed(self._outcomes)))
        for session_id, session in self._sessions.items():
            numbers = (session.last_index, *session.lows, *session.highs)
            parts += (session_id, repr(numbers).encode())
        return b"|".join(parts)
