"""The envelope of a body: four magic bytes, then a message that names the object's type.

In: a body. Out: apiVersion and kind as sent (both may be empty), and the bytes of the object.
"""

from __future__ import annotations

from typing import NamedTuple

from kapiserver.resources.protobuf.wire import BYTES, CUT_OFF, WireError, length, skip, varint

MAGIC = b"k8s\x00"
_TYPE_META, _RAW = 1, 2
_API_VERSION, _KIND = 1, 2


class Envelope(NamedTuple):
    api_version: str
    kind: str
    raw: bytes


def open_envelope(body: bytes) -> Envelope:
    """Raises WireError: these bytes have not been wrapped by a Kubernetes client."""
    if not body:
        raise WireError("empty data")
    if not body.startswith(MAGIC):
        raise WireError(
            "provided data does not appear to be a protobuf message, expected prefix "
            f"[{' '.join(map(str, MAGIC))}]"
        )
    if len(body) == len(MAGIC):
        raise WireError("empty body")
    try:
        fields = _byte_fields("Unknown", body, len(MAGIC), len(body), (_TYPE_META, _RAW))
        meta = fields.get(_TYPE_META, b"")
        names = _byte_fields("TypeMeta", meta, 0, len(meta), (_API_VERSION, _KIND))
    except IndexError:
        raise WireError(CUT_OFF) from None
    return Envelope(
        names.get(_API_VERSION, b"").decode("utf-8", "replace"),
        names.get(_KIND, b"").decode("utf-8", "replace"),
        fields.get(_RAW, b""),
    )


def _byte_fields(
    name: str, data: bytes, at: int, end: int, wanted: tuple[int, ...]
) -> dict[int, bytes]:
    """The wanted fields of a message in which they all hold bytes."""
    out: dict[int, bytes] = {}
    while at < end:
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number in wanted and wire == BYTES:
            start, at = length(data, at)
            out[number] = data[start:at]
        elif number in wanted or number == 0:
            raise WireError(f"proto: {name}: illegal tag {number} (wire type {wire})")
        else:
            at = skip(data, at, wire)
    if at != end:
        raise WireError(CUT_OFF)
    return out
