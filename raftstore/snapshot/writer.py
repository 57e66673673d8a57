"""Writing a snapshot in small steps, so that requests can be served in between.

In: the machine's chunks. Out: a file under its final name, or nothing: the file is written as
`<name>.tmp`, synced, renamed, and the directory is synced; only then does `commit` return.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from raftstore.disk import Disk
from raftstore.snapshot import format as fmt
from raftstore.snapshot.format import SnapshotMeta


class SnapshotWriter:
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
        self._meta = meta
        self._digest = hashlib.sha256()
        self._file = disk.open(path + ".tmp", create=True)
        self._open = True
        self._offset = 0
        self._chunks = 0
        self._put(fmt.encode_meta(meta))

    @property
    def size(self) -> int:
        return self._offset

    def write(self, chunk: bytes) -> None:
        """Append one chunk (not empty); it reaches the page cache, not yet the disk."""
        self._put(fmt.encode_chunk(chunk))
        self._chunks += 1

    def sync(self) -> None:
        """Blocks. Called now and then, so that `commit` does not have to sync everything."""
        self._file.fdatasync()

    def commit(self) -> SnapshotMeta:
        """Blocks until the snapshot is durable under its final name."""
        self._put(fmt.encode_trailer(self._chunks, self._digest.digest()))
        self._file.fdatasync()
        self._close()
        self._disk.rename(self._path + ".tmp", self._path)
        self._disk.fsync_dir(os.path.dirname(self._path))
        meta = self._meta._replace(size=self._offset)
        self._committed(meta)
        return meta

    def abort(self) -> None:
        """Throw away what was written; nothing after a commit."""
        if self._open:
            self._close()
            self._disk.unlink(self._path + ".tmp")

    def _close(self) -> None:
        self._open = False
        self._file.close()

    def _put(self, data: bytes) -> None:
        self._file.pwrite(data, self._offset)
        self._digest.update(data)
        self._offset += len(data)
