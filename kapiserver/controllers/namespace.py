"""Empties namespaces that are being deleted, then lets them go.

In: namespaces with a deletionTimestamp. Out: all their content is deleted (by the ordinary delete,
so finalizers and grace are honoured), and when nothing is left, the finalizer `kubernetes` is taken
out of spec.finalizers, which removes the namespace. What stands in the way is told in its
conditions. Runs on the leader; everything it needs to know is stored, so a new leader goes on
where the old one stopped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import trio

from kapiserver.api.call import Call, Services, internal_call
from kapiserver.api.delete import delete_object
from kapiserver.api.metadata import timestamp
from kapiserver.api.options import DeleteOptions, WriteOptions
from kapiserver.api.scope import Scope, storage_resource
from kapiserver.api.write import AbsentError, Build, Update
from kapiserver.controllers.changes import Changes
from kapiserver.errors import ApiError, NotFound
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection

log = logging.getLogger(__name__)

FINALIZER = "kubernetes"
USER = UserInfo(
    "system:serviceaccount:kube-system:namespace-controller",
    groups=("system:serviceaccounts", "system:authenticated"),
)

# How many namespaces are emptied at the same time.
CONCURRENCY = 5
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 5.0

_CONTENT = "NamespaceContentRemaining"
_FINALIZERS = "NamespaceFinalizersRemaining"


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
        if stored is None or b'"deletionTimestamp"' not in stored.value:
            return None
        obj = stored.decoded()
        marked = "deletionTimestamp" in obj["metadata"]
        return stored if marked and FINALIZER in obj.get("spec", {}).get("finalizers", ()) else None

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
        for scope, stored in list(self._content(name)):
            await self._delete(scope, stored)
        await self._services.scopes.storage.barrier()
        left = list(self._content(name))
        if left:
            await self._tell(name, left)
            return False
        await self._write(name, "finalize", _without_finalizer)
        log.info("namespace %s is deleted", name)
        return True

    def _content(self, namespace: str) -> Iterator[tuple[Scope, StoredObject]]:
        """Everything in a namespace, each stored place once."""
        seen: set[str] = set()
        scopes = self._services.scopes
        for definition in scopes.registry.definitions():
            place = storage_resource(definition)
            if definition.virtual or not definition.namespaced or place in seen:
                continue
            seen.add(place)
            scope = scopes.stored(definition.group, definition.plural)
            for stored in scope.objects.select(Selection(namespace)):
                yield scope, stored

    async def _delete(self, scope: Scope, stored: StoredObject) -> None:
        services, namespace = self._services, stored.namespace
        call = internal_call(services, scope, USER, "delete", namespace, stored.name)
        try:
            await delete_object(call, stored.name, DeleteOptions(propagation_policy="Background"))
        except NotFound:
            return  # somebody else was faster

    async def _tell(self, name: str, left: list[tuple[Scope, StoredObject]]) -> None:
        """Say in the status what is still there, and which finalizers hold it."""
        resources = Counter(scope.definition.resource for scope, _ in left)
        finalizers = Counter(
            finalizer
            for _, stored in left
            for finalizer in stored.decoded()["metadata"].get("finalizers") or ()
        )
        content = ", ".join(
            f"{r}. has {n} resource instances" for r, n in sorted(resources.items())
        )
        held = ", ".join(f"{f} in {n} resource instances" for f, n in sorted(finalizers.items()))
        conditions = [
            _condition(
                _CONTENT,
                "SomeResourcesRemain" if content else "ContentRemoved",
                f"Some resources are remaining: {content}" if content else "All content removed",
                bool(content),
            ),
            _condition(
                _FINALIZERS,
                "SomeFinalizersRemain" if held else "ContentHasNoFinalizers",
                f"Some content in the namespace has finalizers remaining: {held}"
                if held
                else "All content-preserving finalizers finished",
                bool(held),
            ),
        ]

        def note(namespace: Object) -> Object:
            status = namespace.setdefault("status", {})
            status["conditions"] = _merged(status.get("conditions") or [], conditions)
            return namespace

        await self._write(name, "status", note)

    async def _write(self, name: str, subresource: str, build: Build) -> None:
        call: Call = internal_call(
            self._services, self._namespaces, USER, "update", "", name, subresource
        )
        try:
            await Update(call, name, WriteOptions(), build).run()
        except AbsentError:
            return


def _without_finalizer(namespace: Object) -> Object:
    spec = namespace.setdefault("spec", {})
    spec["finalizers"] = [f for f in spec.get("finalizers", ()) if f != FINALIZER]
    return namespace


def _condition(kind: str, reason: str, message: str, holds: bool) -> dict[str, Any]:
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "lastTransitionTime": timestamp(),
        "reason": reason,
        "message": message,
    }


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """New conditions in place of old ones; one that says the same keeps its time."""
    kept = {condition["type"]: condition for condition in old}
    for condition in new:
        before = kept.get(condition["type"])
        if before is not None and before.get("status") == condition["status"]:
            condition["lastTransitionTime"] = before.get("lastTransitionTime")
        kept[condition["type"]] = condition
    return list(kept.values())
