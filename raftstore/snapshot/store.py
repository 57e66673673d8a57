"""The directory of snapshots: what is there, new ones, old ones removed.

File names carry index and term, so that sorting them finds the newest. Files that were never
finished end in `.tmp` and are removed when the directory is opened. A damaged snapshot is reported
(CorruptLog), never skipped in silence: the log may already have been trimmed up to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from raftstore.disk import Disk
from raftstore.errors import StorageError
from raftstore.snapshot.format import SnapshotMeta
from raftstore.snapshot.reader import Reader, load_meta, read_chunks
from raftstore.snapshot.receiver import Receiver
from raftstore.snapshot.writer import SnapshotWriter

PREFIX, SUFFIX = "snap-", ".snap"


class SnapshotStore:
    def __init__(self, disk: Disk, directory: str, *, cluster_id: str = "") -> None:
        """Open (or make) the directory; with `cluster_id`, snapshots of others are refused."""
        self._disk = disk
        self._directory = directory
        self._cluster_id = cluster_id
        disk.makedirs(directory)
        for name in disk.listdir(directory):
            if name.startswith(PREFIX) and name.endswith(".tmp"):
                disk.unlink(f"{directory}/{name}")
        # A rename that the last process saw may not have reached the disk yet.
        disk.fsync_dir(directory)
        self._metas = [self._load(name) for name in self._names()]

    def latest(self) -> SnapshotMeta | None:
        return self._metas[-1] if self._metas else None

    def all(self) -> tuple[SnapshotMeta, ...]:
        """Every snapshot, oldest first."""
        return tuple(self._metas)

    def path(self, meta: SnapshotMeta) -> str:
        return f"{self._directory}/{PREFIX}{meta.index:016x}-{meta.term:016x}{SUFFIX}"

    def begin(self, meta: SnapshotMeta) -> SnapshotWriter:
        return SnapshotWriter(self._disk, self.path(meta), meta, self._added)

    def receive(self, meta: SnapshotMeta) -> Receiver:
        if self._cluster_id and meta.cluster_id != self._cluster_id:
            raise StorageError(f"a snapshot of cluster {meta.cluster_id}, not {self._cluster_id}")
        return Receiver(self._disk, self.path(meta), meta, self._added)

    def read(self, meta: SnapshotMeta) -> Iterator[bytes]:
        """The machine's chunks, each verified; CorruptLog at the first damage."""
        return read_chunks(self._disk, self.path(meta))

    def open_transfer(self, meta: SnapshotMeta) -> Reader:
        return Reader(self._disk.open(self.path(meta)))

    def prune(self, keep: int = 2) -> None:
        """Remove all but the newest `keep` (at least one)."""
        surplus = self._metas[: -max(keep, 1)]
        for meta in surplus:
            self._disk.unlink(self.path(meta))
        if surplus:
            self._disk.fsync_dir(self._directory)
            del self._metas[: len(surplus)]

    def _names(self) -> list[str]:
        names = self._disk.listdir(self._directory)
        return sorted(n for n in names if n.startswith(PREFIX) and n.endswith(SUFFIX))

    def _load(self, name: str) -> SnapshotMeta:
        meta = load_meta(self._disk, f"{self._directory}/{name}")
        if self._cluster_id and meta.cluster_id != self._cluster_id:
            raise StorageError(
                f"{self._directory}/{name} belongs to cluster {meta.cluster_id}, "
                f"not to {self._cluster_id}"
            )
        return meta

    def _added(self, meta: SnapshotMeta) -> None:
        others = [m for m in self._metas if (m.index, m.term) != (meta.index, meta.term)]
        self._metas = sorted([*others, meta], key=lambda m: (m.index, m.term))
