"""A single-node store on disk with the storage layer over it, and a client end for watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

from kapiserver.request import Frame
from kapiserver.storage import ObjectStore, Storage, StorageSpec, StoredObject, WatchQuery
from raftstore import Store, StoreConfig, open_store
from raftstore.types import Member


class Client:
    """The receiving end of a watch. `room` frames fit before it counts as slow."""

    def __init__(self, room: int = 10_000) -> None:
        self.events: list[dict[str, Any]] = []
        self.room = room
        self.pushed = 0
        self.gone = trio.Event()
        self.accepting = trio.Event()
        self.accepting.set()
        self._news = trio.Event()

    def _take(self, data: bytes) -> None:
        self.events += [orjson.loads(line) for line in data.splitlines()]
        self._news.set()
        self._news = trio.Event()

    def push(self, frame: Frame) -> bool:
        if self.gone.is_set() or self.pushed >= self.room:
            return False
        self.pushed += 1
        self._take(frame.data)
        return True

    def flush(self) -> None:
        pass

    async def send(self, data: bytes) -> bool:
        await self.accepting.wait()
        if self.gone.is_set():
            return False
        self._take(data)
        return True

    async def closed(self) -> None:
        await self.gone.wait()

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        with trio.fail_after(10):
            while len(self.events) < count:
                await self._news.wait()
        return self.events

    def seen(self) -> list[tuple[str, str]]:
        return [(e["type"], e["object"]["metadata"].get("name", "")) for e in self.events]


class Plain:
    """Events as JSON lines."""

    key: Hashable = "plain"

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (event_type.encode(), obj.value)

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        metadata = {"resourceVersion": str(revision), "end": initial_events_end}
        return orjson.dumps({"type": "BOOKMARK", "object": {"metadata": metadata}}) + b"\n"

    def error(self, status: dict[str, Any]) -> bytes:
        return orjson.dumps({"type": "ERROR", "object": {"metadata": {}, **status}}) + b"\n"


class Labels:
    """A label selector for tests: one exact label."""

    def __init__(self, name: str, value: str) -> None:
        self.expression = f"{name}={value}"
        self._wanted = (name, value)

    def __call__(self, values: Any, /) -> bool:
        return bool(values.get(self._wanted[0]) == self._wanted[1])


class World:
    """A running node and one namespaced resource."""

    def __init__(self, backend: Store, storage: Storage, nursery: trio.Nursery) -> None:
        self.backend = backend
        self.storage = storage
        self.nursery = nursery
        self.things: ObjectStore = storage.open(StorageSpec("things.test", True))

    async def add(self, name: str, namespace: str = "default", **labels: str) -> StoredObject:
        return await self.things.create(namespace, name, thing(name, namespace, **labels))

    def watch(self, client: Client, **query: Any) -> None:
        watch = self.things.watch(WatchQuery(Plain(), **query))
        self.nursery.start_soon(watch.run, client)


def thing(name: str, namespace: str = "default", **labels: str) -> dict[str, Any]:
    return {
        "kind": "Thing",
        "apiVersion": "test/v1",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


@asynccontextmanager
async def running(directory: Path, *, bookmark_seconds: float = 60.0) -> AsyncIterator[World]:
    config = StoreConfig(
        node_id="a", cluster_id="test", data_dir=directory, members=(Member("a", ""),)
    )
    async with open_store(config) as backend:
        await backend.wait_leader()
        await backend.read_barrier()
        storage = Storage(backend, bookmark_seconds=bookmark_seconds, freshness_seconds=0.05)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.run)
            yield World(backend, storage, nursery)
            nursery.cancel_scope.cancel()
