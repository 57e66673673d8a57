"""All stored resources over one raftstore Store, and the task that fans changes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import trio

from kapiserver.errors import Cause, Timeout
from kapiserver.storage.errors import as_status
from kapiserver.storage.keys import KeySpace, resource_of
from kapiserver.storage.leases import LeasePool
from kapiserver.storage.object import Change, FieldsOf, ObjectForm
from kapiserver.storage.objects import ObjectStore
from raftstore import Store
from raftstore.types import Event

BOOKMARK_SECONDS = 30.0
FRESHNESS_SECONDS = 3.0  # how long a read waits for a revision that this node has not seen yet


def _no_fields(_: dict[str, Any]) -> dict[str, str]:
    return {}


def _as_it_is(_: dict[str, Any]) -> None:
    """Objects without a type are stored as they come."""


@dataclass(frozen=True, slots=True)
class StorageSpec:
    """Where a resource lives, what of it can be selected by field, and its form (`ObjectForm`).

    `resource` is `pods` or `deployments.apps`; two definitions that name the same one share it.
    """

    resource: str
    namespaced: bool
    fields_of: FieldsOf = field(default=_no_fields)
    finish: Change = field(default=_as_it_is)
    opened: Change = field(default=_as_it_is)


@dataclass(slots=True)
class StorageMetrics:
    """Counters for /metrics."""

    watch_lags: int = 0


class Storage:
    """`run` must be running (in a nursery of the caller) for watches to be delivered."""

    def __init__(
        self,
        backend: Store,
        *,
        bookmark_seconds: float = BOOKMARK_SECONDS,
        freshness_seconds: float = FRESHNESS_SECONDS,
    ) -> None:
        self.backend = backend
        self.leases = LeasePool(backend)
        self.metrics = StorageMetrics()
        self._bookmark_seconds = bookmark_seconds
        self._freshness_seconds = freshness_seconds
        self._stores: dict[bytes, ObjectStore] = {}
        self._changed: dict[ObjectStore, None] = {}
        self._wake = trio.Event()
        self.revision = backend.observe(self._observe)
        backend.observe_reset(self._reset)

    def open(self, spec: StorageSpec) -> ObjectStore:
        """The objects of a resource; the cache is complete when this returns."""
        name = spec.resource.encode()
        found = self._stores.get(name)
        if found is None:
            keys = KeySpace(spec.resource, namespaced=spec.namespaced)
            found = self._stores[name] = ObjectStore(
                self, keys, ObjectForm(spec.fields_of, spec.finish, spec.opened)
            )
            found.load()
        return found

    def close(self, resource: str) -> None:
        """Forget a resource that is no longer served; its watches go on to their end."""
        self._stores.pop(resource.encode(), None)

    def stores(self) -> list[ObjectStore]:
        return list(self._stores.values())

    # -- fed by the store -----------------------------------------------------------------------

    def _observe(self, revision: int, events: tuple[Event, ...]) -> None:
        for event in events:
            store = self._stores.get(resource_of(event.kv.key))
            if store is not None:
                entry = store.cache.apply(revision, event)
                if store.fan_out.enqueue(entry):
                    self._changed[store] = None
        self.revision = revision
        if self._changed:
            self._wake.set()

    def _reset(self) -> None:
        """A snapshot replaced the node's state: load everything anew."""
        self.revision = self.backend.revision
        for store in self._stores.values():
            store.load()

    # -- reads ----------------------------------------------------------------------------------

    def barrier_now(self) -> bool:
        """Whether a linearizable read needs no waiting (a cluster of one)."""
        return self.backend.barrier_now()

    async def barrier(self) -> None:
        """After it returns, reading the cache sees every write acknowledged before the call."""
        if not self.backend.barrier_now():
            with as_status():
                await self.backend.read_barrier()

    async def wait_revision(self, revision: int) -> None:
        """Wait until this node has applied `revision`; 504 when that does not come soon."""
        if revision <= self.revision:
            return
        try:
            await self.backend.wait_revision(revision, self._freshness_seconds)
        except TimeoutError as error:
            raise Timeout(
                f"Timeout: Too large resource version: {revision}, current: {self.revision}",
                causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
                retry_after=1,
            ) from error

    # -- the fan-out task -----------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver changes to watches until cancelled."""
        bookmark_at = trio.current_time() + self._bookmark_seconds
        while True:
            with trio.move_on_at(bookmark_at):
                await self._wake.wait()
            self._wake = trio.Event()
            changed, self._changed = self._changed, {}
            for store in changed:
                await store.fan_out.deliver()
            if trio.current_time() >= bookmark_at:
                bookmark_at = trio.current_time() + self._bookmark_seconds
                for store in self.stores():
                    store.fan_out.bookmark()
                    store.cache.trim(self.backend.compact_revision)
                    await trio.lowlevel.checkpoint()
