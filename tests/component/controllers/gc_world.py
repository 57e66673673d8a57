"""Owners and dependents made by hand, and ways to wait for what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from api_world import Api

from kapiserver.controllers.garbage_collector import GarbageCollector

MAPS = "/api/v1/namespaces/default/configmaps"
PATIENCE = 20.0

Object = dict[str, Any]


def reference(owner: Object, *, blocks: bool = False, controller: bool = False) -> Object:
    found: Object = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    if blocks:
        found["blockOwnerDeletion"] = True
    if controller:
        found["controller"] = True
    return found


def config_map(name: str, *owners: Object, **metadata: Any) -> Object:
    if owners:
        metadata["ownerReferences"] = list(owners)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


class Collected:
    """A server with a garbage collector that can be stopped and started: another leader's turn."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._scope = trio.CancelScope()

    def start(self) -> None:
        self._scope = trio.CancelScope()
        self.api.nursery.start_soon(self._run, self._scope)

    async def _run(self, scope: trio.CancelScope) -> None:
        with scope:
            await GarbageCollector(self.api.services).run()

    def stop(self) -> None:
        self._scope.cancel()

    async def make(self, obj: Object, url: str = MAPS) -> Object:
        answer = await self.api.post(url, obj)
        assert answer.status == 201, answer.text
        made: Object = answer.json
        return made

    async def get(self, name: str, url: str = MAPS) -> Object | None:
        answer = await self.api.get(f"{url}/{name}")
        assert answer.status in (200, 404), answer.text
        found: Object = answer.json
        return found if answer.status == 200 else None

    async def delete(self, name: str, policy: str, url: str = MAPS) -> Object:
        answer = await self.api.delete(f"{url}/{name}?propagationPolicy={policy}")
        assert answer.status in (200, 202), answer.text
        found: Object = answer.json
        return found

    @asynccontextmanager
    async def following(self, url: str = MAPS) -> AsyncIterator[Follow]:
        events = await self.api.watch(f"{url}?watch=1")
        try:
            yield Follow(events)
        finally:
            events.leave()

    async def gone(self, name: str, url: str = MAPS) -> None:
        """Returns when the object is not there (any more)."""
        async with self.following(url) as follow:
            if await self.get(name, url) is not None:
                await follow.until(name, lambda event: event["type"] == "DELETED")

    async def until(self, name: str, wanted: Callable[[Object], bool], url: str = MAPS) -> Object:
        """The object when it is as wanted."""
        async with self.following(url) as follow:
            event = await follow.until(
                name, lambda event: event["type"] != "DELETED" and wanted(event["object"])
            )
            found: Object = event["object"]
            return found


class Follow:
    def __init__(self, events: Any) -> None:
        self.events = events
        self._seen = 0

    async def until(self, name: str, wanted: Callable[[Object], bool]) -> Object:
        with trio.fail_after(PATIENCE):
            while True:
                while self._seen < len(self.events.lines):
                    event: Object = self.events.lines[self._seen]
                    self._seen += 1
                    if event["object"]["metadata"].get("name") == name and wanted(event):
                        return event
                await self.events.wait_for(self._seen + 1)

    def order_of_deletions(self) -> list[str]:
        return [
            event["object"]["metadata"]["name"]
            for event in self.events.lines
            if event["type"] == "DELETED"
        ]
