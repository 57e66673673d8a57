"""Data directories of earlier versions, as they were written then, open today."""

from __future__ import annotations

import shutil
from pathlib import Path

from raftstore.datadir import DataDir
from raftstore.disk import RealDisk
from raftstore.snapshot import SnapshotStore
from raftstore.types import Member
from raftstore.wal import Entry

FIXTURES = Path(__file__).parents[2] / "fixtures" / "raftstore"


def test_version_1_opens_with_everything_in_it(tmp_path: Path) -> None:
    disk = RealDisk()
    path = str(tmp_path / "data")
    shutil.copytree(FIXTURES / "v1", path)
    data = DataDir.open(disk, path)
    assert (data.cluster_id, data.node_id) == ("cluster-v1", "n1")
    wal = data.open_wal(segment_bytes=2048)
    assert wal.base == (0, 0)  # the margin kept all of it
    assert wal.entry(35) == Entry(35, 2, b"command 35 " * 8)
    assert wal.entry(36) == Entry(36, 3, b"other")
    assert wal.last_index == 36
    assert wal.term_state == (3, None)
    assert wal.commit_hint == 35
    store = SnapshotStore(disk, data.snapshot_directory, cluster_id="cluster-v1")
    latest = store.latest()
    assert latest is not None
    assert (latest.index, latest.term, latest.revision) == (30, 2, 29)
    assert latest.state_hash == bytes(range(32))
    assert latest.members == (
        Member("n1", "127.0.0.1:2380", meta=(("url", "https://127.0.0.1:6443"),)),
        Member("n2", "127.0.0.1:2381", learner=True),
    )
    assert list(store.read(latest)) == [b"first", b"second" * 100]
    wal.append([Entry(37, 3, b"new")])
    wal.sync()
    wal.close()
    again = data.open_wal(segment_bytes=2048)
    assert again.entry(37) == Entry(37, 3, b"new")
    data.close()
