"""The log's bytes: segment header, frames, records. Pure: no file is touched here.

    segment  = header frame* zeros
    header   = magic(8) version(u32) crc(u32) length(u32) msgpack       the same in every version
    frame    = magic(4) length(u32) crc(u32) number(u64) record*        one frame per batch
    record   = msgpack array, its first element is the kind

All integers are little endian. A frame is the unit of group commit: it is written with one write
and synced before the next one is started, so after a crash only the last frame can be incomplete.
Frames are numbered without gaps across segments. The CRC of a frame is seeded with the CRC of its
segment's header, so that log bytes which somebody stored as a value never look like a frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgpack

from raftstore.errors import CorruptLog, NewerFormat, StorageError

VERSION = 1
SEGMENT_MAGIC = b"RAFTWAL\n"
FRAME_MAGIC = b"\xf5WB\xa1"

_HEADER = struct.Struct("<8sIII")
_FRAME = struct.Struct("<4sIIQ")
_CRC_SCOPE = struct.Struct("<IQ")
FRAME_OVERHEAD = _FRAME.size

# Record kinds. The numbers are the format: never reuse one.
ENTRIES = 1  # [1, [[index, term, command], ...]]
TRUNCATE = 2  # [2, index]                   entries >= index are gone
HARD_STATE = 3  # [3, term, voted_for]
COMMIT_HINT = 4  # [4, index]
TRIM = 5  # [5, index, term]                 entries <= index are not needed any more
RESET = 6  # [6, index, term]                the log is empty and starts after index
CARRY = 7  # [7, *State]                     first record of every segment
SEAL = 8  # [8]                              a later segment exists


class Entry(NamedTuple):
    """One entry of the Raft log."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    term: int
    command: bytes


class State(NamedTuple):
    """Everything but the entries: what a segment carries over from the ones before it."""

    base_index: int = 0
    base_term: int = 0
    last_index: int = 0
    term: int = 0
    voted_for: str | None = None
    commit_hint: int = 0


class SegmentHeader(NamedTuple):
    cluster_id: str
    node_id: str
    first_frame: int
    size: int  # the file is never shorter than this


class Frame(NamedTuple):
    number: int
    payload: bytes
    end: int  # offset just after it


def how_to_rebuild(what: str) -> str:
    return (
        f"{what}. This node cannot be trusted with its own log any more. To rebuild it from the "
        f"others: stop the node, move its data directory away, remove the member from the cluster "
        f"and let it join again: it is filled from the leader. If it is the only node, restore a "
        f"saved snapshot."
    )


def encode_header(magic: bytes, version: int, fields: Sequence[object]) -> bytes:
    body: bytes = msgpack.packb(fields)
    return _HEADER.pack(magic, version, _header_crc(version, body), len(body)) + body


def decode_header(magic: bytes, newest: int, data: bytes, path: str) -> tuple[tuple[Any, ...], int]:
    """The fields and where the header ends. CorruptLog, or NewerFormat for a later version."""
    if len(data) < _HEADER.size or data[:8] != magic:
        raise CorruptLog(how_to_rebuild(f"{path} does not start with a valid header"))
    _, version, crc, length = _HEADER.unpack_from(data)
    end = _HEADER.size + length
    body = data[_HEADER.size : end]
    if len(body) != length or _header_crc(version, body) != crc:
        raise CorruptLog(how_to_rebuild(f"the header of {path} is damaged"))
    if version > newest:
        raise NewerFormat(
            f"{path} has format version {version}; this program reads up to {newest}: "
            f"start the version that wrote it, or a later one"
        )
    return msgpack.unpackb(body, use_list=False), end


