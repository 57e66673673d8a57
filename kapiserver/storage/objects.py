"""The objects of one stored resource: read, guarded writes, list, watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from kapiserver.storage.cache import ResourceCache
from kapiserver.storage.codec import Encoded, encode, restamp, strip_revision, unstamped
from kapiserver.storage.errors import GuardMoved, KeyExists, RevisionConflict, as_status
from kapiserver.storage.keys import KeySpace
from kapiserver.storage.listing import Lister, ListPage, ListQuery
from kapiserver.storage.object import ObjectForm, Selection, StoredObject
from kapiserver.storage.together import NOTHING, Together
from kapiserver.storage.watch import FanOut, Watch, WatchQuery
from raftstore.types import (
    Compare,
    Delete,
    Put,
    PutResult,
    Range,
    RangeResult,
    prefix_end,
)

if TYPE_CHECKING:
    from kapiserver.storage.storage import Storage


class ObjectStore:
    """One resource in the store. Made by `Storage.open`; the cache is loaded from then on."""

    def __init__(self, storage: Storage, keys: KeySpace, form: ObjectForm) -> None:
        def all_fields(obj: dict[str, Any]) -> Mapping[str, str]:
            metadata = obj["metadata"]
            fields = dict(form.fields_of(obj))
            fields["metadata.name"] = metadata.get("name", "")
            if keys.namespaced:
                fields["metadata.namespace"] = metadata.get("namespace", "")
            return fields

        self.storage = storage
        self.keys = keys
        self.cache = ResourceCache(keys, replace(form, fields_of=all_fields))
        self._finish = form.finish
        self.fan_out = FanOut(self)
        self.watches: set[Watch] = set()
        self._lister = Lister(self)

    # -- reads ----------------------------------------------------------------------------------

    async def get(
        self, namespace: str, name: str, *, resource_version: str = ""
    ) -> StoredObject | None:
        """ "" reads the newest state (linearizable), "0" the cache, N at least revision N."""
        if resource_version == "":
            await self.storage.barrier()
        elif resource_version != "0":
            await self.storage.wait_revision(int(resource_version))
        return self.cache.get(namespace, name)

    def get_now(self, namespace: str, name: str) -> StoredObject | None:
        """The cache as it is, which may be behind the cluster."""
        return self.cache.get(namespace, name)

    def select(self, selection: Selection) -> list[StoredObject]:
        """All cached objects of a selection, at one revision."""
        cache = self.cache
        if selection.namespace and selection.name:
            found = cache.get(selection.namespace, selection.name)
            return [found] if found is not None and selection.matches(found) else []
        candidates = cache.under(self.keys.range_prefix(selection.namespace))
        if not selection.has_selectors and not selection.name:
            return candidates
        return [obj for obj in candidates if selection.matches(obj)]

    async def list(self, query: ListQuery) -> ListPage:
        return await self._lister.page(query)

    def list_now(self, query: ListQuery) -> ListPage | None:
        return self._lister.now(query)

    def watch(self, query: WatchQuery) -> Watch:
        return Watch(self, query)

    def load(self) -> None:
        """Fill the cache from the node's store. Watches end: their clients go on elsewhere."""
        for watch in list(self.watches):
            watch.end()
        prefix = self.keys.prefix
        kvs = self.storage.backend.range_local(prefix, prefix_end(prefix)).kvs
        self.cache.load(kvs, self.storage.backend.revision)

    def extend_log(self) -> None:
        """Reach back to the store's compaction, for a watch older than this node's cache."""
        backend = self.storage.backend
        oldest = backend.compact_revision
        if oldest < self.cache.log_start:
            prefix = self.keys.prefix
            history = backend.history(prefix, prefix_end(prefix), from_revision=oldest + 1)
            self.cache.extend_log(history, oldest)

    # -- writes ---------------------------------------------------------------------------------

    async def create(
        self,
        namespace: str,
        name: str,
        obj: dict[str, Any],
        *,
        ttl: int = 0,
        unchanged: StoredObject | None = None,
        together: Together = NOTHING,
    ) -> StoredObject:
        """Store a new object (KeyExists if there is one). `ttl` in seconds, 0: for ever.

        `unchanged`: another object (the namespace) that must still be at its revision, else
        GuardMoved: what was decided on its ground has to be decided anew. So it is with the guards
        of `together`.
        """
        key = self.keys.key(namespace, name)
        compare = [Compare(key, "version", "=", 0), *together.compare]
        if unchanged is not None:
            compare.append(Compare(unchanged.key, "mod", "=", unchanged.revision))
        self._finish(obj)
        encoded = encode(obj)
        lease = await self.storage.leases.lease_for(ttl) if ttl else 0
        with as_status():
            result = await self.storage.backend.txn(
                compare,
                (Put(key, encoded.value, lease, encoded.stamp), *together.ops),
                (Range(key),),
            )
        outcome = result.results[0]
        if not result.succeeded:
            assert isinstance(outcome, RangeResult)
            if not outcome.kvs:
                raise GuardMoved
            raise KeyExists(self.cache.stored(outcome.kvs[0]))
        assert isinstance(outcome, PutResult)
        return self.cache.stored(outcome.kv)

    async def update(
        self,
        current: StoredObject,
        obj: dict[str, Any],
        *,
        ttl: int = 0,
        together: Together = NOTHING,
    ) -> StoredObject:
        """Replace `current`; RevisionConflict if it is no longer the newest, GuardMoved if it is
        but a guard of `together` does not hold.

        A write that changes nothing is not written, and lengthens no life: `current` comes back
        with its revision.
        """
        self._finish(obj)
        encoded = encode(obj)
        if not together.ops and _same(current, encoded):
            return current
        lease = await self.storage.leases.lease_for(ttl) if ttl else 0
        with as_status():
            result = await self.storage.backend.txn(
                (Compare(current.key, "mod", "=", current.revision), *together.compare),
                (Put(current.key, encoded.value, lease, encoded.stamp), *together.ops),
                (Range(current.key),),
            )
        outcome = result.results[0]
        if not result.succeeded:
            assert isinstance(outcome, RangeResult)
            raise self._refusal(current, outcome)
        assert isinstance(outcome, PutResult)
        return self.cache.stored(outcome.kv)

    async def delete(self, current: StoredObject, *, together: Together = NOTHING) -> StoredObject:
        """Delete `current`; returns its last state with the revision of the deletion."""
        with as_status():
            result = await self.storage.backend.txn(
                (Compare(current.key, "mod", "=", current.revision), *together.compare),
                (Delete(current.key), *together.ops),
                (Range(current.key),),
            )
        outcome = result.results[0]
        if not result.succeeded:
            assert isinstance(outcome, RangeResult)
            raise self._refusal(current, outcome)
        return current.at_revision(result.revision)

    def _refusal(self, expected: StoredObject, found: RangeResult) -> Exception:
        """Why a guarded write was not carried out."""
        latest = self.cache.stored(found.kvs[0]) if found.kvs else None
        if latest is not None and latest.revision == expected.revision:
            return GuardMoved()
        return RevisionConflict(latest)

    def preview(
        self, namespace: str, name: str, obj: dict[str, Any], revision: int
    ) -> StoredObject:
        """What a dry run answers: the object as it would be stored, with a given revision. 0: of
        an object that does not exist, which has none."""
        self._finish(obj)
        value = encode(obj).value
        value = restamp(value, revision) if revision else unstamped(value)
        key = self.keys.key(namespace, name)
        return StoredObject(key, namespace, name, value, revision, revision, self.cache.form)


def _same(current: StoredObject, encoded: Encoded) -> bool:
    """Whether the content is equal. Equal content has equal length, whatever the order of keys."""
    stripped = strip_revision(current.value)
    if len(stripped) != len(encoded.value):
        return False
    return stripped == encoded.value or _equal_json(stripped, encoded.value)


def _equal_json(left: bytes, right: bytes) -> bool:
    """Equal up to the order of keys (Python's own == would take 1 for true)."""
    option = orjson.OPT_SORT_KEYS
    return orjson.dumps(orjson.loads(left), option=option) == orjson.dumps(
        orjson.loads(right), option=option
    )
