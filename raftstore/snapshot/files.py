"""Snapshot files outside a data directory: saved for later, verified, restored as a new cluster.

A file that was saved is the same as one in a snapshot directory. Restoring makes a fresh data
directory for a new cluster: other cluster id, other members, same index, term and content. Every
node of the new cluster is restored from the same file with the same cluster id and members, so all
of them start from the same point with nothing in their logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from raftstore.datadir import DataDir
from raftstore.disk import Disk
from raftstore.errors import StorageError
from raftstore.snapshot.format import SnapshotMeta
from raftstore.snapshot.reader import load_meta, read_chunks
from raftstore.snapshot.store import SnapshotStore
from raftstore.snapshot.writer import SnapshotWriter
from raftstore.types import Member
from raftstore.wal.format import State


def create_file(disk: Disk, path: str, meta: SnapshotMeta) -> SnapshotWriter:
    """A writer for a file anywhere, for chunks that come in small steps."""
    return SnapshotWriter(disk, path, meta)


def save_to_file(
    disk: Disk, path: str, meta: SnapshotMeta, chunks: Iterable[bytes]
) -> SnapshotMeta:
    """Write the chunks to `path`, durably, replacing what is there only when complete. Blocks."""
    writer = create_file(disk, path, meta)
    try:
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit()
    finally:
        writer.abort()


def verify_file(disk: Disk, path: str) -> SnapshotMeta:
    """Read every byte; the meta if all of it is as it was written, else CorruptLog. Blocks."""
    meta = load_meta(disk, path)
    for _ in read_chunks(disk, path):
        pass
    return meta


def restore_directory(
    disk: Disk,
    path: str,
    directory: str,
    *,
    cluster_id: str,
    node_id: str,
    members: Sequence[Member],
) -> SnapshotMeta:
    """Make `directory` the data directory of `node_id` in a new cluster. Blocks.

    The identity is written last: a restore that was interrupted leaves a directory that no node
    starts from, and the next attempt says so.
    """
    if node_id not in {member.node_id for member in members}:
        raise StorageError(f"{node_id} is not among the members of the new cluster")
    if disk.exists(directory) and disk.listdir(directory):
        raise StorageError(f"{directory} is not empty: restore into a new directory")
    old = verify_file(disk, path)
    if cluster_id == old.cluster_id:
        raise StorageError("a restored cluster needs a cluster id of its own")
    meta = old._replace(cluster_id=cluster_id, members=tuple(members), size=0)
    initial = State(old.index, old.term, old.index, old.term, None, old.index)

    def fill(data: DataDir) -> None:
        writer = SnapshotStore(disk, data.snapshot_directory).begin(meta)
        for chunk in read_chunks(disk, path):
            writer.write(chunk)
        writer.commit()

    data = DataDir.create(
        disk, directory, cluster_id=cluster_id, node_id=node_id, initial=initial, fill=fill
    )
    try:
        latest = SnapshotStore(disk, data.snapshot_directory, cluster_id=cluster_id).latest()
        assert latest is not None
        return latest
    finally:
        data.close()
