"""Leases: keys that are deleted together when their owner stops renewing.

In: grants, renewals and revocations in log order. Out: which leases exist and which keys hang on
them. There is no clock here: `renewed_index` names the log entry of the last grant or renewal, the
leader measures the time since it saw that entry and proposes the revocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from raftstore.machine.history import HASH_MASK


class Lease(NamedTuple):
    id: int
    ttl: int  # seconds
    renewed_index: int


class Leases:
    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._keys: dict[int, set[bytes]] = {}
        self.view: Mapping[int, Lease] = MappingProxyType(self._leases)
        self.hash = 0  # sum over all leases

    def set(self, lease: Lease) -> None:
        old = self._leases.get(lease.id)
        if old is not None:
            self.hash = (self.hash - _hash(old)) & HASH_MASK
        self._leases[lease.id] = lease
        self.hash = (self.hash + _hash(lease)) & HASH_MASK

    def remove(self, lease_id: int) -> None:
        """Forget a lease to which no keys are attached any more."""
        assert not self._keys.get(lease_id)
        self.hash = (self.hash - _hash(self._leases.pop(lease_id))) & HASH_MASK

    def move(self, key: bytes, old: int, new: int) -> None:
        """Attach `key` to lease `new` instead of `old` (0: none)."""
        if old == new:
            return
        if old:
            keys = self._keys[old]
            keys.remove(key)
            if not keys:
                del self._keys[old]
        if new:
            self._keys.setdefault(new, set()).add(key)

    def keys(self, lease_id: int) -> list[bytes]:
        """The attached keys, in order."""
        return sorted(self._keys.get(lease_id, ()))


def _hash(lease: Lease) -> int:
    return int.from_bytes(blake2b(repr(tuple(lease)).encode(), digest_size=8).digest(), "little")
