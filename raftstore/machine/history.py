"""The events of every revision since the compact revision, with running sums.

In: the events of one revision after the other. Out: events by revision, and sums that make the
logical size and the hashes cheap to ask for at any kept revision. Forgetting has two halves: the
machine's compact revision moves at once and decides what can be read; `drop` frees the memory
later, in steps, and changes nothing that can be seen.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from raftstore.types import Event

HASH_MASK: Final = (1 << 64) - 1
_SLACK: Final = 4096  # dropped entries that may stay in the lists before these are cut


class Sums(NamedTuple):
    """Totals after a revision.

    `live_*` cover the newest versions of existing keys; `logged_*` all versions ever written
    (only differences of two `logged` sums mean something: their start is arbitrary).
    """

    live_hash: int
    logged_hash: int
    live_bytes: int
    logged_bytes: int


class History:
    """Entry i of each list belongs to revision `_origin + i`; the first has sums but no events."""

    __slots__ = (
        "_dropped",
        "_events",
        "_live_bytes",
        "_live_hash",
        "_logged_bytes",
        "_logged_hash",
        "_origin",
        "last",
    )

    def __init__(self, revision: int, sums: Sums) -> None:
        self._origin = revision
        self._dropped = 0  # entries at the front that no longer hold events
        self._events: list[tuple[Event, ...]] = [()]
        self._live_hash = array("Q", (sums.live_hash,))
        self._logged_hash = array("Q", (sums.logged_hash,))
        self._live_bytes = array("Q", (sums.live_bytes,))
        self._logged_bytes = array("Q", (sums.logged_bytes,))
        self.last = sums

    @property
    def floor(self) -> int:
        """The oldest revision of which the sums are kept; events are kept from the next one on."""
        return self._origin + self._dropped

    def append(self, events: tuple[Event, ...], sums: Sums) -> None:
        self._events.append(events)
        live_hash, logged_hash, live_bytes, logged_bytes = sums
        self._live_hash.append(live_hash)
        self._logged_hash.append(logged_hash)
        self._live_bytes.append(live_bytes)
        self._logged_bytes.append(logged_bytes)
        self.last = sums

    def sums(self, revision: int) -> Sums:
        i = revision - self._origin
        assert i >= self._dropped
        return Sums(
            self._live_hash[i], self._logged_hash[i], self._live_bytes[i], self._logged_bytes[i]
        )

    def events(self, revision: int) -> tuple[Event, ...]:
        i = revision - self._origin
        assert i > self._dropped
        return self._events[i]

    def since(self, revision: int) -> Iterator[tuple[Event, ...]]:
        """The events of each revision from `revision` on; nothing may be added meanwhile."""
        i = revision - self._origin
        assert i > self._dropped
        return islice(self._events, i, None)

    def drop(self, revision: int) -> tuple[Event, ...]:
        """Free the events of `revision`, which must be the oldest that is kept; returns them."""
        i = revision - self._origin
        assert i == self._dropped + 1
        events = self._events[i]
        self._events[i] = ()
        self._dropped = i
        if i >= _SLACK and i * 2 >= len(self._events):
            self._cut()
        return events

    def _cut(self) -> None:
        # Only when half of the lists is dropped, so that the moves cost O(1) per entry.
        n = self._dropped
        del self._events[:n]
        del self._live_hash[:n]
        del self._logged_hash[:n]
        del self._live_bytes[:n]
        del self._logged_bytes[:n]
        self._origin += n
        self._dropped = 0
