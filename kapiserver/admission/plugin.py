"""What plugins are made with and what they say: a look at the stored objects, and refusals.

Plugins decide by what this node has. Only where that would be a no is the cluster asked, because
the object that is missing here may just have been made through another node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kapiserver.admission.chain import Attributes
from kapiserver.errors import Forbidden, qualified
from kapiserver.resources.definition import Object
from kapiserver.storage import ObjectStore, StoredObject
from kapiserver.storage.object import Selection

_ALL = Selection()


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Plugins by name, besides and without those that are on by default; what some of them need."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    not_ready_toleration_seconds: int = 300
    unreachable_toleration_seconds: int = 300


class Known:
    """The objects of the cluster, and the settings. `store_of` is called late: stores open with
    the server."""

    def __init__(
        self,
        store_of: Callable[[str, str], ObjectStore],
        settings: AdmissionSettings = AdmissionSettings(),
    ) -> None:
        self._store_of = store_of
        self.settings = settings

    def store(self, group: str, plural: str) -> ObjectStore:
        return self._store_of(group, plural)

    def now(self, group: str, plural: str, selection: Selection = _ALL) -> list[StoredObject]:
        return self._store_of(group, plural).select(selection)

    async def find(
        self, group: str, plural: str, name: str, namespace: str = ""
    ) -> StoredObject | None:
        store = self._store_of(group, plural)
        return store.get_now(namespace, name) or await store.get(namespace, name)


def object_of(attributes: Attributes) -> Object:
    """The object that is written. Not for deletions."""
    assert attributes.obj is not None
    return attributes.obj


def old_of(attributes: Attributes) -> Object:
    """The object that is changed. For updates only."""
    assert attributes.old is not None
    return attributes.old


def spec_of(obj: Object) -> Object:
    spec: Object = obj.setdefault("spec", {})
    return spec


def forbidden(attributes: Attributes, why: str) -> Forbidden:
    """The refusal of a write. A name that is still to be generated is told by its prefix."""
    definition = attributes.definition
    name = attributes.name
    if not name:
        metadata = (attributes.obj or {}).get("metadata") or {}
        name = metadata.get("name") or metadata.get("generateName") or "Unknown"
    who = qualified(definition.group, definition.plural)
    return Forbidden(
        f'{who} "{name}" is forbidden: {why}',
        name=name,
        group=definition.group,
        kind=definition.plural,
    )
