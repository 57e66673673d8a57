"""A snapshot file's bytes. Pure: no file is touched here.

    file    = header chunk* trailer
    header  = magic(8) version(u32) crc(u32) length(u32) msgpack       as in a log segment
    chunk   = length(u32, not 0) crc(u32) bytes
    trailer = 0(u32) crc(u32) chunks(u64) SHA-256(32)                  of everything before it

The CRCs find damage early and say where; the SHA-256 says that the file is the one that was
written, so that what a peer sent may replace what is here.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from raftstore.errors import CorruptLog
from raftstore.types import Member
from raftstore.wal.format import decode_header, encode_header, how_to_rebuild

VERSION = 1
MAGIC = b"RAFTSNP\n"
MAX_HEADER = 1 << 20
MAX_CHUNK = 256 << 20

_CHUNK = struct.Struct("<II")
_TRAILER = struct.Struct("<IIQ32s")
CHUNK_OVERHEAD = _CHUNK.size
TRAILER_SIZE = _TRAILER.size


class SnapshotMeta(NamedTuple):
    """What a snapshot is of. `size` is the file's, 0 as long as it is being written."""

    cluster_id: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    term: int
    members: tuple[Member, ...]
    revision: int
    state_hash: bytes
    size: int = 0


def encode_meta(meta: SnapshotMeta) -> bytes:
    return encode_header(MAGIC, VERSION, meta[:-1])


def decode_meta(data: bytes, path: str, size: int) -> tuple[SnapshotMeta, int]:
    """The meta and where the first chunk starts."""
    fields, end = decode_header(MAGIC, VERSION, data, path)
    try:
        if tuple(map(type, fields)) != (str, int, int, tuple, int, bytes):
            raise ValueError("a field has the wrong type")
        cluster_id, index, term, members, revision, state_hash = fields
        meta = SnapshotMeta(
            cluster_id,
            index,
            term,
            tuple(Member(*m) for m in members),
            revision,
            state_hash,
            size,
        )
    except (ValueError, TypeError) as exc:
        raise CorruptLog(how_to_rebuild(f"the header of {path} makes no sense: {exc}")) from exc
    return meta, end


def encode_chunk(data: bytes) -> bytes:
    if not 0 < len(data) <= MAX_CHUNK:
        raise ValueError(f"a chunk of {len(data)} bytes")
    return _CHUNK.pack(len(data), zlib.crc32(data)) + data


def decode_chunk_head(head: bytes) -> tuple[int, int]:
    """(length, crc); length 0 announces the trailer."""
    length, crc = _CHUNK.unpack(head)
    return length, crc


def encode_trailer(chunks: int, digest: bytes) -> bytes:
    return _TRAILER.pack(0, _trailer_crc(chunks, digest), chunks, digest)


def decode_trailer(data: bytes) -> tuple[int, bytes] | None:
    """(chunks, digest), or None if this is not a whole trailer."""
    if len(data) != TRAILER_SIZE:
        return None
    zero, crc, chunks, digest = _TRAILER.unpack(data)
    if zero != 0 or _trailer_crc(chunks, digest) != crc:
        return None
    return chunks, digest


def _trailer_crc(chunks: int, digest: bytes) -> int:
    return zlib.crc32(digest, zlib.crc32(struct.pack("<Q", chunks)))
