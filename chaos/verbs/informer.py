"""A client that keeps a copy of a collection by list and watch, as every controller does."""

from __future__ import annotations

import random
from typing import Any

import orjson
import trio

from chaos.client import Lost, NotSent
from chaos.cluster import Cluster
from chaos.verbs.caller import Caller, Refused, Report, parsed, retriable
from chaos.verbs.users import CORE, Lose

PATH = f"{CORE}/configmaps"
HEAD_SECONDS = 30.0
IDLE_SECONDS = 60.0
CATCH_UP_SECONDS = 20.0


class Informer:
    """`copy`: resourceVersions by name, as of revision `position`."""

    def __init__(
        self, cluster: Cluster, caller: Caller, report: Report, lose: Lose, rng: random.Random
    ) -> None:
        self._cluster = cluster
        self._caller = caller
        self._report = report
        self._lose = lose
        self._random = rng
        self._moved = trio.Event()
        self.copy: dict[str, str] = {}
        self.position = 0
        self.watches = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if not self.position:
                    await self._list()
                await self._watch(self._random.choice(self._cluster.names))
            except (NotSent, Lost, Refused):
                await trio.sleep(self._random.uniform(0.05, 0.3))

    async def settle(self) -> None:
        """When nobody writes any more, the copy is what a list shows."""
        _, found = await self._caller.call("GET", PATH)
        revision = int(found["metadata"]["resourceVersion"])
        expected = _versions(found)
        with trio.move_on_after(CATCH_UP_SECONDS):
            while self.copy != expected:
                await self._moved.wait()
        if self.copy != expected:
            differing = sorted(dict(self.copy.items() ^ expected.items()))
            self._lose(
                f"the informer is at {self.position}, the list at {revision}; they differ in "
                f"{', '.join(differing[:10])}"
            )

    async def _list(self) -> None:
        _, found = await self._caller.call("GET", PATH)
        self.copy = _versions(found)
        self._move(int(found["metadata"]["resourceVersion"]))

    def _move(self, revision: int) -> None:
        self.position = revision
        self._moved.set()
        self._moved = trio.Event()

    async def _watch(self, node: str) -> None:
        path = f"{PATH}?watch=1&allowWatchBookmarks=true&resourceVersion={self.position}"
        self.watches += 1
        rest = b""
        stream = self._cluster.client(node).stream(path, timeout=HEAD_SECONDS, idle=IDLE_SECONDS)
        async for status, piece in stream:
            if status != 200:
                rest += piece
                continue
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if not self._take(orjson.loads(line), node):
                    return
            self._moved.set()
            self._moved = trio.Event()
        if rest and status != 200:
            document, problem = parsed(rest)
            self._failed(status, document, f"watch at {node}: {status} {rest[:300]!r} {problem}")

    def _take(self, event: Any, node: str) -> bool:
        """Whether the watch goes on."""
        obj = event["object"]
        if event["type"] == "ERROR":
            self._failed(obj.get("code", 0), obj, f"watch at {node} ended with {obj}")
            return False
        metadata = obj["metadata"]
        revision = int(metadata["resourceVersion"])
        if revision < self.position:
            self._report(f"watch at {node}: {revision} after {self.position}")
        self.position = revision
        if event["type"] == "DELETED":
            self.copy.pop(metadata["name"], None)
        elif event["type"] != "BOOKMARK":
            self.copy[metadata["name"]] = metadata["resourceVersion"]
        return True

    def _failed(self, status: int, document: Any, what: str) -> None:
        if status == 410:
            self.position = 0  # list anew
        elif document is None or not retriable(status, document):
            self._report(what)


def _versions(found: Any) -> dict[str, str]:
    return {
        item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in found["items"]
    }
