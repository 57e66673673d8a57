"""The machine's state and everything that can be asked of it.

In: versions of keys, revision by revision. Out: reads at any revision that is kept, the history
for watches, hashes, sizes, and frozen states. Nothing here decides: that is `machine.py`.
"""

from __future__ import annotations

import struct
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

from raftstore.errors import Compacted, FutureRevision
from raftstore.machine.frozen import FrozenState
from raftstore.machine.history import HASH_MASK, History, Sums
from raftstore.machine.keyspace import Keyspace
from raftstore.machine.leases import Lease, Leases
from raftstore.machine.results import (
    Result,
)
from raftstore.machine.sessions import Limits, Sessions
from raftstore.types import (
    Event,
    KeyValue,
    RangeResult,
)

# What a version costs beside its key and value: tuples, ints, index and history entries.
VERSION_OVERHEAD: Final = 256
_CHECKPOINTS: Final = 64  # hash checkpoints that are kept

NO_ALARM: Final = ""
MISSING: Final = KeyValue(b"", b"", 0, 0, 0, 0)
_version_head: Final = struct.Struct("<6Q").pack


class MachineConfig(NamedTuple):
    """Settings that change what commands do: the same on all nodes for the life of a cluster.

    `quota_bytes` is only the limit of an empty machine (0: none); a `SetQuota` command changes it
    on all nodes at once, so a configured limit should be proposed, not passed here.
    """

    quota_bytes: int = 2 << 30
    limits: Limits = Limits()


class Checkpoint(NamedTuple):
    """The state hash at a log index at which all nodes take one."""

    applied_index: int
    revision: int
    state_hash: bytes


