"""Reading a snapshot file: as verified chunks, or as raw bytes to send to a follower.

Whatever does not verify raises CorruptLog with the place of the damage.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from raftstore.disk import Disk, File
from raftstore.errors import CorruptLog
from raftstore.snapshot import format as fmt
from raftstore.snapshot.format import SnapshotMeta
from raftstore.wal.format import how_to_rebuild


class Reader:
    """The file as bytes, for a transfer. It stays readable while it is open, even if pruned."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.size = file.size()

    def read_at(self, offset: int, size: int) -> bytes:
        return self._file.pread(size, offset)

    def close(self) -> None:
        self._file.close()


def read_meta(file: File) -> tuple[SnapshotMeta, int]:
    """The header of an open file and where the chunks start; the trailer must be in its place."""
    size = file.size()
    meta, start = fmt.decode_meta(file.pread(fmt.MAX_HEADER, 0), file.path, size)
    trailer = file.pread(fmt.TRAILER_SIZE, max(start, size - fmt.TRAILER_SIZE))
    if fmt.decode_trailer(trailer) is None:
        raise CorruptLog(how_to_rebuild(f"{file.path} is cut short or its end is damaged"))
    return meta, start


def load_meta(disk: Disk, path: str) -> SnapshotMeta:
    file = disk.open(path)
    try:
        return read_meta(file)[0]
    finally:
        file.close()


def read_chunks(disk: Disk, path: str) -> Iterator[bytes]:
    """Every chunk, each verified before it is yielded; the whole file after the last one."""
    file = disk.open(path)
    try:
        yield from _verified(file)
    finally:
        file.close()


def _verified(file: File) -> Iterator[bytes]:
    _, offset = read_meta(file)
    digest = hashlib.sha256(file.pread(offset, 0))
    chunks = 0
    while True:
        head = file.pread(fmt.CHUNK_OVERHEAD, offset)
        if len(head) < fmt.CHUNK_OVERHEAD:
            raise _damaged(file, offset)
        length, crc = fmt.decode_chunk_head(head)
        if length == 0:
            break
        if offset + fmt.CHUNK_OVERHEAD + length > file.size():
            raise _damaged(file, offset)
        data = file.pread(length, offset + fmt.CHUNK_OVERHEAD)
        if zlib.crc32(data) != crc:
            raise _damaged(file, offset)
        digest.update(head)
        digest.update(data)
        chunks += 1
        offset += fmt.CHUNK_OVERHEAD + length
        yield data
    trailer = fmt.decode_trailer(file.pread(fmt.TRAILER_SIZE + 1, offset))
    if trailer != (chunks, digest.digest()):
        raise _damaged(file, offset)


def _damaged(file: File, offset: int) -> CorruptLog:
    return CorruptLog(how_to_rebuild(f"{file.path} is damaged at byte {offset}"))
