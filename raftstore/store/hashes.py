"""Nodes compare the hashes of their state, so that a divergence stops a node and not a user.

In: this node's hash at some log indexes, and what its peers say theirs was. Out: nothing, or
`Diverged`. The voters' hashes at one index are votes. A node that differs from a majority stops;
so does everybody when no majority is possible any more. While that is open (a voter is down), and
on the nodes that are in the majority, the difference is logged as an error.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection

from raftstore.errors import StorageError

MAX_INDEXES = 64

log = logging.getLogger(__name__)


class Diverged(StorageError):
    """Two nodes hold different states at the same log index."""


class HashComparison:
    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._votes: dict[int, dict[str, bytes]] = {}
        self.waiting: set[int] = set()  # indexes at which a peer has voted and this node not yet
        self.agreed_index = 0  # the newest index at which a majority had this node's hash

    def vote(self, node_id: str, index: int, state_hash: bytes, voters: Collection[str]) -> None:
        """`node_id` (this node or a peer) has `state_hash` at `index`."""
        votes = self._votes.setdefault(index, {})
        votes[node_id] = state_hash
        if self._node_id in votes:
            self.waiting.discard(index)
            self._judge(index, votes, voters)
        else:
            self.waiting.add(index)
        if len(self._votes) > MAX_INDEXES:
            self._forget(min(self._votes))

    def jumped(self, applied: int) -> None:
        """A snapshot took the place of entries: this node will not vote at indexes before it."""
        for index in [index for index in self.waiting if index < applied]:
            self._forget(index)

    def _forget(self, index: int) -> None:
        del self._votes[index]
        self.waiting.discard(index)

    def _judge(self, index: int, votes: dict[str, bytes], voters: Collection[str]) -> None:
        ours = votes[self._node_id]
        counts = Counter(votes[voter] for voter in voters if voter in votes)
        if not counts:
            return
        quorum = len(voters) // 2 + 1
        most, count = counts.most_common(1)[0]
        if count >= quorum and most == ours:
            self.agreed_index = max(self.agreed_index, index)
        if all(vote == ours for vote in votes.values()):
            return
        found = ", ".join(f"{node} has {vote.hex()}" for node, vote in sorted(votes.items()))
        what = f"the states of the nodes differ at log index {index}: {found}"
        unknown = len(voters) - counts.total()
        if count >= quorum and most != ours:
            raise Diverged(
                f"{what}. {self._node_id} differs from the majority: remove it as a member, move "
                "its data directory away, and let it join again with an empty one"
            )
        if count + unknown < quorum:
            raise Diverged(
                f"{what}. No state has a majority: find the node to trust, save its snapshot, and "
                "restore that as a new cluster"
            )
        log.error("%s: %s", self._node_id, what)
