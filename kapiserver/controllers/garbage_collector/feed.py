"""What keeps the graph: every change of a stored object, in the moment in which it is applied.

In: the changes of this node's store, and which resources there are (custom ones come and go). Out:
a graph that is never behind the caches, and its work in the queue. An object is decoded only if the
graph may want to know it, which its bytes tell; any other change costs a search in them. A watch
per resource would wake a task for every write and could be behind when it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import orjson
import trio

from kapiserver.api.scope import Scope, Scopes, storage_resource
from kapiserver.controllers.garbage_collector.graph import Graph, ObjectKey
from kapiserver.controllers.garbage_collector.queue import WorkQueue
from kapiserver.storage.keys import KeySpace, resource_of
from kapiserver.storage.object import Selection
from raftstore.types import Event

# How often to see whether resources came or went, and whether changes were skipped.
CHECK_SECONDS = 0.5
# How many objects are looked at between two checkpoints when the graph is built.
BATCH = 200


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
        self._storage = scopes.storage
        self._graph = graph
        self._queue = queue
        self._changed = changed
        self._resources: dict[str, tuple[str, str]] = {}  # place -> group, plural
        self._places: dict[bytes, KeySpace] = {}
        self._generation = -1  # of the registry that the graph knows completely
        self._revision = 0
        self._skipped = False

    def scope(self, place: str) -> Scope | None:
        """How to reach the objects of a place; None when it is not served."""
        try:
            return self._scopes.stored(*self._resources[place])
        except KeyError:
            return None

    def is_current(self) -> bool:
        """Whether the graph knows everything that this node knows."""
        return (
            not self._skipped
            and self._generation == self._scopes.registry.generation
            and self._revision == self._storage.revision
        )

    async def run(self) -> None:
        backend = self._storage.backend
        self._revision = backend.observe(self._observe)
        try:
            while True:
                if self._skipped or self._revision != self._storage.revision:
                    self._start_over()
                if self._generation != self._scopes.registry.generation:
                    await self._follow_registry(self._scopes.registry.generation)
                    self._changed()
                await trio.sleep(CHECK_SECONDS)
        finally:
            backend.unobserve(self._observe)

    def _start_over(self) -> None:
        """A snapshot took the place of this node's state: what happened in between is unknown."""
        for place in self._resources:
            self._graph.forget(place)
        self._resources = {}
        self._places = {}
        self._generation = -1
        self._revision = self._storage.revision
        self._skipped = False

    async def _follow_registry(self, generation: int) -> None:
        resources = {
            storage_resource(definition): definition
            for definition in self._scopes.registry.definitions()
            if not definition.virtual and definition.default_propagation
        }
        for place in list(self._resources):
            now = resources.get(place)
            known = self._places[place.encode()]
            if now is None or now.namespaced != known.namespaced:  # gone, or made anew otherwise
                del self._resources[place]
                del self._places[place.encode()]
                self._graph.forget(place)
        for place, definition in resources.items():
            if place not in self._resources:
                self._resources[place] = (definition.group, definition.plural)
                keys = KeySpace(place, namespaced=definition.namespaced)
                self._places[place.encode()] = keys
                await self._load(place)
        self._generation = generation

    async def _load(self, place: str) -> None:
        """What is there already. Each object as it is when its turn comes: changes go on."""
        scope = self.scope(place)
        if scope is None:  # gone again
            return
        objects = scope.objects
        held = objects.select(Selection())
        for start in range(0, len(held), BATCH):
            for known in held[start : start + BATCH]:
                stored = objects.get_now(known.namespace, known.name)
                if stored is not None:
                    self._present(ObjectKey(place, known.namespace, known.name), stored.value)
            await trio.lowlevel.checkpoint()

    # -- changes as they are applied: quick, and without any way to fail ------------------------

    def _observe(self, revision: int, events: tuple[Event, ...]) -> None:
        for event in events:
            keys = self._places.get(resource_of(event.kv.key))
            if keys is None:
                continue
            key = ObjectKey(keys.resource, *keys.split(event.kv.key))
            if event.kv.version:
                self._present(key, event.kv.value)
            elif event.prev is not None and len(self._graph):
                uid = orjson.loads(event.prev.value)["metadata"].get("uid", "")
                self._add(self._graph.gone(key, uid))
        if revision != self._revision + 1:
            self._skipped = True
        self._revision = revision

    def _present(self, key: ObjectKey, value: bytes) -> None:
        if key in self._graph or _may_matter(value):
            self._add(self._graph.observe(key, orjson.loads(value)["metadata"]))

    def _add(self, keys: Iterable[ObjectKey]) -> None:
        for key in keys:
            self._queue.add(key)


def _may_matter(value: bytes) -> bool:
    if b'"ownerReferences":' in value:
        return True
    return b'"deletionTimestamp":' in value and b'"finalizers":' in value
