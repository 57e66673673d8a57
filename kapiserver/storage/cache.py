"""What this node knows of one resource: the current objects, and the events since the compaction.

Fed synchronously when the store applies a transaction, so the cache is never behind the node's own
store: after a write returns, or after a read barrier, reading the cache is reading the store.
Objects share their bytes with the store; the event log shares its objects with the cache.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from kapiserver.storage.keys import KeySpace
from kapiserver.storage.object import ObjectForm, Selection, StoredObject
from kapiserver.storage.ordered import OrderedObjects
from raftstore.types import Event, KeyValue


class CacheEvent:
    """One change. `current` is None for a deletion, `previous` None for a creation."""

    __slots__ = ("_gone", "current", "namespace", "previous", "revision")

    def __init__(
        self,
        revision: int,
        namespace: str,
        current: StoredObject | None,
        previous: StoredObject | None,
    ) -> None:
        self.revision = revision
        self.namespace = namespace
        self.current = current
        self.previous = previous
        self._gone: StoredObject | None = None

    def gone(self) -> StoredObject:
        """The last state, saying the revision of this event: what a DELETED event carries."""
        if self._gone is None:
            assert self.previous is not None
            self._gone = self.previous.at_revision(self.revision)
        return self._gone

    def seen_by(self, selection: Selection) -> tuple[str, StoredObject] | None:
        """(event type, object) as a watcher with this selection sees the change; None: not at all.

        An object that stops matching is DELETED for the watcher, one that starts to is ADDED.
        """
        current, previous = self.current, self.previous
        if not selection.has_selectors and not selection.name:
            if current is None:
                return "DELETED", self.gone()
            return ("ADDED" if previous is None else "MODIFIED"), current
        now = current is not None and selection.matches(current)
        before = previous is not None and selection.matches(previous)
        if now:
            assert current is not None
            return ("MODIFIED" if before else "ADDED"), current
        return ("DELETED", self.gone()) if before else None


class ResourceCache:
    """Current objects in key order, and the event log that watches resume from."""

    def __init__(self, keys: KeySpace, form: ObjectForm) -> None:
        self.keys = keys
        self.form = form
        self.objects = OrderedObjects()
        self.log: list[CacheEvent] = []
        self._log_revisions: list[int] = []
        self.log_start = 0  # events with a revision > log_start are in the log

    def get(self, namespace: str, name: str) -> StoredObject | None:
        return self.objects.get(self.keys.key(namespace, name))

    def stored(self, kv: KeyValue) -> StoredObject:
        """The cache's own object for a version that the store returned, or a new one."""
        cached = self.objects.get(kv.key)
        if cached is not None and cached.revision == kv.mod_revision:
            return cached
        namespace, name = self.keys.split(kv.key)
        return StoredObject(
            kv.key, namespace, name, kv.value, kv.mod_revision, kv.create_revision, self.form
        )

    def load(self, kvs: Iterable[KeyValue], revision: int) -> None:
        """Start anew from the store's state at `revision`, with an empty log."""
        self.objects = OrderedObjects(self.stored(kv) for kv in kvs)
        self.log = []
        self._log_revisions = []
        self.log_start = revision

    def extend_log(self, history: Iterable[tuple[int, tuple[Event, ...]]], start: int) -> None:
        """Put changes from before `load` in front of the log: all after `start`, oldest first."""
        recent, revisions = self.log, self._log_revisions
        self.log, self._log_revisions = [], []
        for revision, events in history:
            if revision > self.log_start:
                break
            for event in events:
                self._remember(revision, event, self._as_object(event))
        self.log += recent
        self._log_revisions += revisions
        self.log_start = start

    def _as_object(self, event: Event) -> StoredObject | None:
        return self.stored(event.kv) if event.kv.version else None

    def _remember(self, revision: int, event: Event, current: StoredObject | None) -> CacheEvent:
        key = event.kv.key
        namespace, _ = self.keys.split(key)
        previous = self.stored(event.prev) if event.prev is not None else None
        entry = CacheEvent(revision, namespace, current, previous)
        self.log.append(entry)
        self._log_revisions.append(revision)
        return entry

    def apply(self, revision: int, event: Event) -> CacheEvent:
        """Take in one change of the store."""
        current = self._as_object(event)
        entry = self._remember(revision, event, current)
        if current is None:
            self.objects.remove(event.kv.key)
        else:
            self.objects.put(current)
        return entry

    def trim(self, compact_revision: int) -> None:
        """Forget events that the store has compacted away."""
        if compact_revision <= self.log_start:
            return
        cut = bisect_right(self._log_revisions, compact_revision)
        del self.log[:cut]
        del self._log_revisions[:cut]
        self.log_start = compact_revision

    def since(self, revision: int) -> int:
        """The log position of the first event after `revision`."""
        return bisect_right(self._log_revisions, revision)

    def under(self, prefix: bytes, after: bytes = b"") -> list[StoredObject]:
        """Objects whose keys start with `prefix`, in order; with `after`, from that key on."""
        end = prefix[:-1] + b"0"  # prefixes end in "/", and "0" follows "/"
        return self.objects.between(max(prefix, after), end)
