"""The watches that keep the graph: one over every stored resource, custom ones as they come.

In: the storage's changes. Out: a graph that is up to date, and its work in the queue. Objects are
decoded only if the graph may want to know them, which their bytes tell; of all others a change
costs a search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from kapiserver.api.deletion import UNCOLLECTED
from kapiserver.api.scope import Scope, Scopes, storage_resource
from kapiserver.controllers.changes import RESTART_SECONDS, Changes
from kapiserver.controllers.garbage_collector.graph import Graph, ObjectKey
from kapiserver.controllers.garbage_collector.queue import WorkQueue
from kapiserver.storage import ObjectStore, StoredObject, WatchQuery
from kapiserver.storage.watch import Watch

DEFINITIONS_SECONDS = 0.5  # how often to see whether resources came or went


class PlaceWatch(Changes):
    """The watch over one stored resource: both ends of it, so nothing is encoded."""

    def __init__(
        self, place: str, objects: ObjectStore, graph: Graph, queue: WorkQueue[ObjectKey]
    ) -> None:
        super().__init__(objects)
        self._place = place
        self._graph = graph
        self._queue = queue
        self._watch: Watch | None = None

    async def run(self) -> None:
        """Watch until cancelled. While a watch starts over, deletions of owners may be missed:
        everything that has owners is looked at again."""
        while True:
            self._watch = self._objects.watch(WatchQuery(self))
            await self._watch.run(self)
            await trio.sleep(RESTART_SECONDS)
            self._graph.forget(self._place)
            for key in self._graph.held():
                self._queue.add(key)

    def is_settled(self, revision: int) -> bool:
        """Whether the graph knows all changes of this resource up to `revision`."""
        if self._watch is None or not self._watch.live:
            return False
        return self._objects.fan_out.settled_revision() >= revision

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        graph = self._graph
        key = ObjectKey(self._place, obj.namespace, obj.name)
        if event_type == "DELETED":
            if len(graph):
                uid = obj.decoded()["metadata"].get("uid", "")
                self._add(graph.gone(key, uid))
        elif key in graph or _may_matter(obj.value):
            self._add(graph.observe(key, obj.decoded()["metadata"]))
        return b""

    def _add(self, keys: Iterable[ObjectKey]) -> None:
        for key in keys:
            self._queue.add(key)


def _may_matter(value: bytes) -> bool:
    if b'"ownerReferences":' in value:
        return True
    return b'"deletionTimestamp":' in value and b'"finalizers":' in value


class Feed:
    """`run` until cancelled. `changed` is called when resources came or went."""

    def __init__(
        self,
        scopes: Scopes,
        graph: Graph,
        queue: WorkQueue[ObjectKey],
        changed: Callable[[], None],
    ) -> None:
        self._scopes = scopes
        self._graph = graph
        self._queue = queue
        self._changed = changed
        self._watches: dict[str, tuple[PlaceWatch, trio.CancelScope]] = {}
        self._resources: dict[str, tuple[str, str]] = {}  # place -> group, plural

    def scope(self, place: str) -> Scope | None:
        """How to reach the objects of a place; None when it is no longer served."""
        try:
            return self._scopes.stored(*self._resources[place])
        except KeyError:
            return None

    def is_settled(self, revision: int) -> bool:
        """Whether the graph knows everything that happened up to `revision`."""
        return all(watch.is_settled(revision) for watch, _ in self._watches.values())

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            generation = -1
            while True:
                if generation != self._scopes.registry.generation:
                    generation = self._scopes.registry.generation
                    self._follow_registry(nursery)
                    self._changed()
                await trio.sleep(DEFINITIONS_SECONDS)

    def _follow_registry(self, nursery: trio.Nursery) -> None:
        resources = {
            storage_resource(definition): (definition.group, definition.plural)
            for definition in self._scopes.registry.definitions()
            if not definition.virtual and definition.resource not in UNCOLLECTED
        }
        for place in self._watches.keys() - resources.keys():
            self._watches.pop(place)[1].cancel()
            self._graph.forget(place)
        self._resources = resources
        for place, (group, plural) in resources.items():
            if place not in self._watches:
                objects = self._scopes.stored(group, plural).objects
                watch = PlaceWatch(place, objects, self._graph, self._queue)
                cancel = trio.CancelScope()
                self._watches[place] = (watch, cancel)
                nursery.start_soon(_run_within, cancel, watch)


async def _run_within(scope: trio.CancelScope, watch: PlaceWatch) -> None:
    with scope:
        await watch.run()
