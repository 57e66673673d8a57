"""All keys with the versions that can still be read.

In: versions (`KeyValue`) in revision order. Out: a key or a range of keys, newest or at an older
revision. The newest versions live in one dict; superseded ones in a short list per key that has
any, so that a key that never changed costs one tuple. `trim` drops what no readable revision
shows any more; nothing else ever forgets a version.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from operator import attrgetter

from sortedcontainers import SortedList

from raftstore.types import KeyValue

_mod_revision = attrgetter("mod_revision")


class Keyspace:
    """Versions of keys. `current` maps each existing key to its newest version."""

    __slots__ = ("_dead", "_live", "_older", "current")

    def __init__(self) -> None:
        self.current: dict[bytes, KeyValue] = {}
        self._live: SortedList = SortedList()  # the keys of `current`, in order
        self._dead: SortedList = SortedList()  # deleted keys of which a version is still kept
        # Superseded versions, oldest first; the last one of a deleted key is its tombstone.
        self._older: dict[bytes, list[KeyValue]] = {}

    def load(self, versions: Iterable[KeyValue]) -> None:
        """Fill an empty keyspace."""
        assert not self.current
        self.current = {kv.key: kv for kv in versions}
        self._live = SortedList(self.current)

    def write(self, kv: KeyValue) -> KeyValue | None:
        """Make `kv` the newest version; a tombstone (version 0) must find an existing key."""
        key = kv.key
        current = self.current
        prev = current.get(key)
        if prev is None:
            assert kv.version == 1
            self._live.add(key)
            if key in self._older:
                self._dead.remove(key)
            current[key] = kv
            return None
        older = self._older.get(key)
        if older is None:
            self._older[key] = older = [prev]
        else:
            older.append(prev)
        if kv.version:
            current[key] = kv
        else:
            older.append(kv)
            del current[key]
            self._live.remove(key)
            self._dead.add(key)
        return prev

    def count(self, key: bytes, end: bytes | None) -> int:
        """How many keys exist in the range now."""
        if end is None:
            return 1 if key in self.current else 0
        live = self._live
        stop = live.bisect_left(end) if end else len(live)
        return max(0, int(stop) - int(live.bisect_left(key)))

    def newest(self, key: bytes, end: bytes | None, limit: int) -> list[KeyValue]:
        """The existing keys of the range in order, at most `limit` of them (0: all)."""
        current = self.current
        if end is None:
            kv = current.get(key)
            return [] if kv is None else [kv]
        if end and end <= key:
            return []
        keys = self._live.irange(key, end or None, (True, False))
        if limit:
            keys = islice(keys, limit)
        return list(map(current.__getitem__, keys))

    def at(self, key: bytes, revision: int) -> KeyValue | None:
        """The version of `key` at a revision that is still readable."""
        kv = self.current.get(key)
        if kv is not None and kv.mod_revision <= revision:
            return kv
        older = self._older.get(key)
        if older is None:
            return None
        position = bisect_right(older, revision, key=_mod_revision)
        if not position:
            return None
        kv = older[position - 1]
        return kv if kv.version else None

    def iterate_at(self, key: bytes, end: bytes | None, revision: int) -> Iterator[KeyValue]:
        """The keys of the range as they were; the keyspace may not change meanwhile."""
        if end is None:
            kv = self.at(key, revision)
            if kv is not None:
                yield kv
            return
        if end and end <= key:
            return
        at, get = self.at, self.current.get
        for k in self._keys(key, end):
            kv = get(k)
            if kv is None or kv[3] > revision:
                kv = at(k, revision)
                if kv is None:
                    continue
            yield kv

    def step_at(
        self, after: bytes | None, revision: int, max_keys: int
    ) -> tuple[list[KeyValue], bytes | None]:
        """A walk over all keys at `revision` in bounded steps; the keyspace may change between.

        Starts with None; returns the versions found and where to go on (None: the walk is over).
        """
        keys = list(islice(self._keys(after or b"", b"", inclusive=after is None), max_keys))
        found = [kv for k in keys if (kv := self.at(k, revision)) is not None]
        return found, keys[-1] if len(keys) == max_keys else None

    def _keys(self, key: bytes, end: bytes, *, inclusive: bool = True) -> Iterator[bytes]:
        bounds = (key, end or None, (inclusive, False))
        live: Iterator[bytes] = self._live.irange(*bounds)
        dead = self._dead.irange(*bounds)
        first = next(dead, None)
        if first is None:
            return live
        return merge(live, iter([first]), dead)

    def trim(self, key: bytes, revision: int) -> None:
        """Drop the versions of `key` that were superseded at `revision` or before."""
        older = self._older.get(key)
        if older is None:
            return
        newest = self.current.get(key)
        if newest is not None and newest.mod_revision <= revision:
            del self._older[key]
            return
        position = bisect_right(older, revision, key=_mod_revision)
        if position and older[position - 1].version:
            position -= 1  # what `revision` itself shows
        if position < len(older):
            del older[:position]
            return
        del self._older[key]
        if newest is None:
            self._dead.remove(key)
