"""Who belongs to whom. Pure: no I/O, no clock.

In: the metadata of objects as they come, change and go. Out: the keys that have to be looked at
because of it. Only objects with owners, and those whose deletion waits for the garbage collector,
are held: of all others nothing needs to be known but that they exist, which the storage knows. So
the graph costs memory per owner reference, not per object.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kapiserver.api.metadata import FOREGROUND, ORPHAN

# How many deleted owners are remembered, so that their dependents need not ask for them.
REMEMBERED = 1000


class ObjectKey(NamedTuple):
    """Where an object is stored. `place` is the storage's name of the resource."""

    place: str
    namespace: str
    name: str


class OwnerReference(NamedTuple):
    """One entry of metadata.ownerReferences. `blocks`: blockOwnerDeletion."""

    api_version: str
    kind: str
    name: str
    uid: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Node:
    """What the graph knows of an object. `finishing`: the finalizer that we have to work off."""

    uid: str
    owners: tuple[OwnerReference, ...]
    deleting: bool
    finishing: str


def owners_of(metadata: Mapping[str, Any]) -> tuple[OwnerReference, ...]:
    return tuple(
        OwnerReference(
            owner.get("apiVersion", ""),
            owner.get("kind", ""),
            owner.get("name", ""),
            owner.get("uid", ""),
            bool(owner.get("blockOwnerDeletion")),
        )
        for owner in metadata.get("ownerReferences") or ()
    )


def finishing(metadata: Mapping[str, Any]) -> str:
    """ORPHAN or FOREGROUND while a deletion waits for us, else ""."""
    if "deletionTimestamp" not in metadata:
        return ""
    finalizers = metadata.get("finalizers") or ()
    return ORPHAN if ORPHAN in finalizers else FOREGROUND if FOREGROUND in finalizers else ""


def node_of(metadata: Mapping[str, Any]) -> Node | None:
    """None: the graph need not hold it."""
    node = Node(
        metadata.get("uid", ""),
        owners_of(metadata),
        "deletionTimestamp" in metadata,
        finishing(metadata),
    )
    return node if node.owners or node.finishing else None


class Graph:
    """Every method that takes news returns the keys to look at, each once."""

    def __init__(self) -> None:
        self._nodes: dict[ObjectKey, Node] = {}
        self._dependents: dict[str, dict[ObjectKey, None]] = {}  # by the owner's uid
        self._finishing: dict[str, ObjectKey] = {}  # by uid
        self._gone: OrderedDict[str, ObjectKey] = OrderedDict()

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def held(self) -> list[ObjectKey]:
        return list(self._nodes)

    # -- news -----------------------------------------------------------------------------------

    def observe(self, key: ObjectKey, metadata: Mapping[str, Any]) -> Iterable[ObjectKey]:
        """An object is there, in this state."""
        old, new = self._nodes.get(key), node_of(metadata)
        if old == new:
            return ()
        work: dict[ObjectKey, None] = {}
        if old is not None and old.uid != metadata.get("uid", ""):
            work.update(dict.fromkeys(self.gone(key, old.uid)))  # another one of that name
            old = None
        self._replace(key, old, new)
        if old is not None:
            work.update(dict.fromkeys(self._finishing_owners(old)))
        if new is not None:
            work[key] = None
            if new.finishing and (old is None or old.finishing != new.finishing):
                work.update(self._dependents.get(new.uid, {}))
        return work

    def gone(self, key: ObjectKey, uid: str) -> Iterable[ObjectKey]:
        """The object of this uid was deleted."""
        old = self._nodes.get(key)
        work: dict[ObjectKey, None] = {}
        if old is not None and old.uid == uid:
            self._replace(key, old, None)
            work.update(dict.fromkeys(self._finishing_owners(old)))
        dependents = self._dependents.get(uid)
        if dependents:
            work.update(dependents)
            self._gone[uid] = key
            if len(self._gone) > REMEMBERED:
                self._gone.popitem(last=False)
        return work

    def forget(self, place: str) -> None:
        """Nothing is known of a resource any more (its watch starts over, or it is not served)."""
        for key in [key for key in self._nodes if key.place == place]:
            self._replace(key, self._nodes[key], None)

    def _replace(self, key: ObjectKey, old: Node | None, new: Node | None) -> None:
        if old is not None:
            del self._nodes[key]
            for owner in old.owners:
                siblings = self._dependents.get(owner.uid)
                if siblings is not None:
                    siblings.pop(key, None)
                    if not siblings:
                        del self._dependents[owner.uid]
            if old.finishing:
                self._finishing.pop(old.uid, None)
        if new is not None:
            self._nodes[key] = new
            for owner in new.owners:
                self._dependents.setdefault(owner.uid, {})[key] = None
            if new.finishing:
                self._finishing[new.uid] = key

    def _finishing_owners(self, node: Node) -> Iterator[ObjectKey]:
        """Owners that may have been waiting for this one."""
        for owner in node.owners:
            key = self._finishing.get(owner.uid)
            if key is not None:
                yield key

    # -- questions --------------------------------------------------------------------------------

    def went_from(self, uid: str) -> ObjectKey | None:
        """Where it was, if its deletion was seen, not too long ago. None says nothing."""
        return self._gone.get(uid)

    def dependents(self, uid: str) -> list[ObjectKey]:
        return list(self._dependents.get(uid, ()))

    def has_dependents(self, uid: str) -> bool:
        return uid in self._dependents

    def is_blocked(self, uid: str) -> bool:
        """Whether a dependent is left that the deletion of this owner has to wait for."""
        return any(
            owner.uid == uid and owner.blocks
            for key in self._dependents.get(uid, ())
            for owner in self._nodes[key].owners
        )

    def is_in_circle(self, uid: str) -> bool:
        """Whether a dependent waits for its own dependents in turn, so that both would wait."""
        return any(
            self._nodes[key].finishing == FOREGROUND for key in self._dependents.get(uid, ())
        )
