"""Objects that expire (events): many of them share one lease, so that leases stay few.

As upstream does (apiserver lease manager): a lease is reused for objects created within a slice of
its time, and granted a little longer than asked, so that no object expires early.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from kapiserver.storage.errors import as_status
from raftstore import Store

REUSE_SECONDS = 60
OBJECTS_PER_LEASE = 1000


class _Open(NamedTuple):
    lease: int
    until: float
    used: int


class LeasePool:
    """Leases by time to live, in seconds."""

    def __init__(self, backend: Store) -> None:
        self._backend = backend
        self._open: dict[int, _Open] = {}

    async def lease_for(self, ttl: int) -> int:
        """A lease that lives at least `ttl` seconds from now."""
        current = self._open.get(ttl)
        now = trio.current_time()
        if current is not None and now < current.until and current.used < OBJECTS_PER_LEASE:
            self._open[ttl] = current._replace(used=current.used + 1)
            return current.lease
        reuse = min(REUSE_SECONDS, max(1, ttl // 20))
        with as_status():
            lease = await self._backend.lease_grant(ttl + reuse)
        self._open[ttl] = _Open(lease, now + reuse, 1)
        return lease
