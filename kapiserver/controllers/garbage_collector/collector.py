"""The deeds of the garbage collector: deletes, owner references taken away, finalizers removed.

In: the work that the feed finds. Out: ordinary deletes and updates, made as the garbage collector's
service account and guarded by uid and revision. Runs on the leader; everything it needs is stored,
so a new leader builds its graph and goes on where the old one stopped. Nothing is deleted that the
newest state does not show to be without an owner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import trio

from kapiserver.api.call import Services, internal_call
from kapiserver.api.delete import delete_object
from kapiserver.api.metadata import ORPHAN
from kapiserver.api.options import DeleteOptions
from kapiserver.api.scope import Scope
from kapiserver.api.write import AbsentError, Update
from kapiserver.controllers.garbage_collector.feed import Feed
from kapiserver.controllers.garbage_collector.graph import (
    Graph,
    ObjectKey,
    finishing,
    owners_of,
)
from kapiserver.controllers.garbage_collector.owners import InvalidOwnerNamespace, Owners
from kapiserver.controllers.garbage_collector.queue import WorkQueue
from kapiserver.controllers.garbage_collector.report import report_invalid_namespace
from kapiserver.controllers.garbage_collector.verdict import OwnerState, judge
from kapiserver.controllers.identity import WRITING, controller
from kapiserver.errors import ApiError, Conflict, NotFound
from kapiserver.resources.definition import Object
from kapiserver.storage import StoredObject

log = logging.getLogger(__name__)

USER = controller("generic-garbage-collector")
WORKERS = 8

Change = Callable[[dict[str, Any]], None]  # of the metadata, in place


class _NotYetError(Exception):
    """The graph does not know enough; look again in a moment."""


class GarbageCollector:
    """`run` until cancelled; each run starts from what is stored."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self) -> None:
        await _Term(self._services).run()


class _Term:
    """One term of leadership."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._graph = Graph()
        self._queue: WorkQueue[ObjectKey] = WorkQueue()
        self._feed = Feed(services.scopes, self._graph, self._queue, self._look_again)
        self._owners = Owners(services.scopes, self._graph)
        # dependents with an owner of a kind that is not served (now)
        self._unresolved: dict[ObjectKey, None] = {}

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed.run)
            for _ in range(WORKERS):
                nursery.start_soon(self._work)

    def _look_again(self) -> None:
        """Resources came or went: owners may be known now."""
        unresolved, self._unresolved = self._unresolved, {}
        for key in unresolved:
            self._queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            try:
                await self._attend(key)
            except (_NotYetError, Conflict):
                self._queue.retry(key)
            except ApiError as error:
                log.warning(
                    "garbage collection of %s %s/%s failed, will be retried: %s",
                    *key,
                    error.message,
                )
                self._queue.retry(key)
            else:
                self._queue.done(key)
            await trio.lowlevel.checkpoint()

    async def _attend(self, key: ObjectKey) -> None:
        scope = self._feed.scope(key.place)
        stored = None if scope is None else scope.objects.get_now(key.namespace, key.name)
        if scope is None or stored is None:
            return
        metadata = stored.decoded()["metadata"]
        match finishing(metadata):
            case "" if "deletionTimestamp" in metadata:
                return  # it is on its way
            case "":
                await self._judge(key, scope, stored, metadata)
            case finalizer:
                await self._finish(key, scope, metadata["uid"], finalizer)

    # -- dependents -----------------------------------------------------------------------------

    async def _judge(
        self, key: ObjectKey, scope: Scope, stored: StoredObject, metadata: dict[str, Any]
    ) -> None:
        uid = metadata["uid"]
        try:
            owners = await self._owners.states(owners_of(metadata), key.namespace)
        except InvalidOwnerNamespace as problem:
            await report_invalid_namespace(self._services, USER, scope, metadata, problem.owner)
            return
        for owner, state in owners:
            if state is OwnerState.ABSENT and self._owners.is_elsewhere(owner, key.namespace):
                await report_invalid_namespace(self._services, USER, scope, metadata, owner)
        if any(state is OwnerState.UNKNOWN for _, state in owners):
            self._unresolved[key] = None
        verdict = judge(
            owners,
            metadata,
            has_dependents=self._graph.has_dependents(uid),
            in_circle=self._graph.is_in_circle(uid),
        )
        revision: str | None = str(stored.revision)
        if verdict.unblock:
            await self._change(key, scope, uid, _unblock)
            revision = None
        if verdict.policy:
            await self._delete(key, scope, uid, revision, verdict.policy)
        elif verdict.strip:
            await self._change(key, scope, uid, _without_owners(verdict.strip))

    async def _delete(
        self, key: ObjectKey, scope: Scope, uid: str, revision: str | None, policy: str
    ) -> None:
        """Guarded by uid and revision: it may have got another owner since it was looked at."""
        call = internal_call(self._services, scope, USER, "delete", key.namespace, key.name)
        options = DeleteOptions(propagation_policy=policy, uid=uid, resource_version=revision)
        try:
            await delete_object(call, key.name, options)
        except NotFound:
            return  # somebody else was faster

    # -- owners that are being deleted ----------------------------------------------------------

    async def _finish(self, key: ObjectKey, scope: Scope, uid: str, finalizer: str) -> None:
        """Carry out the propagation policy of a deleted owner as far as possible now."""
        await self._services.scopes.storage.barrier()
        if not self._feed.is_current():
            raise _NotYetError
        if finalizer == ORPHAN:
            change = _without_owners(frozenset([uid]))
            for dependent in self._graph.dependents(uid):
                theirs = self._feed.scope(dependent.place)
                if theirs is not None:
                    await self._change(dependent, theirs, "", change)
        elif self._graph.is_blocked(uid):
            return  # comes again when a dependent goes; they are in the queue on their own
        await self._change(key, scope, uid, _without_finalizer(finalizer))

    # -- updates --------------------------------------------------------------------------------

    async def _change(self, key: ObjectKey, scope: Scope, uid: str, change: Change) -> None:
        """Change the metadata of an object if it still is the one of this uid ("": any)."""

        def build(obj: Object) -> Object:
            if not uid or obj["metadata"].get("uid") == uid:
                change(obj["metadata"])
            return obj

        call = internal_call(self._services, scope, USER, "patch", key.namespace, key.name)
        try:
            await Update(call, key.name, WRITING, build).run()
        except AbsentError:
            return


def _without_owners(uids: frozenset[str]) -> Change:
    def change(metadata: dict[str, Any]) -> None:
        owners = metadata.get("ownerReferences") or ()
        metadata["ownerReferences"] = [o for o in owners if o.get("uid") not in uids]

    return change


def _without_finalizer(finalizer: str) -> Change:
    def change(metadata: dict[str, Any]) -> None:
        finalizers = metadata.get("finalizers") or ()
        metadata["finalizers"] = [f for f in finalizers if f != finalizer]

    return change


def _unblock(metadata: dict[str, Any]) -> None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("blockOwnerDeletion"):
            owner["blockOwnerDeletion"] = False
