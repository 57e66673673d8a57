"""Empties namespaces that are being deleted, then lets them go.

In: namespaces with a deletionTimestamp. Out: all their content is deleted (by the ordinary delete,
so finalizers and grace are honoured; pods first), and when nothing is left, the finalizer
`kubernetes` is taken out of spec.finalizers, which removes the namespace. What stands in the way is
told in its conditions. Runs on the leader; everything it needs to know is stored, so a new leader
goes on where the old one stopped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import trio

from kapiserver.api.call import Call, Services, internal_call
from kapiserver.api.delete import delete_object
from kapiserver.api.metadata import timestamp
from kapiserver.api.options import DeleteOptions
from kapiserver.api.scope import Scope, storage_resource
from kapiserver.api.write import AbsentError, Build, Update
from kapiserver.controllers.changes import Changes
from kapiserver.controllers.identity import WRITING, controller
from kapiserver.controllers.namespace_conditions import Remains, merged
from kapiserver.errors import ApiError, NotFound
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection

log = logging.getLogger(__name__)

FINALIZER = "kubernetes"
USER = controller("namespace-controller")

# How many namespaces are emptied at the same time.
CONCURRENCY = 5
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 5.0

_STEP = 64  # objects that are looked at in one go

# Nothing else is deleted while there are objects of this kind.
FIRST = "pods"


class NamespaceController:
    """`run` until cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._namespaces = services.scopes.stored("", "namespaces")
        self._busy: set[str] = set()
        self._room = trio.CapacityLimiter(CONCURRENCY)

    async def run(self) -> None:
        changes = Changes(self._namespaces.objects)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(changes.run)
            async for keys in changes:
                for _, name in keys:
                    if name not in self._busy and self._terminating(name) is not None:
                        self._busy.add(name)
                        nursery.start_soon(self._finish, name)

    def _terminating(self, name: str) -> StoredObject | None:
        stored = self._namespaces.objects.get_now("", name)
        if stored is None or not stored.is_terminating:
            return None
        finalizers = stored.decoded().get("spec", {}).get("finalizers", ())
        return stored if FINALIZER in finalizers else None

    async def _finish(self, name: str) -> None:
        """See one namespace to its end; trouble is waited out, not given up on."""
        delay = FIRST_RETRY_SECONDS
        try:
            while self._terminating(name) is not None:
                try:
                    async with self._room:
                        if await self._step(name):
                            return
                except ApiError as error:
                    log.warning("namespace %s cannot be emptied yet: %s", name, error.message)
                await trio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY_SECONDS)
        finally:
            self._busy.discard(name)

    async def _step(self, name: str) -> bool:
        """Delete what is there; True when the namespace has been let go."""
        await self._services.scopes.storage.barrier()
        remains = Remains()
        scopes = list(self._scopes())
        # what runs may need the rest of the namespace to come to a good end
        first = [scope for scope in scopes if scope.definition.resource == FIRST]
        for scope in first:
            await self._empty(scope, name, remains)
        if not remains:
            for scope in scopes:
                if scope not in first:
                    await self._empty(scope, name, remains)
        await self._tell(name, remains)
        if remains:
            return False
        await self._write(name, "finalize", _without_finalizer)
        log.info("namespace %s is deleted", name)
        return True

    def _scopes(self) -> Iterator[Scope]:
        """What can be in a namespace, each stored place once."""
        seen: set[str] = set()
        scopes = self._services.scopes
        for definition in scopes.registry.definitions():
            place = storage_resource(definition)
            if not definition.virtual and definition.namespaced and place not in seen:
                seen.add(place)
                yield scopes.stored(definition.group, definition.plural)

    async def _empty(self, scope: Scope, namespace: str, remains: Remains) -> None:
        """Delete all objects of one kind, and note those that are there afterwards."""
        there = list(scope.objects.select(Selection(namespace)))
        if not there:
            return
        try:
            for stored in there:
                await self._delete(scope, stored)
        except ApiError as error:
            remains.failures.append(error.message)
            return
        await self._services.scopes.storage.barrier()
        left = list(scope.objects.select(Selection(namespace)))
        if not left:
            return
        remains.resources[f"{scope.resource}.{scope.group}"] += len(left)
        finalizers: Counter[str] = Counter()
        has_time = False
        for step, stored in enumerate(left, 1):
            metadata = stored.decoded()["metadata"]
            finalizers.update(metadata.get("finalizers") or ())
            has_time = has_time or _has_time(metadata)
            if step % _STEP == 0:  # there may be very many
                await trio.lowlevel.checkpoint()
        remains.finalizers += finalizers
        if not finalizers and not has_time:
            kind = f"{scope.group}/{scope.definition.versions[0].name}, Resource={scope.resource}"
            remains.failures.append(
                f"unexpected items still remain in namespace: {namespace} for gvr: {kind}"
            )

    async def _delete(self, scope: Scope, stored: StoredObject) -> None:
        services, namespace = self._services, stored.namespace
        call = internal_call(services, scope, USER, "delete", namespace, stored.name)
        try:
            await delete_object(call, stored.name, DeleteOptions(propagation_policy="Background"))
        except NotFound:
            return  # somebody else was faster

    async def _tell(self, name: str, remains: Remains) -> None:
        conditions = remains.conditions()

        def note(namespace: Object) -> Object:
            status = namespace.setdefault("status", {})
            status["conditions"] = merged(status.get("conditions") or [], conditions)
            return namespace

        await self._write(name, "status", note)

    async def _write(self, name: str, subresource: str, build: Build) -> None:
        call: Call = internal_call(
            self._services, self._namespaces, USER, "update", "", name, subresource
        )
        try:
            await Update(call, name, WRITING, build).run()
        except AbsentError:
            return


def _without_finalizer(namespace: Object) -> Object:
    spec = namespace.setdefault("spec", {})
    spec["finalizers"] = [f for f in spec.get("finalizers", ()) if f != FINALIZER]
    return namespace


def _has_time(metadata: Object) -> bool:
    """Whether it is given time to come to its end, and has not used it up."""
    due: str = metadata.get("deletionTimestamp") or ""
    return bool(metadata.get("deletionGracePeriodSeconds")) and due > timestamp()
