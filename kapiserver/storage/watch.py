"""Watches: from a state or a revision on, every change once, in order, until somebody ends it.

A watch first catches up (initial state, then the cache's event log, with backpressure), then joins
the live fan-out, where a change is encoded once per representation and pushed to all. A client that
does not keep up leaves the fan-out and catches up from the log again at its own pace: it costs a
position, no memory. One that falls out of the log gets 410 and must list again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import trio

from kapiserver.errors import ApiError, Expired
from kapiserver.request import Frame, ResponseStream
from kapiserver.storage.cache import CacheEvent, ResourceCache
from kapiserver.storage.object import Selection, StoredObject

if TYPE_CHECKING:
    from kapiserver.storage.objects import ObjectStore

# How much is encoded between two checkpoints: bounds how long one watch holds the loop.
CATCH_UP_BATCH = 100
PUSHES_PER_CHECKPOINT = 64


class EventEncoder(Protocol):
    """One representation of events. Encoders with equal `key` make equal bytes, made once.

    A `key` of None says: not shared (the first event of a Table watch carries the columns).
    """

    @property
    def key(self) -> Hashable: ...

    def event(self, event_type: str, obj: StoredObject) -> bytes: ...

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes: ...

    def error(self, status: dict[str, Any]) -> bytes: ...


@dataclass(slots=True)
class WatchQuery:
    """`resource_version` as the client sent it. `timeout` in seconds, None for no end."""

    encoder: EventEncoder
    selection: Selection = field(default_factory=Selection)
    resource_version: str = ""
    send_initial_events: bool | None = None
    bookmarks: bool = False
    timeout: float | None = None


def too_old(revision: int, oldest: int) -> Expired:
    return Expired(f"too old resource version: {revision} ({oldest})")


class Watch:
    """One client's watch over one resource. `run` is the body of the response."""

    def __init__(self, objects: ObjectStore, query: WatchQuery) -> None:
        self._objects = objects
        self.query = query
        self.selection = query.selection
        self.encoder = query.encoder
        self.scope = (query.selection.namespace, query.selection.name)
        self.stream: ResponseStream | None = None
        self.live = False
        self._cancel: trio.CancelScope | None = None
        self._joined = 0
        self._position = 0  # every event up to this revision was delivered…
        self._resume: CacheEvent | None = None  # …or, after a slow spell, all before this event
        self._wake = trio.Event()

    async def run(self, stream: ResponseStream) -> None:
        """Deliver until the client leaves, the time is over, or an ERROR event was sent."""
        self.stream = stream
        self._objects.watches.add(self)
        try:
            async with trio.open_nursery() as nursery:
                self._cancel = nursery.cancel_scope

                async def end_when_closed() -> None:
                    await stream.closed()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(end_when_closed)
                await self._run_in_time(stream)
                nursery.cancel_scope.cancel()
        finally:
            self._objects.fan_out.leave(self)
            self._objects.watches.discard(self)

    async def _run_in_time(self, stream: ResponseStream) -> None:
        timeout = self.query.timeout
        try:
            with trio.move_on_after(float("inf") if timeout is None else timeout) as limit:
                await self._deliver(stream)
        except ApiError as error:
            await stream.send(self.encoder.error(error.status()))
            return
        if limit.cancelled_caught and self.live and self.query.bookmarks:
            revision = max(self._joined, self._objects.fan_out.settled_revision())
            await stream.send(self.encoder.bookmark(revision, initial_events_end=False))

    def end(self) -> None:
        """End the stream cleanly; the client goes on from the last revision that it has seen."""
        if self._cancel is not None:
            self._cancel.cancel()

    async def _deliver(self, stream: ResponseStream) -> None:
        if not await self._start(stream):
            return
        while True:
            if not await self._catch_up(stream):
                return
            self._wake = trio.Event()
            self._joined = self._position
            self._objects.fan_out.join(self)
            await self._wake.wait()

    async def _start(self, stream: ResponseStream) -> bool:
        """Where to begin: at a state (sent as ADDED events) or after a revision."""
        query = self.query
        objects = self._objects
        storage = objects.storage
        wanted = query.resource_version
        if wanted in ("", "0"):
            if wanted == "":
                await storage.barrier()
            from_state = query.send_initial_events is not False
            minimum = 0
        else:
            minimum = int(wanted)
            from_state = query.send_initial_events is True
            if from_state:
                await storage.wait_revision(minimum)
        if not from_state:
            self._position = minimum or storage.revision
            return True
        self._position = storage.revision
        state = objects.select(self.selection)
        if not await self._send_state(stream, state):
            return False
        if query.send_initial_events and query.bookmarks:
            end = self.encoder.bookmark(self._position, initial_events_end=True)
            return await stream.send(end)
        return True

    async def _send_state(self, stream: ResponseStream, state: Sequence[StoredObject]) -> bool:
        event = self.encoder.event
        for start in range(0, len(state), CATCH_UP_BATCH):
            batch = state[start : start + CATCH_UP_BATCH]
            if not await stream.send(b"".join([event("ADDED", obj) for obj in batch])):
                return False
            self._objects.fan_out.sent += len(batch)
            await trio.lowlevel.checkpoint()
        return True

    def _log_position(self, cache: ResourceCache) -> int:
        if self._position < cache.log_start:
            self._objects.extend_log()
        if self._position < cache.log_start:
            raise too_old(self._position, cache.log_start)
        index = cache.since(self._position)
        if self._resume is not None:
            while cache.log[index] is not self._resume:
                index += 1
        return index

    async def _catch_up(self, stream: ResponseStream) -> bool:
        """Send what the log holds after our position; False when the client is gone."""
        cache = self._objects.cache
        while True:
            # the log may be trimmed or rebuilt while we wait: find the place anew each time
            index = self._log_position(cache)
            batch = cache.log[index : index + CATCH_UP_BATCH]
            if not batch:
                self._position = max(self._position, self._objects.storage.revision)
                self._resume = None
                return True
            following = cache.log[index + len(batch) : index + len(batch) + 1]
            self._position = batch[-1].revision
            self._resume = None
            if following and following[0].revision == self._position:
                self._position -= 1  # a transaction is cut in two: resume inside it
                self._resume = following[0]
            encoded = list(self._encode(batch))
            if encoded and not await stream.send(b"".join(encoded)):
                return False
            self._objects.fan_out.sent += len(encoded)
            await trio.lowlevel.checkpoint()

    def _encode(self, events: Iterable[CacheEvent]) -> Iterable[bytes]:
        namespace = self.selection.namespace
        for event in events:
            if namespace and event.namespace != namespace:
                continue
            seen = event.seen_by(self.selection)
            if seen is not None:
                yield self.encoder.event(*seen)

    # -- called by the fan-out ------------------------------------------------------------------

    def lag(self, event: CacheEvent) -> None:
        """The client did not take `event`: go back to catching up, from there on."""
        self._position = event.revision - 1
        self._resume = event
        self._wake.set()

    def has_seen(self, revision: int) -> bool:
        """Whether a pending change was already delivered while this watch caught up."""
        return revision <= self._joined


