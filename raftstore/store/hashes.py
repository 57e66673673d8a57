"""Nodes compare the hashes of their state, so that a divergence stops a node and not a user.

In: this node's (index, hash) as it applies, and what peers say theirs was. Out: nothing, or
`Diverged`. Each node now and then tells its peers the hash at its applied index; a peer that is
behind keeps it and compares when it gets there, one that is ahead ignores it (its own word will
reach the other). The node that finds the difference stops: it cannot know whose state is right,
and going on would hand out wrong answers. If only one node is wrong, a majority goes on.
"""

from __future__ import annotations

from raftstore.errors import StorageError

MAX_WAITING = 64


class Diverged(StorageError):
    """Two nodes hold different states at the same log index."""


class HashComparison:
    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self.waiting: dict[int, tuple[str, bytes]] = {}  # index -> (peer, hash)
        self.compared_index = 0  # the newest index at which a peer agreed

    def heard(self, peer: str, index: int, theirs: bytes, applied: int, ours: bytes) -> None:
        """`peer` had `theirs` at `index`; this node is at `applied` with `ours`."""
        if index == applied:
            self._compare(peer, index, theirs, ours)
        elif index > applied:
            other = self.waiting.setdefault(index, (peer, theirs))
            if len(self.waiting) > MAX_WAITING:
                del self.waiting[min(self.waiting)]
            if other[1] != theirs:
                self._differ(other[0], other[1], peer, theirs, index)

    def reached(self, index: int, ours: bytes) -> None:
        """This node has applied `index`, which is in `waiting`."""
        peer, theirs = self.waiting.pop(index)
        self._compare(peer, index, theirs, ours)

    def jumped(self, index: int) -> None:
        """A snapshot up to `index` took the place of the entries."""
        for waiting in [waiting for waiting in self.waiting if waiting < index]:
            del self.waiting[waiting]

    def _compare(self, peer: str, index: int, theirs: bytes, ours: bytes) -> None:
        if theirs != ours:
            self._differ(self._node_id, ours, peer, theirs, index)
        self.compared_index = max(self.compared_index, index)

    def _differ(self, a: str, hash_a: bytes, b: str, hash_b: bytes, index: int) -> None:
        raise Diverged(
            f"the state of the nodes differs at log index {index}: {a} has {hash_a.hex()}, "
            f"{b} has {hash_b.hex()}. Compare all nodes (status shows index and hash); move the "
            "data directory of the one that differs from the majority away, remove it as a member "
            "and let it join anew. If there is no majority, restore a snapshot."
        )
