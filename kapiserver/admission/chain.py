"""Admission: plugins that may change a write, then plugins that may refuse it.

In: `Attributes` of one write, with the decoded object in its stored version (None on delete) and
the true old object. Out: the object changed in place, or ApiError. Mutation runs before the
resource's own validation, validation after it; both see every attempt of a retried write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, ResourceDefinition
from kapiserver.storage import StoredObject

CREATE, UPDATE, DELETE, CONNECT = "CREATE", "UPDATE", "DELETE", "CONNECT"


@dataclass(slots=True)
class Attributes:
    """One write as admission sees it. `name` is empty while a name is still to be generated.

    `depends_on`: an object (the namespace) that has to be at the same revision when the write is
    carried out, because a plugin admitted the write on its ground.
    """

    operation: str
    definition: ResourceDefinition
    version: str
    namespace: str
    name: str
    subresource: str
    user: UserInfo
    dry_run: bool
    obj: Object | None = None
    old: Object | None = None
    depends_on: StoredObject | None = None


class Plugin(Protocol):
    """Either method may do nothing. Raise ApiError (Forbidden, mostly) to refuse."""

    async def mutate(self, attributes: Attributes) -> None: ...

    async def validate(self, attributes: Attributes) -> None: ...


class AdmissionChain:
    """Plugins in order."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._plugins = tuple(plugins)

    async def mutate(self, attributes: Attributes) -> None:
        for plugin in self._plugins:
            await plugin.mutate(attributes)

    async def validate(self, attributes: Attributes) -> None:
        for plugin in self._plugins:
            await plugin.validate(attributes)