def _header_crc(version: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<II", version, len(body))))


def encode_segment_header(header: SegmentHeader) -> bytes:
    return encode_header(SEGMENT_MAGIC, VERSION, header)


def decode_segment_header(data: bytes, path: str) -> tuple[SegmentHeader, int]:
    fields, end = decode_header(SEGMENT_MAGIC, VERSION, data, path)
    if [type(f) for f in fields] != [str, str, int, int]:
        raise CorruptLog(how_to_rebuild(f"the header of {path} makes no sense"))
    return SegmentHeader(*fields), end


def frame_seed(header_bytes: bytes) -> int:
    return zlib.crc32(header_bytes)


def encode_frame(seed: int, number: int, records: Iterable[bytes]) -> bytes:
    """One frame as one bytes object: each record is copied once."""
    parts = [b"", *records]
    length = sum(map(len, parts))
    if length > 0xFFFFFFFF:
        raise StorageError(f"a batch of {length} bytes does not fit in one frame")
    crc = zlib.crc32(_CRC_SCOPE.pack(length, number), seed)
    for part in parts:
        crc = zlib.crc32(part, crc)
    parts[0] = _FRAME.pack(FRAME_MAGIC, length, crc, number)
    return b"".join(parts)


def decode_frame(seed: int, data: bytes, offset: int) -> Frame | None:
    """The frame at `offset`, or None if there is no whole and undamaged one."""
    if offset + FRAME_OVERHEAD > len(data):
        return None
    magic, length, crc, number = _FRAME.unpack_from(data, offset)
    end = offset + FRAME_OVERHEAD + length
    if magic != FRAME_MAGIC or end > len(data):
        return None
    payload = data[offset + FRAME_OVERHEAD : end]
    if zlib.crc32(payload, zlib.crc32(_CRC_SCOPE.pack(length, number), seed)) != crc:
        return None
    return Frame(number, payload, end)


def find_later_frame(seed: int, data: bytes, offset: int, number: int) -> Frame | None:
    """A whole frame behind `offset` with a number above `number`: proof that that one was synced.

    Lower numbers prove nothing: they may be a copy of this log inside a value.
    """
    while (offset := data.find(FRAME_MAGIC, offset + 1)) >= 0:
        frame = decode_frame(seed, data, offset)
        if frame is not None and frame.number > number:
            return frame
    return None


def encode_entries(entries: Sequence[Entry]) -> bytes:
    packed: bytes = msgpack.packb((ENTRIES, entries))
    return packed


def encode_record(kind: int, *fields: int | str | None) -> bytes:
    packed: bytes = msgpack.packb((kind, *fields))
    return packed


def decode_records(payload: bytes) -> list[tuple[Any, ...]]:
    """The records of one frame; ValueError if they are not what `encode_*` makes."""
    size = max(len(payload), 1)
    unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=size)
    unpacker.feed(payload)
    records: list[tuple[Any, ...]] = []
    for record in unpacker:
        if not isinstance(record, tuple) or not record or record[0] not in _SCHEMA:
            raise ValueError("unknown record")
        if not _SCHEMA[record[0]](record[1:]):
            raise ValueError(f"malformed record of kind {record[0]}")
        records.append(record)
    if unpacker.tell() != len(payload):
        raise ValueError("half a record at the end")
    return records


def _is_index(value: object) -> bool:
    return type(value) is int and value >= 0


def _entries(fields: tuple[Any, ...]) -> bool:
    return len(fields) == 1 and all(
        len(e) == 3 and _is_index(e[0]) and _is_index(e[1]) and type(e[2]) is bytes
        for e in fields[0]
    )


def _hard_state(fields: tuple[Any, ...]) -> bool:
    return (
        len(fields) == 2 and _is_index(fields[0]) and (fields[1] is None or type(fields[1]) is str)
    )


def _carry(fields: tuple[Any, ...]) -> bool:
    if len(fields) != len(State._fields):
        return False
    state = State(*fields)
    return _hard_state((state.term, state.voted_for)) and all(
        _is_index(f)
        for f in (state.base_index, state.base_term, state.last_index, state.commit_hint)
    )


_SCHEMA: dict[int, Callable[[tuple[Any, ...]], bool]] = {
    ENTRIES: _entries,
    TRUNCATE: lambda fields: len(fields) == 1 and _is_index(fields[0]),
    HARD_STATE: _hard_state,
    COMMIT_HINT: lambda fields: len(fields) == 1 and _is_index(fields[0]),
    TRIM: lambda fields: len(fields) == 2 and all(map(_is_index, fields)),
    RESET: lambda fields: len(fields) == 2 and all(map(_is_index, fields)),
    CARRY: _carry,
    SEAL: lambda fields: not fields,
}
