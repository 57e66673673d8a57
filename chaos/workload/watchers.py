"""Watchers: each follows the whole collection, and goes on elsewhere where it was cut off.

A watch starts at the last revision that its client has seen (an event's or a bookmark's), on a node
that need not be the same. Everything that is delivered is recorded as it came; nothing is repaired
or sorted here. A client that is told that its revision is gone (410) lists and starts anew, as any
Kubernetes client does.
"""

from __future__ import annotations

import random

import orjson
import trio

from chaos.client import Lost, NotSent
from chaos.cluster import Cluster
from chaos.history import WatchEnd, WatchEvent, WatchStart
from chaos.recorder import Recorder
from chaos.workload.objects import COLLECTION, PUBLISHED
from chaos.workload.session import Session

HEAD_SECONDS = 5.0
IDLE_SECONDS = 40.0
WATCH_SECONDS = (5, 20)
GIVE_UP_SECONDS = 25.0  # at the end of a run: to see the last event


class Gone(Exception):
    """The server says that the revision is too old: 410."""


class Watcher:
    """`home` is the node it prefers; None for one that goes to another node each time."""

    def __init__(
        self,
        name: str,
        home: str | None,
        cluster: Cluster,
        recorder: Recorder,
        rng: random.Random,
    ) -> None:
        self.name = name
        self._home = home
        self._cluster = cluster
        self._recorder = recorder
        self._random = rng
        self.position = 0
        self.moved = trio.Event()  # set and replaced whenever the position moves
        self._current = 0  # number of the open watch; 0 while there is none
        self._last = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            node = self._home or self._random.choice(self._cluster.names)
            if not self.position:
                await self._list(node)
            else:
                try:
                    await self._watch(node)
                except Gone:
                    self.position = self._last = 0
                except (NotSent, Lost):
                    await trio.sleep(self._random.uniform(0.05, 0.4))

    async def caught_up(self, upto: int) -> bool:
        """Whether revision `upto` has arrived in time; records the end of the open watch."""
        with trio.move_on_after(GIVE_UP_SECONDS):
            while self.position < upto or not self._current:
                await self.moved.wait()
        arrived = self.position >= upto
        if self._current:
            now = self._recorder.now()
            self._recorder.add(WatchEnd(self._current, now, "end of the run", True, upto))
            self._current = 0
        return arrived

    async def _list(self, node: str) -> None:
        session = Session(self.name, node, self._cluster, self._recorder)
        op = await session.run("list")
        await session.close()
        if op.outcome == "ok":
            self._move(op.revision)
        else:
            await trio.sleep(self._random.uniform(0.1, 0.5))

    def _move(self, revision: int) -> None:
        self.position = max(self.position, revision)
        self.moved.set()
        self.moved = trio.Event()

    async def _watch(self, node: str) -> None:
        client = self._cluster.client(node)
        seconds = self._random.randint(*WATCH_SECONDS)
        path = (
            f"{COLLECTION}?watch=1&allowWatchBookmarks=true&resourceVersion={self.position}"
            f"&timeoutSeconds={seconds}"
        )
        why = "the server ended it"
        rest = b""
        try:
            async for status, piece in client.stream(path, timeout=HEAD_SECONDS, idle=IDLE_SECONDS):
                if status == 410:
                    raise Gone
                if status != 200:
                    raise Lost(f"status {status}")
                if not self._current:
                    self._begin(node)
                *lines, rest = (rest + piece).split(b"\n")
                for line in filter(None, lines):
                    self._event(line)
        except (NotSent, Lost, Gone) as error:
            why = str(error) or type(error).__name__
            raise
        finally:
            await client.close()
            if self._current:
                self._recorder.add(WatchEnd(self._current, self._recorder.now(), why[:100]))
                self._current = 0

    def _begin(self, node: str) -> None:
        number = self._recorder.number()
        start = WatchStart(number, self.name, node, self.position, self._recorder.now(), self._last)
        self._recorder.add(start)
        self._current = self._last = number
        self._move(self.position)

    def _event(self, line: bytes) -> None:
        try:
            document = orjson.loads(line)
            kind, subject = document["type"], document["object"]
            if kind == "ERROR":
                if subject.get("code") == 410:
                    raise Gone
                raise Lost(f"error event: {subject.get('message', '')}")
            metadata = subject["metadata"]
            revision = int(metadata["resourceVersion"])
        except (ValueError, KeyError, TypeError) as error:
            raise Lost(f"not an event: {line[:100]!r}") from error
        key = metadata.get("name", "") if kind != "BOOKMARK" else ""
        if self._current and key != PUBLISHED:
            write = subject.get("data", {}).get("write", "") if key else ""
            now = self._recorder.now()
            self._recorder.add(WatchEvent(self._current, kind, revision, now, key, write))
        self._move(revision)
