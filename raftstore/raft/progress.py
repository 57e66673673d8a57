"""What the leader knows of one follower, and how much it may send to it.

In: acknowledgements and refusals. Out: the next entry to send and whether there is room. Two
modes, as in the paper's practice: `probe` sends one message per heartbeat until the follower's
log is known to fit; then entries are pipelined up to a window of entries and bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from raftstore.raft.config import RaftConfig

if TYPE_CHECKING:
    from raftstore.raft.sending import Sending


class Progress:
    __slots__ = (
        "_sent",
        "_sent_bytes",
        "commit_sent",
        "match",
        "next",
        "probe",
        "probe_sent_at",
        "round",
        "sending",
        "since",
    )

    def __init__(self, next_index: int, since: int) -> None:
        self.since = since  # the entry with which its membership began
        self.match = 0  # the last entry known to be equal and durable there
        self.next = next_index  # the next entry to send
        self.probe = True
        self.probe_sent_at = float("-inf")
        self.commit_sent = 0  # the newest commit index it was told
        self.round = 0  # the newest read round it answered
        self.sending: Sending | None = None  # a snapshot on its way there
        self._sent: deque[tuple[int, int]] = deque()  # (last index, bytes) per message in flight
        self._sent_bytes = 0

    def has_room(self, config: RaftConfig) -> bool:
        return (
            self.next - 1 - self.match < config.inflight_entries
            and self._sent_bytes < config.inflight_bytes
        )

    def sent(self, last_index: int, size: int) -> None:
        self.next = last_index + 1
        self._sent.append((last_index, size))
        self._sent_bytes += size

    def acknowledged(self, index: int) -> bool:
        """The follower holds the leader's entries up to `index`. True if that is news."""
        was_probe, self.probe = self.probe, False
        if index < self.match or (index == self.match and not was_probe):
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        while self._sent and self._sent[0][0] <= index:
            self._sent_bytes -= self._sent.popleft()[1]
        return True

    def refused(self, rejected: int, hint: int) -> bool:
        """`rejected` did not fit; try at `hint`. False if this answer is an old one (defect 9).

        Only an entry beyond `match` can be refused truly, and while probing only the one that
        was asked about last.
        """
        if rejected <= self.match or (self.probe and rejected != self.next - 1):
            return False
        self.restart(max(self.match + 1, min(hint, rejected)))
        return True

    def restart(self, next_index: int) -> None:
        """Forget what is in flight and probe from `next_index`."""
        self.next = next_index
        self.probe = True
        self.probe_sent_at = float("-inf")
        self._sent.clear()
        self._sent_bytes = 0
