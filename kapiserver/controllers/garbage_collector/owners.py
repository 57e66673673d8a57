"""Whether an owner is there. A missing one is asked for with a linearizable read, never assumed.

In: a reference and the namespace of the dependent. Out: an `OwnerState`. Raises ApiError when the
cluster cannot answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.api.metadata import FOREGROUND
from kapiserver.api.scope import Scope, Scopes, storage_resource
from kapiserver.controllers.garbage_collector.graph import (
    Graph,
    ObjectKey,
    OwnerReference,
    finishing,
)
from kapiserver.controllers.garbage_collector.verdict import OwnerState
from kapiserver.storage import StoredObject
from kapiserver.storage.object import Selection


class InvalidOwnerNamespace(Exception):
    """A cluster-scoped object names an owner that lives in a namespace: no such owner can be."""

    def __init__(self, owner: OwnerReference) -> None:
        super().__init__(owner.uid)
        self.owner = owner


class Owners:
    def __init__(self, scopes: Scopes, graph: Graph) -> None:
        self._scopes = scopes
        self._graph = graph

    async def states(
        self, owners: Sequence[OwnerReference], namespace: str
    ) -> list[tuple[OwnerReference, OwnerState]]:
        """Raises InvalidOwnerNamespace. `namespace` is "" for cluster-scoped dependents."""
        return [(owner, await self._state(owner, namespace)) for owner in owners]

    async def _state(self, owner: OwnerReference, namespace: str) -> OwnerState:
        scope = self._scope(owner)
        if scope is not None and scope.definition.namespaced and not namespace:
            raise InvalidOwnerNamespace(owner)
        gone = self._graph.went_from(owner.uid)
        if scope is None:
            known = gone is not None and self._was(gone, owner, namespace)
            return OwnerState.ABSENT if known else OwnerState.UNKNOWN
        where = namespace if scope.definition.namespaced else ""
        if gone == ObjectKey(storage_resource(scope.definition), where, owner.name):
            return OwnerState.ABSENT
        state = _state_of(scope.objects.get_now(where, owner.name), owner.uid)
        if state is OwnerState.ABSENT:
            state = _state_of(await scope.objects.get(where, owner.name), owner.uid)
        return state

    def _was(self, gone: ObjectKey, owner: OwnerReference, namespace: str) -> bool:
        """Whether what went is what the reference names, of a kind that is not served any more."""
        group = owner.api_version.rpartition("/")[0]
        return (
            gone.name == owner.name
            and gone.namespace in ("", namespace)
            and gone.place.partition(".")[2] == group
            and not any(
                (definition.group, definition.kind) == (group, owner.kind)
                for definition in self._scopes.registry.definitions()
            )
        )

    def is_elsewhere(self, owner: OwnerReference, namespace: str) -> bool:
        """Whether an owner that is not there for this namespace is in another one.

        One whose deletion was seen is nowhere, so that the many dependents of what was deleted do
        not make anybody look through all namespaces.
        """
        scope = self._scope(owner)
        gone = self._graph.went_from(owner.uid) is not None
        if gone or scope is None or not scope.definition.namespaced:
            return False
        for other in self._scopes.stored("", "namespaces").objects.select(Selection()):
            if other.name != namespace:
                stored = scope.objects.get_now(other.name, owner.name)
                if _state_of(stored, owner.uid) is not OwnerState.ABSENT:
                    return True
        return False

    def _scope(self, owner: OwnerReference) -> Scope | None:
        group, _, version = owner.api_version.rpartition("/")
        found = self._scopes.registry.lookup_kind(group, version, owner.kind)
        if found is None or found[0].virtual:
            return None
        return self._scopes.lookup(group, version, found[0].plural)


def _state_of(stored: StoredObject | None, uid: str) -> OwnerState:
    if stored is None:
        return OwnerState.ABSENT
    metadata = stored.parsed()["metadata"]
    if metadata.get("uid") != uid:
        return OwnerState.ABSENT  # another object of that name
    return OwnerState.WAITING if finishing(metadata) == FOREGROUND else OwnerState.SOLID
