"""Other keys that are written in the same transaction as an object, or not at all.

In: objects that go with the one being written (an address taken by a service). Out: the guards and
operations for `ObjectStore.create`, `update` and `delete`. A guard that does not hold makes those
raise GuardMoved, and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kapiserver.storage.codec import encode
from raftstore.types import Compare, Delete, Op, Put

if TYPE_CHECKING:
    from kapiserver.storage.object import StoredObject
    from kapiserver.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Together:
    """Immutable; put together with `+`."""

    compare: tuple[Compare, ...] = ()
    ops: tuple[Op, ...] = ()

    def __add__(self, other: Together) -> Together:
        return Together(self.compare + other.compare, self.ops + other.ops)


NOTHING = Together()


def new_object(objects: ObjectStore, namespace: str, name: str, obj: dict[str, Any]) -> Together:
    """Create an object that must not be there yet."""
    return new_record(objects.keys.key(namespace, name), obj)


def unchanged(obj: StoredObject) -> Together:
    """An object must still be at the revision that was looked at."""
    return Together((Compare(obj.key, "mod", "=", obj.revision),))


def gone(obj: StoredObject) -> Together:
    """Delete an object that must still be at the revision that was looked at."""
    return Together((Compare(obj.key, "mod", "=", obj.revision),), (Delete(obj.key),))


def absent(objects: ObjectStore, namespace: str, name: str) -> Together:
    """There must be no such object."""
    return Together((_absent(objects.keys.key(namespace, name)),))


def new_record(key: bytes, obj: dict[str, Any]) -> Together:
    """Write a key that must not be there yet; no resource need be served from it."""
    encoded = encode(obj)
    return Together((_absent(key),), (Put(key, encoded.value, 0, encoded.stamp),))


def record_gone(key: bytes, revision: int) -> Together:
    """Delete such a key, which must still be at a revision."""
    return Together((Compare(key, "mod", "=", revision),), (Delete(key),))


def _absent(key: bytes) -> Compare:
    return Compare(key, "version", "=", 0)
