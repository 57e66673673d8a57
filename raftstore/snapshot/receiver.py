"""Taking in a snapshot that another node sends piece by piece.

In: pieces in any order and number, each with its CRC32; only the next one in sequence is taken.
Out: the offset that is expected next, which is also what the sender needs to hear. Nothing here
replaces anything before `finish` has verified the whole file. A bad piece or file is the sender's
fault (TransportError) and leaves this node as it was; a StorageError is this node's own.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable

from raftstore.disk import Disk
from raftstore.errors import CorruptLog, NewerFormat, TransportError
from raftstore.snapshot.format import SnapshotMeta
from raftstore.snapshot.reader import load_meta, read_chunks


class Receiver:
    def __init__(
        self,
        disk: Disk,
        path: str,
        meta: SnapshotMeta,
        committed: Callable[[SnapshotMeta], None] = lambda meta: None,
    ) -> None:
        self._disk = disk
        self._committed = committed
        self._path = path
        self._temporary = path + ".recv.tmp"
        self.meta = meta
        self._file = disk.open(self._temporary, create=True)
        self._open = True
        self.offset = 0

    @property
    def complete(self) -> bool:
        return self.offset == self.meta.size

    def write_at(self, offset: int, data: bytes, crc: int) -> int:
        """Take a piece; the offset expected next. A gap, a repeat or a bad CRC changes nothing."""
        if offset != self.offset or zlib.crc32(data) != crc:
            return self.offset
        if offset + len(data) > self.meta.size:
            raise TransportError(f"the snapshot sent is longer than the {self.meta.size} announced")
        self._file.pwrite(data, offset)
        self.offset += len(data)
        return self.offset

    def sync(self) -> None:
        """Blocks. Called now and then, so that `finish` does not have to sync everything."""
        self._file.fdatasync()

    def finish(self) -> SnapshotMeta:
        """Blocks: sync, verify every byte, rename, sync the directory. The file is then ours."""
        if not self.complete:
            raise TransportError(f"got {self.offset} of {self.meta.size} bytes of a snapshot")
        self._file.fdatasync()
        self._close()
        try:
            found = load_meta(self._disk, self._temporary)
            for _ in read_chunks(self._disk, self._temporary):
                pass
        except (CorruptLog, NewerFormat) as exc:
            self._disk.unlink(self._temporary)
            raise TransportError("the snapshot sent does not verify") from exc
        if found != self.meta:
            self._disk.unlink(self._temporary)
            raise TransportError(f"the snapshot sent is {found[:3]}, announced was {self.meta[:3]}")
        self._disk.rename(self._temporary, self._path)
        self._disk.fsync_dir(os.path.dirname(self._path))
        self._committed(found)
        return found

    def abort(self) -> None:
        if self._open:
            self._close()
            self._disk.unlink(self._temporary)

    def _close(self) -> None:
        self._open = False
        self._file.close()
