"""One revision of one object, as the cache holds it and the verbs see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from kapiserver.storage.codec import end_of_type, restamp

FieldsOf = Callable[[dict[str, Any]], Mapping[str, str]]
Change = Callable[[dict[str, Any]], None]

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ObjectForm:
    """What the objects of one resource have in common.

    `finish` adds, before an object is encoded, what readers are to see in it whether or not it
    was written (`rules: null`); `opened` takes those nulls out again after decoding.
    """

    fields_of: FieldsOf
    finish: Change
    opened: Change


class Match(Protocol):
    """A compiled selector. `expression` is the text it came from, for logs and cache keys."""

    @property
    def expression(self) -> str: ...

    def __call__(self, values: Mapping[str, str], /) -> bool: ...


LabelMatch = Match
FieldMatch = Match


class StoredObject:
    """Immutable. `value` is complete JSON in the storage version, resourceVersion included.

    `create_revision` and `revision` are the store's. Labels and selectable fields are taken out of
    the value once, when a selector first asks for them. From `untyped_at` on, the value is the
    object without kind and apiVersion (and without its opening brace): an item of a list.
    """

    __slots__ = (
        "_fields",
        "_form",
        "_labels",
        "create_revision",
        "key",
        "name",
        "namespace",
        "revision",
        "untyped_at",
        "value",
    )

    def __init__(
        self,
        key: bytes,
        namespace: str,
        name: str,
        value: bytes,
        revision: int,
        create_revision: int,
        form: ObjectForm,
    ) -> None:
        self.key = key
        self.namespace = namespace
        self.name = name
        self.value = value
        self.untyped_at = end_of_type(value)
        self.revision = revision
        self.create_revision = create_revision
        self._form = form
        self._labels: Mapping[str, str] | None = None
        self._fields: Mapping[str, str] = _NOTHING

    def decoded(self) -> dict[str, Any]:
        """A fresh decoded copy that the caller may change, without the nulls of its type."""
        decoded: dict[str, Any] = orjson.loads(self.value)
        if b":null" in self.value:
            self._form.opened(decoded)
        return decoded

    def parsed(self) -> dict[str, Any]:
        """A fresh decoded copy with the nulls that are stored: for who reads and keeps nothing.

        To look for those nulls takes as long as to decode an object.
        """
        parsed: dict[str, Any] = orjson.loads(self.value)
        return parsed

    @property
    def is_terminating(self) -> bool:
        """Whether it has a deletionTimestamp: most have none, which is quickly seen."""
        if b'"deletionTimestamp"' not in self.value:
            return False
        return "deletionTimestamp" in orjson.loads(self.value)["metadata"]  # not a label's key

    def _extract(self) -> Mapping[str, str]:
        obj = self.parsed()
        labels: Mapping[str, str] = obj["metadata"].get("labels") or _NOTHING
        self._fields = self._form.fields_of(obj)
        self._labels = labels
        return labels

    @property
    def labels(self) -> Mapping[str, str]:
        labels = self._labels
        return self._extract() if labels is None else labels

    @property
    def fields(self) -> Mapping[str, str]:
        """Selectable fields, metadata.name and metadata.namespace among them."""
        if self._labels is None:
            self._extract()
        return self._fields

    def at_revision(self, revision: int) -> StoredObject:
        """The same content with another resourceVersion: the last state of a deleted object."""
        copy = StoredObject(
            self.key,
            self.namespace,
            self.name,
            restamp(self.value, revision),
            revision,
            self.create_revision,
            self._form,
        )
        copy._labels = self._labels
        copy._fields = self._fields
        return copy


class Selection:
    """What a list or a watch wants: a namespace, a name, and selectors; all may be absent."""

    __slots__ = ("fields", "labels", "name", "namespace")

    def __init__(
        self,
        namespace: str = "",
        name: str = "",
        labels: LabelMatch | None = None,
        fields: FieldMatch | None = None,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.labels = labels
        self.fields = fields

    @property
    def has_selectors(self) -> bool:
        return self.labels is not None or self.fields is not None

    def matches(self, obj: StoredObject) -> bool:
        """Selectors and name only: callers pick the namespace by key range or index."""
        if self.name and obj.name != self.name:
            return False
        if self.labels is not None and not self.labels(obj.labels):
            return False
        return self.fields is None or self.fields(obj.fields)
