"""When a lease has run out, by the leader's own clock.

In: the leases as the machine has them, and the time. Out: the ids that are due. The log carries
no times: the leader measures from the moment at which it saw a grant or renewal applied, and a new
leader gives every lease its whole life again. So a lease never ends early, and may end late by an
election and one scan.
"""

from __future__ import annotations

from collections.abc import Mapping

from raftstore.machine.leases import Lease


class LeaseClock:
    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}  # id -> (renewed at index, seen at time)

    def forget(self) -> None:
        """This node does not lead (any more)."""
        self._seen.clear()

    def expired(self, leases: Mapping[int, Lease], now: float) -> list[int]:
        """The leases to revoke. Call often: a renewal counts from the call that first sees it."""
        for gone in self._seen.keys() - leases.keys():
            del self._seen[gone]
        due = []
        for lease in leases.values():
            index, since = self._seen.get(lease.id, (-1, now))
            if index != lease.renewed_index:
                self._seen[lease.id] = (lease.renewed_index, now)
            elif now - since >= lease.ttl:
                due.append(lease.id)
        return due
