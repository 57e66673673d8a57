"""A node's data directory: who it belongs to, and that only one process uses it.

    meta       cluster id, node id, format version, as JSON with a CRC; written last
    lock       held with flock as long as the directory is open
    wal/       raftstore.wal
    snapshot/  raftstore.snapshot

A directory without `meta` is not a data directory. One with `meta` has a log, because the log is
made first: a log that is missing later was removed, and the node must not start as if it were new.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

from raftstore.disk import Disk, Lock, read_all, write_atomically
from raftstore.errors import CorruptLog, NewerFormat, StorageError
from raftstore.wal.format import State, how_to_rebuild
from raftstore.wal.replay import list_segments
from raftstore.wal.wal import SEGMENT_BYTES, Wal

VERSION = 1


class DataDir:
    """Use `create`, `open` or `exists`; `close` gives the lock back."""

    def __init__(self, disk: Disk, path: str, lock: Lock, cluster_id: str, node_id: str) -> None:
        self._disk = disk
        self._lock = lock
        self.path = path
        self.cluster_id = cluster_id
        self.node_id = node_id

    @property
    def wal_directory(self) -> str:
        return f"{self.path}/wal"

    @property
    def snapshot_directory(self) -> str:
        return f"{self.path}/snapshot"

    @staticmethod
    def exists(disk: Disk, path: str) -> bool:
        return disk.exists(f"{path}/meta")

    @classmethod
    def create(
        cls,
        disk: Disk,
        path: str,
        *,
        cluster_id: str,
        node_id: str,
        segment_bytes: int = SEGMENT_BYTES,
        initial: State | None = None,
        fill: Callable[[DataDir], None] = lambda data: None,
    ) -> DataDir:
        """Make a new directory and open it. `fill` may add to it before it counts as made."""
        disk.makedirs(path)
        data = cls(disk, path, disk.lock(f"{path}/lock"), cluster_id, node_id)
        try:
            if cls.exists(disk, path):
                raise StorageError(f"{path} is the data directory of a node already")
            data._remove_unfinished()
            data.open_wal(segment_bytes=segment_bytes, initial=initial, must_exist=False).close()
            fill(data)
            fields = {"cluster_id": cluster_id, "node_id": node_id, "version": VERSION}
            fields["crc"] = _crc(fields)
            write_atomically(disk, f"{path}/meta", json.dumps(fields).encode() + b"\n")
        except BaseException:
            data.close()
            raise
        return data

    @classmethod
    def open(cls, disk: Disk, path: str) -> DataDir:
        """Open an existing directory; StorageError names the process that has it open."""
        if not cls.exists(disk, path):
            raise StorageError(f"{path} is not a data directory")
        lock = disk.lock(f"{path}/lock")
        try:
            cluster_id, node_id = _read_meta(disk, f"{path}/meta")
        except StorageError:
            lock.release()
            raise
        return cls(disk, path, lock, cluster_id, node_id)

    @staticmethod
    def identity(disk: Disk, path: str) -> tuple[str, str]:
        """(cluster id, node id) of an existing directory, open or not."""
        return _read_meta(disk, f"{path}/meta")

    def open_wal(
        self,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        initial: State | None = None,
        must_exist: bool = True,
    ) -> Wal:
        return Wal.open(
            self._disk,
            self.wal_directory,
            cluster_id=self.cluster_id,
            node_id=self.node_id,
            segment_bytes=segment_bytes,
            initial=initial,
            must_exist=must_exist,
        )

    def _remove_unfinished(self) -> None:
        """A log without `meta` is what an interrupted `create` leaves: remove it if it is empty."""
        if not self._disk.exists(self.wal_directory):
            return
        segments = list_segments(self._disk, self.wal_directory)
        if not segments:
            return
        wal = Wal.open(self._disk, self.wal_directory)
        is_empty = (wal.base, wal.last_index, wal.term_state) == ((0, 0), 0, (0, None))
        wal.close()
        if not is_empty:
            raise StorageError(
                f"{self.path} holds a log but no identity: its file meta was removed, or a restore "
                f"was interrupted; put meta back, or move the directory away to start anew"
            )
        for segment in reversed(segments):
            self._disk.unlink(segment)
        self._disk.fsync_dir(self.wal_directory)

    def close(self) -> None:
        self._lock.release()


def _read_meta(disk: Disk, path: str) -> tuple[str, str]:
    try:
        fields = json.loads(read_all(disk, path))
        crc = fields.pop("crc")
        version, cluster_id, node_id = fields["version"], fields["cluster_id"], fields["node_id"]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise CorruptLog(how_to_rebuild(f"{path} cannot be read")) from exc
    if crc != _crc(fields):
        raise CorruptLog(how_to_rebuild(f"{path} is damaged or was edited"))
    if version > VERSION:
        raise NewerFormat(f"{path} has format version {version}; this program reads {VERSION}")
    return cluster_id, node_id


def _crc(fields: dict[str, object]) -> int:
    return zlib.crc32(json.dumps(fields, sort_keys=True).encode())
