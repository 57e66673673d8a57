"""Whether an owner is there. A missing one is asked for with a linearizable read, never assumed.

In: a reference and the namespace of the dependent. Out: an `OwnerState`. Raises ApiError when the
cluster cannot answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.api.metadata import FOREGROUND
from kapiserver.api.scope import Scope, Scopes
from kapiserver.controllers.garbage_collector.graph import Graph, OwnerReference, finishing
from kapiserver.controllers.garbage_collector.verdict import OwnerState
from kapiserver.storage import StoredObject


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
        if self._graph.is_gone(owner.uid):
            return OwnerState.ABSENT
        if scope is None:
            return OwnerState.UNKNOWN
        where = namespace if scope.definition.namespaced else ""
        state = _state_of(scope.objects.get_now(where, owner.name), owner.uid)
        if state is OwnerState.ABSENT:
            state = _state_of(await scope.objects.get(where, owner.name), owner.uid)
        return state

    def _scope(self, owner: OwnerReference) -> Scope | None:
        group, _, version = owner.api_version.rpartition("/")
        found = self._scopes.registry.lookup_kind(group, version, owner.kind)
        if found is None or found[0].virtual:
            return None
        return self._scopes.lookup(group, version, found[0].plural)


def _state_of(stored: StoredObject | None, uid: str) -> OwnerState:
    if stored is None:
        return OwnerState.ABSENT
    metadata = stored.decoded()["metadata"]
    if metadata.get("uid") != uid:
        return OwnerState.ABSENT  # another object of that name
    return OwnerState.WAITING if finishing(metadata) == FOREGROUND else OwnerState.SOLID
