"""How a controller learns what changed: the keys of objects, without their contents.

A `Changes` is both ends of a watch, its encoder and its stream, so that nothing is encoded. It
keeps each key once however often the object changes, so it is never bigger than the resource, and
a controller that is busy misses nothing: it looks at the newest state of each key when it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from typing import Any

import trio

from kapiserver.request import Frame
from kapiserver.storage import ObjectStore, StoredObject, WatchQuery
from kapiserver.storage.object import Selection

Key = tuple[str, str]  # namespace, name

RESTART_SECONDS = 1.0


class Changes:
    """Iterate over it for batches of keys. `run` must be running."""

    def __init__(self, objects: ObjectStore, name: str = "") -> None:
        """`name`: only of objects that are called so."""
        self._objects = objects
        self._selection = Selection(name=name)
        self._keys: dict[Key, None] = {}
        self._news = trio.Event()

    async def run(self) -> None:
        """Watch until cancelled. A watch that ends is started over: all keys come again."""
        while True:
            await self._objects.watch(WatchQuery(self, self._selection)).run(self)
            await trio.sleep(RESTART_SECONDS)

    def add(self, key: Key) -> None:
        """Look at this one (again)."""
        self._keys[key] = None
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[list[Key]]:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            keys, self._keys = self._keys, {}
            yield list(keys)

    # -- EventEncoder ---------------------------------------------------------------------------

    @property
    def key(self) -> Hashable:
        return None  # never shared: encoding is what tells us

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        self.add((obj.namespace, obj.name))
        return b""

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        return b""

    def error(self, status: dict[str, Any]) -> bytes:
        return b""

    # -- ResponseStream -------------------------------------------------------------------------

    def push(self, frame: Frame) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is held back."""

    async def send(self, data: bytes) -> bool:
        await trio.lowlevel.checkpoint()
        return True

    async def closed(self) -> None:
        await trio.sleep_forever()