class FanOut:
    """Pushes the changes of one resource to the watches that are up to date."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._scopes: dict[tuple[str, str], dict[Watch, None]] = {}
        self._pending: list[CacheEvent] = []
        self._delivering = False
        self._settled = 0
        self.watchers = 0
        self.sent = 0  # events, those of catching up among them

    def join(self, watch: Watch) -> None:
        """From now on `watch` gets every later change; it has seen everything up to now."""
        watch.live = True
        self._scopes.setdefault(watch.scope, {})[watch] = None
        self.watchers += 1

    def leave(self, watch: Watch) -> None:
        if not watch.live:
            return
        watch.live = False
        self.watchers -= 1
        members = self._scopes[watch.scope]
        del members[watch]
        if not members:
            del self._scopes[watch.scope]

    def enqueue(self, event: CacheEvent) -> bool:
        """Take a change for the next round; False when nobody is watching."""
        if not self._scopes:
            return False
        self._pending.append(event)
        return True

    def settled_revision(self) -> int:
        """Every change up to this revision has been pushed to every live watch."""
        if self._delivering:
            return self._settled
        return self._pending[0].revision - 1 if self._pending else self._objects.storage.revision

    def _watches(self, namespace: str, name: str) -> list[Watch]:
        scopes = [("", ""), ("", name)]
        if namespace:
            scopes += [(namespace, ""), (namespace, name)]
        return [watch for scope in scopes for watch in self._scopes.get(scope, ())]

    async def deliver(self) -> None:
        """Push all pending changes, with checkpoints in between."""
        sent = 0
        touched: dict[ResponseStream, None] = {}
        self._delivering = True
        while self._pending:
            events, self._pending = self._pending, []
            self._settled = events[0].revision - 1
            for event in events:
                subject = event.current or event.previous
                assert subject is not None
                frames: dict[Hashable, Frame] = {}
                for watch in self._watches(event.namespace, subject.name):
                    if self._push(watch, event, frames):
                        assert watch.stream is not None
                        touched[watch.stream] = None
                        sent += 1
                        if sent % PUSHES_PER_CHECKPOINT == 0:
                            _flush(touched)
                            await trio.lowlevel.checkpoint()
        _flush(touched)
        self._delivering = False
        self.sent += sent

    def _push(self, watch: Watch, event: CacheEvent, frames: dict[Hashable, Frame]) -> bool:
        if not watch.live or watch.has_seen(event.revision):
            return False
        seen = event.seen_by(watch.selection)
        if seen is None:
            return False
        event_type, obj = seen
        encoder = watch.encoder
        key = encoder.key
        frame = None
        if key is not None:
            key = (key, event_type)
            frame = frames.get(key)
        if frame is None:
            frame = Frame(encoder.event(event_type, obj))
            if key is not None:
                frames[key] = frame
        assert watch.stream is not None
        if watch.stream.push(frame):
            return True
        self.leave(watch)
        watch.lag(event)
        self._objects.storage.metrics.watch_lags += 1
        return False

    def bookmark(self) -> None:
        """Tell the watches that asked for it how far they are."""
        revision = self.settled_revision()
        frames: dict[Hashable, Frame] = {}
        touched: dict[ResponseStream, None] = {}
        for members in self._scopes.values():
            for watch in members:
                if not watch.query.bookmarks:
                    continue
                assert watch.stream is not None
                key = watch.encoder.key
                frame = frames.get(key) if key is not None else None
                if frame is None:
                    frame = Frame(watch.encoder.bookmark(revision, initial_events_end=False))
                    if key is not None:
                        frames[key] = frame
                if watch.stream.push(frame):  # a slow client can do without
                    touched[watch.stream] = None
        _flush(touched)


def _flush(streams: dict[ResponseStream, None]) -> None:
    for stream in streams:
        stream.flush()
    streams.clear()
