"""Data directories: made, opened once, restored from a file as a new cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from raftstore.datadir import DataDir
from raftstore.disk import Disk, RealDisk, read_all, write_atomically
from raftstore.errors import CorruptLog, NewerFormat, StorageError
from raftstore.sim.disk import FaultyDisk
from raftstore.snapshot import SnapshotMeta, SnapshotStore, restore_directory, save_to_file
from raftstore.types import Member

SMALL = 4096
MEMBERS = (Member("a", "h:1"), Member("b", "h:2"), Member("c", "h:3"))


def create(disk: Disk, path: str) -> DataDir:
    return DataDir.create(disk, path, cluster_id="c1", node_id="n1", segment_bytes=SMALL)


def saved(disk: Disk, path: str) -> SnapshotMeta:
    meta = SnapshotMeta("old", 77, 5, (Member("n1", "h:9"),), 42, b"h" * 32)
    return save_to_file(disk, path, meta, [b"one", b"two" * 1000])


def test_a_new_directory_has_an_identity_and_a_log(tmp_path: Path) -> None:
    disk = RealDisk()
    path = str(tmp_path / "deep" / "data")
    assert not DataDir.exists(disk, path)
    create(disk, path).close()
    data = DataDir.open(disk, path)
    assert (data.cluster_id, data.node_id) == ("c1", "n1")
    wal = data.open_wal(segment_bytes=SMALL)
    assert wal.last_index == 0
    wal.close()
    data.close()
    with pytest.raises(StorageError, match="is the data directory of a node already"):
        create(disk, path)


def test_a_second_process_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    path = str(tmp_path / "data")
    data = create(RealDisk(), path)
    script = (
        "import sys\n"
        "from raftstore.datadir import DataDir\n"
        "from raftstore.disk import RealDisk\n"
        "from raftstore.errors import StorageError\n"
        "try:\n    DataDir.open(RealDisk(), sys.argv[1])\n"
        "except StorageError as exc:\n    sys.exit(str(exc))\n"
    )
    command = [sys.executable, "-c", script, path]
    root = str(Path(__file__).parents[3])
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=60)
    assert f"{path} is in use by another process (pid {os.getpid()})" in result.stderr
    data.close()
    again = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=60)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_crash_while_it_is_made_leaves_no_directory_or_a_whole_one() -> None:
    steps, made = 0, False
    while not made:
        disk = FaultyDisk(steps)
        disk.halt_after(steps)
        with suppress(StorageError):
            create(disk, "/d")
            made = True
        disk.crash()
        if DataDir.exists(disk, "/d"):
            DataDir.open(disk, "/d").open_wal(segment_bytes=SMALL)
        else:
            assert not made
            # Not even the ids have to be the same the next time.
            again = DataDir.create(disk, "/d", cluster_id="c2", node_id="n2", segment_bytes=SMALL)
            again.open_wal(segment_bytes=SMALL)
        steps += 1


def test_a_damaged_or_newer_identity_is_refused() -> None:
    disk = FaultyDisk()
    create(disk, "/d").close()
    whole = read_all(disk, "/d/meta")
    for offset in range(len(whole) - 1):
        disk.damage("/d/meta", offset, 0x04)
        with pytest.raises(StorageError):
            DataDir.open(disk, "/d")
        disk.damage("/d/meta", offset, 0x04)
    fields = json.loads(whole)
    assert fields["version"] == 1
    for fields_or_junk in (b"", b"[]", b"7", b"{}"):
        write_atomically(disk, "/d/meta", fields_or_junk)
        with pytest.raises(CorruptLog):
            DataDir.open(disk, "/d")
    write_atomically(disk, "/d/meta", whole)
    DataDir.open(disk, "/d")


def test_a_newer_directory_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FaultyDisk()
    with monkeypatch.context() as later:
        later.setattr("raftstore.datadir.VERSION", 2)
        create(disk, "/d").close()
    with pytest.raises(NewerFormat, match="format version 2"):
        DataDir.open(disk, "/d")


def test_an_identity_that_was_removed_does_not_cost_the_log() -> None:
    disk = FaultyDisk()
    data = create(disk, "/d")
    wal = data.open_wal(segment_bytes=SMALL)
    wal.set_hard_state(1, "n1")
    wal.sync()
    disk.unlink("/d/meta")
    disk.restart()
    with pytest.raises(StorageError, match="holds a log but no identity"):
        create(disk, "/d")
    assert data.open_wal(segment_bytes=SMALL).term_state == (1, "n1")


def test_a_log_that_was_removed_stops_the_start() -> None:
    disk = FaultyDisk()
    create(disk, "/d").close()
    for name in disk.listdir("/d/wal"):
        disk.unlink(f"/d/wal/{name}")
    with pytest.raises(CorruptLog, match="there is no log"):
        DataDir.open(disk, "/d").open_wal()


def test_several_nodes_restored_from_one_file_start_at_the_same_point(tmp_path: Path) -> None:
    disk = RealDisk()
    file = str(tmp_path / "backup.snap")
    old = saved(disk, file)
    for member in MEMBERS:
        directory = str(tmp_path / member.node_id)
        restored = restore_directory(
            disk, file, directory, cluster_id="new", node_id=member.node_id, members=MEMBERS
        )
        data = DataDir.open(disk, directory)
        assert (data.cluster_id, data.node_id) == ("new", member.node_id)
        latest = SnapshotStore(disk, data.snapshot_directory, cluster_id="new").latest()
        assert latest == restored
        assert latest.members == MEMBERS
        assert (latest.index, latest.term, latest.revision) == (old.index, old.term, old.revision)
        wal = data.open_wal()
        assert wal.base == (77, 5)
        assert (wal.last_index, wal.term_state, wal.commit_hint) == (77, (5, None), 77)
        data.close()


def test_a_restore_that_was_interrupted_leaves_nothing_to_start_from() -> None:
    steps, finished = 0, False
    while not finished:
        disk = FaultyDisk(steps)
        disk.makedirs("/backup")
        saved(disk, "/backup/x.snap")
        disk.halt_after(steps)
        with suppress(StorageError):
            restore_directory(
                disk, "/backup/x.snap", "/d", cluster_id="new", node_id="a", members=MEMBERS
            )
            finished = True
        disk.crash()
        if DataDir.exists(disk, "/d"):
            data = DataDir.open(disk, "/d")
            assert data.open_wal().base == (77, 5)
            latest = SnapshotStore(disk, data.snapshot_directory).latest()
            assert latest is not None
            assert list(SnapshotStore(disk, data.snapshot_directory).read(latest))
        else:
            assert not finished
        steps += 1


def test_restores_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    disk = RealDisk()
    file = str(tmp_path / "backup.snap")
    saved(disk, file)
    directory = str(tmp_path / "d")
    for cluster_id, node_id, reason in (
        ("new", "z", "not among the members"),
        ("old", "a", "cluster id of its own"),
    ):
        with pytest.raises(StorageError, match=reason):
            restore_directory(
                disk, file, directory, cluster_id=cluster_id, node_id=node_id, members=MEMBERS
            )
    with pytest.raises(StorageError, match="not empty"):
        restore_directory(disk, file, str(tmp_path), cluster_id="new", node_id="a", members=MEMBERS)
    assert not os.path.exists(directory)
