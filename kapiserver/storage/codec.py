"""Encode once: a decoded object becomes the JSON bytes that every later read sends.

The store inserts the mod revision at `stamp` when the write is applied (raftstore's versionstamp),
so the stored value is complete, resourceVersion included, and the same on every node. kind,
apiVersion and metadata come first, metadata's fields in the order of upstream's struct; that also
makes the first `"resourceVersion":"` in the bytes the object's own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from kapiserver.errors import BadRequest

_MARK = b'"resourceVersion":"'
_METADATA = b'"metadata":'
_HEAD = ("name", "generateName", "namespace", "selfLink", "uid")
_REST = (
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


class Encoded(NamedTuple):
    """JSON with an empty resourceVersion, and the offset at which the revision belongs."""

    value: bytes
    stamp: int


def encode(obj: dict[str, Any]) -> Encoded:
    """Encode an object (its own resourceVersion, if any, is left out)."""
    metadata = obj["metadata"]
    ordered_metadata: dict[str, Any] = {}
    for field in _HEAD:
        value = metadata.get(field)
        if value:
            ordered_metadata[field] = value
    ordered_metadata["resourceVersion"] = ""
    for field in _REST:
        if field in metadata:
            ordered_metadata[field] = metadata[field]
    ordered: dict[str, Any] = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "metadata": ordered_metadata,
    }
    for field, value in obj.items():
        if field not in ordered:
            ordered[field] = value
    try:
        encoded = orjson.dumps(ordered)
    except TypeError as error:  # orjson.JSONEncodeError: lone surrogates, integers over 64 bits
        raise BadRequest(f"the object cannot be encoded as JSON: {error}") from error
    return Encoded(encoded, encoded.index(_MARK) + len(_MARK))


def end_of_type(value: bytes) -> int:
    """Where kind and apiVersion end in a stored value: `encode` puts metadata behind them."""
    return value.index(_METADATA)


def strip_revision(value: bytes) -> bytes:
    """A stored value with its resourceVersion emptied: what `encode` made before the stamp."""
    start = value.index(_MARK) + len(_MARK)
    return value[:start] + value[value.index(b'"', start) :]


def unstamped(value: bytes) -> bytes:
    """A stored value without a resourceVersion: of an object that is stored nowhere."""
    return value.replace(_MARK + b'",', b"", 1)


def restamp(value: bytes, revision: int) -> bytes:
    """A stored value that says another resourceVersion (the last state in a DELETED event)."""
    start = value.index(_MARK) + len(_MARK)
    return b"%b%d%b" % (value[:start], revision, value[value.index(b'"', start) :])