def version_hash(kv: KeyValue) -> int:
    key, value, create, mod, version, lease = kv
    head = _version_head(len(key), len(value), create, mod, version, lease)
    digest = blake2b(b"".join((head, key, value)), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class State:
    """The store's state. `revision` counts the transactions that changed something.

    Readable are the revisions from `compact_revision` on, and the events after it.
    """

    def __init__(self, config: MachineConfig = MachineConfig()) -> None:  # noqa: B008
        self.config = config
        self.revision = 0
        self.compact_revision = 0
        self.applied_index = 0
        self.alarm = NO_ALARM
        self.quota_bytes = config.quota_bytes
        self.keyspace = Keyspace()
        self.base = Sums(0, 0, 0, 0)  # at the compact revision
        self.records = History(0, self.base)
        self.lease_table = Leases()
        self.sessions = Sessions(config.limits)
        self.checkpoints: deque[Checkpoint] = deque(maxlen=_CHECKPOINTS)
        self._pins: list[int] = []  # revisions that frozen states still read

    # Reads

    @property
    def leases(self) -> Mapping[int, Lease]:
        return self.lease_table.view

    @property
    def size_bytes(self) -> int:
        """The logical size: every version that can still be read. Falls as soon as compacted."""
        base = self.base
        return base.live_bytes + self.records.last.logged_bytes - base.logged_bytes

    def get(self, key: bytes) -> KeyValue | None:
        """The newest version of `key`."""
        return self.keyspace.current.get(key)

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
    ) -> RangeResult:
        """`key`, or with `end` the keys in [key, end) (end b"": no end); revision 0: newest.

        Raises Compacted or FutureRevision.
        """
        keyspace = self.keyspace
        if revision == 0 or revision == self.revision:
            total = keyspace.count(key, end)
            kvs = [] if count_only else keyspace.newest(key, end, limit)
            return RangeResult(kvs, self.revision, total, not count_only and total > len(kvs))
        self._check_readable(revision)
        if count_only:
            kvs = []
            total = self._count_at(key, end, revision)
        elif limit:
            kvs = list(islice(keyspace.iterate_at(key, end, revision), limit))
            total = len(kvs) if len(kvs) < limit else self._count_at(key, end, revision)
        else:
            kvs = list(keyspace.iterate_at(key, end, revision))
            total = len(kvs)
        return RangeResult(kvs, revision, total, not count_only and total > len(kvs))

    def history(
        self, key: bytes, end: bytes | None, from_revision: int, limit_events: int = 0
    ) -> list[tuple[int, tuple[Event, ...]]]:
        """The events of the range from `from_revision` on, by revision.

        Stops after the revision that reaches `limit_events` (0: no limit); go on from the last
        revision returned + 1. Empty means: nothing up to `revision`. Raises Compacted unless
        `from_revision` > `compact_revision`.
        """
        if from_revision <= self.compact_revision:
            raise Compacted(self.compact_revision)
        found: list[tuple[int, tuple[Event, ...]]] = []
        if from_revision > self.revision:
            return found
        if end is None:
            end = key + b"\0"
        left = limit_events or sys.maxsize
        for revision, events in enumerate(self.records.since(from_revision), from_revision):
            if len(events) == 1:
                changed = events[0][0][0]
                if changed < key or (end and changed >= end):
                    continue
            else:
                events = tuple(
                    [e for e in events if e.kv.key >= key and (not end or e.kv.key < end)]
                )
                if not events:
                    continue
            found.append((revision, events))
            left -= len(events)
            if left <= 0:
                break
        return found

    def recall(self, proposal_id: bytes) -> Result | None:
        """The result of a proposal that was applied (Unknown: not kept), None if it was not.

        For callers that may have missed it, as after a snapshot was installed.
        """
        return self.sessions.recall(proposal_id)

    def state_hash(self) -> bytes:
        """16 bytes that are equal on all nodes with the same `applied_index`."""
        last, base = self.records.last, self.base
        digest = blake2b(digest_size=16)
        digest.update(
            struct.pack(
                "<9Q",
                self.applied_index,
                self.revision,
                self.compact_revision,
                self.quota_bytes,
                self.size_bytes,
                last.live_hash,
                base.live_hash,
                (last.logged_hash - base.logged_hash) & HASH_MASK,
                self.lease_table.hash,
            )
        )
        digest.update(self.alarm.encode() + b"|" + self.sessions.digest_input())
        return digest.digest()

    def keyspace_hash(self, revision: int = 0) -> int:
        """The hash of all keys as they were at `revision` (0: newest), for any readable one."""
        if not revision:
            return self.records.last.live_hash
        self._check_readable(revision)
        return self.records.sums(revision).live_hash

    # Snapshots and memory

    def freeze(self) -> FrozenState:
        """The state as it is now, unaffected by what is applied later; close it after use."""
        self._pins.append(self.compact_revision)
        return FrozenState(self, self._pins.remove)

    def load_base(self, versions: Sequence[KeyValue], sums: Sums) -> None:
        """Thawing: the keys as the compact revision showed them, their leases attached already."""
        self.keyspace.load(versions)
        self.base = sums
        self.records = History(self.revision, sums)

    def replay(self, versions: Sequence[KeyValue]) -> None:
        """Thawing: the versions that the next revision wrote."""
        events: list[Event] = []
        for kv in versions:
            old = self.keyspace.current.get(kv.key, MISSING)
            if old.lease != kv.lease:
                self.lease_table.move(kv.key, old.lease, kv.lease)
            events.append(Event(kv, self.keyspace.write(kv)))
        self._commit(tuple(events))

    def reclaim(self, max_revisions: int = 256) -> bool:
        """Free memory of compacted revisions in a bounded step; True: call again.

        `apply` does a little of it each time; an idle node can do the rest here.
        """
        records = self.records
        goal = min(self.compact_revision, *self._pins) if self._pins else self.compact_revision
        first = records.floor + 1
        last = min(goal, records.floor + max_revisions)
        trim = self.keyspace.trim
        for revision in range(first, last + 1):
            for event in records.drop(revision):
                trim(event.kv.key, goal)
        return last < goal

    def _commit(self, events: tuple[Event, ...]) -> None:
        """Make `events`, already in the keyspace, the next revision."""
        live_hash, logged_hash, live_bytes, logged_bytes = self.records.last
        for kv, prev in events:
            hashed = version_hash(kv)
            size = len(kv[0]) + len(kv[1]) + VERSION_OVERHEAD
            logged_hash += hashed
            logged_bytes += size
            if kv[4]:
                live_hash += hashed
                live_bytes += size
            if prev is not None:
                live_hash -= version_hash(prev)
                live_bytes -= len(prev[0]) + len(prev[1]) + VERSION_OVERHEAD
        sums = Sums(live_hash & HASH_MASK, logged_hash & HASH_MASK, live_bytes, logged_bytes)
        self.revision += 1
        self.records.append(events, sums)

    def _check_readable(self, revision: int) -> None:
        if revision < self.compact_revision:
            raise Compacted(self.compact_revision)
        if revision > self.revision:
            raise FutureRevision(self.revision)

    def _count_at(self, key: bytes, end: bytes | None, revision: int) -> int:
        """How many keys of the range existed at `revision`: count again, or undo the changes."""
        now = self.keyspace.count(key, end)
        if end is None or now < self.revision - revision:
            return sum(1 for _ in self.keyspace.iterate_at(key, end, revision))
        for events in self.records.since(revision + 1):
            for kv, _ in events:
                if kv[0] >= key and (not end or kv[0] < end):
                    if kv[4] == 1:
                        now -= 1
                    elif not kv[4]:
                        now += 1
        return now
