"""Watch events in each representation: whole objects, metadata only, Table rows.

In: an event type and a stored object. Out: one line of JSON, or one frame of protobuf. Encoders
with equal `key` make equal bytes, so that the fan-out encodes an event once per representation and
not once per watcher.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Hashable
from typing import Any

import orjson

from kapiserver.api.negotiation import METADATA, METADATA_LIST, TABLE, Output
from kapiserver.api.render import is_metadata, partial_metadata, require_writable
from kapiserver.api.scope import Scope
from kapiserver.api.tables import TableWriter
from kapiserver.resources.protobuf import Encoder
from kapiserver.storage import EventEncoder, StoredObject

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# An empty list as LIST would answer it, of which clients make the list of what they received.
LIST_BLUEPRINT = "kubernetes.io/initial-events-list-blueprint"


def encoder_for(scope: Scope, output: Output, include: str) -> EventEncoder:
    if output.encoder is not None:
        return ProtobufEvents(scope, output, output.encoder)
    if output.convert == TABLE:
        return TableEvents(TableWriter(scope, include, output.meta_version), scope)
    if is_metadata(output):
        return MetadataEvents(scope, output.meta_version)
    return ObjectEvents(scope)


def _line(event_type: str, obj: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (event_type.encode(), obj)


def _bookmark_metadata(
    revision: int, initial_events_end: bool, empty_list: bytes = b""
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if initial_events_end:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        if empty_list:
            metadata["annotations"][LIST_BLUEPRINT] = b64encode(empty_list).decode()
    return metadata


def _empty_list(kind: str, api_version: str) -> bytes:
    return orjson.dumps(
        {"kind": kind, "apiVersion": api_version, "metadata": {}, "items": None},
        option=orjson.OPT_APPEND_NEWLINE,
    )


class _Events:
    """What all representations share. Errors are a Status, whatever was asked for."""

    def error(self, status: dict[str, Any]) -> bytes:
        return _line("ERROR", orjson.dumps(status))


class ObjectEvents(_Events):
    """Whole objects in the served version."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._empty_list = _empty_list(scope.list_kind, scope.api_version)
        self.key: Hashable = ("object", scope.api_version, scope.kind)

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        return _line(event_type, self._scope.value(obj))

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        metadata = _bookmark_metadata(revision, initial_events_end, self._empty_list)
        obj = self._scope.empty(metadata)
        return _line("BOOKMARK", orjson.dumps(obj))


class MetadataEvents(_Events):
    """PartialObjectMetadata."""

    def __init__(self, scope: Scope, meta_version: str) -> None:
        self._meta_version = meta_version
        self._empty_list = _empty_list(METADATA_LIST, f"meta.k8s.io/{meta_version}")
        self.key: Hashable = ("metadata", scope.api_version, scope.kind, meta_version)

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        metadata = obj.parsed()["metadata"]
        return _line(event_type, partial_metadata(metadata, self._meta_version))

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        metadata = _bookmark_metadata(revision, initial_events_end, self._empty_list)
        return _line("BOOKMARK", partial_metadata(metadata, self._meta_version))


class ProtobufEvents:
    """Whole objects or PartialObjectMetadata, as frames of protobuf. Raises NotAcceptable."""

    def __init__(self, scope: Scope, output: Output, encoder: Encoder) -> None:
        self._scope = scope
        self._encoder = encoder
        self._whole = not is_metadata(output)
        self._kind, self._api_version = scope.kind, scope.api_version
        list_kind = scope.list_kind if self._whole else METADATA_LIST
        if output.convert:
            kind = METADATA if is_metadata(output) else output.convert
            self._kind, self._api_version = kind, f"meta.k8s.io/{output.meta_version}"
        require_writable(encoder, self._api_version, self._kind)
        self._empty_list = b"".join(encoder.list(self._api_version, list_kind, {}, ()))
        served = (scope.api_version, scope.kind)
        self.key: Hashable = ("protobuf", *served, self._api_version, self._kind)

    def _named(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {"kind": self._kind, "apiVersion": self._api_version, "metadata": metadata}

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        if self._whole:
            return self._encoder.event(event_type, self._scope.decoded(obj))
        return self._encoder.event(event_type, self._named(obj.decoded()["metadata"]))

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        metadata = _bookmark_metadata(revision, initial_events_end, self._empty_list)
        return self._encoder.event("BOOKMARK", self._named(metadata))

    def error(self, status: dict[str, Any]) -> bytes:
        return self._encoder.event("ERROR", status)


class TableEvents(_Events):
    """A Table of one row per event; the first of a watch carries the columns and is not shared."""

    def __init__(self, writer: TableWriter, scope: Scope) -> None:
        self._writer = writer
        self._shared = ("table", scope.api_version, scope.kind, writer.include, writer.meta_version)
        self._first = True

    @property
    def key(self) -> Hashable:
        return None if self._first else self._shared

    def _table(self, event_type: str, revision: str, row: bytes) -> bytes:
        with_columns, self._first = self._first, False
        table = self._writer.table({"resourceVersion": revision}, [row], with_columns=with_columns)
        return _line(event_type, table)

    def event(self, event_type: str, obj: StoredObject) -> bytes:
        return self._table(event_type, str(obj.revision), self._writer.row(obj))

    def bookmark(self, revision: int, *, initial_events_end: bool) -> bytes:
        row = self._writer.bookmark_row(_bookmark_metadata(revision, initial_events_end))
        return self._table("BOOKMARK", str(revision), row)
