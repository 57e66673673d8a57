"""Who hears of changes: observers (synchronous) and watchers (asynchronous).

In: every applied transaction with its events, in revision order. Out: the same, to each observer
at once and to each watcher through a bounded buffer; a transaction is never split. A watcher
reads history at its own pace until it has caught up, and only then is buffered for; one that lets
its buffer fill is ended, because holding more for it would cost everybody memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeAlias

import trio

from raftstore.errors import Compacted, Overloaded, StoreError
from raftstore.types import Event

if TYPE_CHECKING:
    from raftstore.machine import Machine

Observer: TypeAlias = Callable[[int, tuple[Event, ...]], None]
Change: TypeAlias = tuple[int, tuple[Event, ...]]

_HISTORY_STEP = 500  # events taken from history at a time


class Watcher:
    """Changes of the keys in [key, end) from a revision on; iterate over it."""

    def __init__(
        self, feed: Feed, key: bytes, end: bytes | None, from_revision: int, buffer: int
    ) -> None:
        self._feed = feed
        self._key = key
        self._end = end
        self._next = from_revision  # the first revision that was not read from history yet
        self._live = False
        self._buffer: deque[Change] = deque()
        self._bound = buffer
        self.error: StoreError | None = None
        self._wake = trio.Event()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while True:
            if self._buffer:
                await trio.lowlevel.checkpoint()
                if self._buffer:
                    return self._buffer.popleft()
            if self.error is not None:
                raise self.error
            if not self._live:
                self.catch_up()
                continue
            self._wake = trio.Event()
            await self._wake.wait()

    def offer(self, revision: int, events: tuple[Event, ...]) -> None:
        """A live change. Nothing is buffered for a watcher that still reads history."""
        if not self._live or revision < self._next:
            return
        mine = self._mine(events)
        if not mine:
            return
        if len(self._buffer) >= self._bound:
            self.end(Overloaded(f"a watcher fell more than {self._bound} changes behind"))
            return
        self._buffer.append((revision, mine))
        self._wake.set()

    def end(self, error: StoreError) -> None:
        """What is buffered is still delivered, then `error` is raised."""
        if self.error is None:
            self.error = error
            self._live = True
            self._feed.watchers.discard(self)
            self._wake.set()

    def rewind(self, seen: int) -> None:
        """The machine jumped: what came after revision `seen` is in its history, or compacted."""
        if self._live and self.error is None:
            self._next = max(self._next, seen + 1)
            self._live = False
            self._wake.set()

    def catch_up(self) -> None:
        """Take the next piece of history; go live if there is none left."""
        machine = self._feed.machine()
        if self._next > machine.revision:
            self._live = True  # also for a revision of the future: it is waited for
            return
        try:
            changes = machine.history(self._key, self._end, self._next, _HISTORY_STEP)
        except Compacted as error:
            self.end(error)
            return
        self._buffer.extend(changes)
        self._next = (changes[-1][0] if changes else machine.revision) + 1

    def _mine(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        key, end = self._key, self._end
        if end is None:
            return tuple([event for event in events if event.kv.key == key])
        if len(events) == 1:
            found = events[0].kv.key
            return events if key <= found and (not end or found < end) else ()
        return tuple([e for e in events if key <= e.kv.key and (not end or e.kv.key < end)])


class Feed:
    def __init__(self, machine: Callable[[], Machine], max_watchers: int) -> None:
        self.machine = machine
        self.watchers: set[Watcher] = set()
        self._max_watchers = max_watchers
        self._observers: list[Observer] = []
        self._resets: list[Callable[[], None]] = []
        self._seen = machine().revision

    def observe(self, observer: Observer) -> None:
        self._observers.append(observer)

    def unobserve(self, observer: Observer) -> None:
        self._observers.remove(observer)

    def observe_reset(self, callback: Callable[[], None]) -> None:
        self._resets.append(callback)

    def watch(self, key: bytes, end: bytes | None, from_revision: int, buffer: int) -> Watcher:
        if len(self.watchers) >= self._max_watchers:
            raise Overloaded(f"there are {self._max_watchers} watchers already")
        start = from_revision or self.machine().revision + 1
        watcher = Watcher(self, key, end, start, buffer)
        watcher.catch_up()
        if watcher.error is not None:
            raise watcher.error
        self.watchers.add(watcher)
        return watcher

    def applied(self, revision: int, events: tuple[Event, ...]) -> None:
        self._seen = revision
        for observer in self._observers:
            observer(revision, events)
        if self.watchers:
            for watcher in tuple(self.watchers):
                watcher.offer(revision, events)

    def replaced(self) -> None:
        """An installed snapshot took the place of the machine."""
        for callback in self._resets:
            callback()
        for watcher in tuple(self.watchers):
            watcher.rewind(self._seen)
        self._seen = self.machine().revision

    def close(self, error: StoreError) -> None:
        for watcher in tuple(self.watchers):
            watcher.end(error)
