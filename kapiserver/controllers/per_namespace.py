"""One object of a fixed name in every namespace that is not going away.

In: namespaces, and the objects of that name. Out: `LookAfter` is called for every namespace that
came or whose object changed or went, again after a moment while it says that it failed. Runs on the
leader; `ensure` makes the objects of the first namespaces before a node is ready, so that the
first requests find them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

import trio

from kapiserver.admission.namespace_lifecycle import TERMINATING
from kapiserver.api.call import Services
from kapiserver.api.scope import Scope
from kapiserver.controllers.changes import Changes, Key
from kapiserver.errors import ApiError

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0

# Make the object of a namespace what it has to be. Raises ApiError.
LookAfter = Callable[[str], Awaitable[None]]


class PerNamespace:
    """`run` until cancelled."""

    def __init__(self, services: Services, scope: Scope, name: str, look_after: LookAfter) -> None:
        self._namespaces = services.scopes.stored("", "namespaces").objects
        self._scope = scope
        self._name = name
        self._look_after = look_after

    async def ensure(self, namespaces: Iterable[str]) -> None:
        """Returns when each of these has its object, or a write failed (`run` tries again)."""
        for namespace in namespaces:
            if not await self._try(namespace):
                return

    async def run(self) -> None:
        namespaces, objects = Changes(self._namespaces), Changes(self._scope.objects, self._name)
        delays: dict[Key, float] = {}  # of those that failed when they were last looked at
        waiting: set[Key] = set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(namespaces.run)
            nursery.start_soon(objects.run)
            nursery.start_soon(self._follow_objects, objects, namespaces)
            async for keys in namespaces:
                for key in keys:
                    if await self._try(key[1]):
                        delays.pop(key, None)
                    elif key not in waiting:  # one alarm each, however often it is looked at
                        waiting.add(key)
                        delays[key] = min(
                            2 * delays.get(key, FIRST_RETRY_SECONDS / 2), LAST_RETRY_SECONDS
                        )
                        nursery.start_soon(_again, namespaces, key, delays[key], waiting)

    async def _follow_objects(self, objects: Changes, namespaces: Changes) -> None:
        async for keys in objects:
            for namespace, _ in keys:
                namespaces.add(("", namespace))

    async def _try(self, name: str) -> bool:
        """False: to be tried again."""
        namespace = self._namespaces.get_now("", name)
        if namespace is None or namespace.is_terminating:
            return True
        try:
            await self._look_after(name)
        except ApiError as error:
            # there already, or the namespace is going away: both are as they should be
            ending = any(cause.reason == TERMINATING for cause in error.causes)
            if error.code in (404, 409) or ending:
                return True
            kind = self._scope.kind
            log.warning("namespace %s has no %s %s yet: %s", name, kind, self._name, error.message)
            return False
        return True


async def _again(namespaces: Changes, key: Key, delay: float, waiting: set[Key]) -> None:
    await trio.sleep(delay)
    waiting.discard(key)
    namespaces.add(key)
