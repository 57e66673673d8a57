"""The two disks answer alike, and the real one survives what an operating system may do."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from raftstore.disk import Disk, RealDisk, read_all, write_atomically
from raftstore.errors import StorageError
from raftstore.sim.disk import FaultyDisk


@pytest.fixture(params=["real", "faulty"])
def disk(request: pytest.FixtureRequest) -> Disk:
    return RealDisk() if request.param == "real" else FaultyDisk()


def test_the_contract_of_every_disk(disk: Disk, tmp_path: Path) -> None:
    root = str(tmp_path / "x" / "y")
    disk.makedirs(root)
    disk.makedirs(root)
    path = f"{root}/a"
    assert not disk.exists(path)
    file = disk.open(path, create=True)
    file.pwrite(b"hello", 3)
    assert file.pread(100, 0) == b"\0\0\0hello"
    assert file.pread(2, 3) == b"he"
    assert file.pread(10, 100) == b""
    file.preallocate(20)
    file.preallocate(10)
    assert file.size() == 20
    assert file.pread(20, 0) == b"\0\0\0hello" + bytes(12)
    file.fdatasync()
    file.close()
    disk.rename(path, f"{root}/b")
    disk.fsync_dir(root)
    assert disk.listdir(root) == ["b"]
    again = disk.open(f"{root}/b", create=True)
    assert again.size() == 0
    disk.unlink(f"{root}/b")
    again.pwrite(b"still open", 0)
    assert again.pread(20, 0) == b"still open"
    again.close()
    assert disk.listdir(root) == []
    write_atomically(disk, f"{root}/c", b"1")
    write_atomically(disk, f"{root}/c", b"2")
    assert read_all(disk, f"{root}/c") == b"2"
    assert disk.listdir(root) == ["c"]


def test_every_refusal_is_a_storage_error_that_names_the_file(disk: Disk, tmp_path: Path) -> None:
    disk.makedirs(str(tmp_path))
    missing = str(tmp_path / "missing")
    for call in (
        lambda: disk.open(missing),
        lambda: disk.unlink(missing),
        lambda: disk.rename(missing, missing + "2"),
        lambda: disk.listdir(missing),
        lambda: disk.fsync_dir(missing),
        lambda: disk.open(missing + "/below", create=True),
    ):
        with pytest.raises(StorageError, match=r"missing.*No such file"):
            call()


def test_a_lock_is_exclusive_until_it_is_released(disk: Disk, tmp_path: Path) -> None:
    disk.makedirs(str(tmp_path))
    lock = disk.lock(f"{tmp_path}/lock")
    with pytest.raises(StorageError, match="in use by another process"):
        disk.lock(f"{tmp_path}/lock")
    lock.release()
    disk.lock(f"{tmp_path}/lock").release()


def test_short_writes_and_reads_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data[:3]), at))
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 4), at))
    file = RealDisk().open(str(tmp_path / "f"), create=True)
    file.pwrite(b"0123456789", 2)
    assert file.pread(100, 0) == b"\0\x000123456789"


def test_a_full_real_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = RealDisk().open(str(tmp_path / "f"), create=True)
    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"write .*/f: the disk is full"):
        file.pwrite(b"x", 0)
    with pytest.raises(StorageError, match=r"reserve space for .*/f: the disk is full"):
        file.preallocate(4096)


def test_a_filesystem_without_fallocate_gets_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*args: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    file = RealDisk().open(str(tmp_path / "f"), create=True)
    file.pwrite(b"ab", 0)
    file.preallocate((2 << 20) + 5)
    assert file.size() == (2 << 20) + 5
    assert file.pread(4, 0) == b"ab\0\0"


def test_a_real_file_is_not_trusted_after_a_failed_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = RealDisk().open(str(tmp_path / "f"), create=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(StorageError, match="cannot sync"):
            file.fdatasync()
    with pytest.raises(StorageError, match="not trusted"):
        file.fdatasync()


def test_the_faulty_disk_keeps_what_was_synced_and_nothing_else_for_certain() -> None:
    synced = b"s" * 3000
    outcomes: set[bytes] = set()
    names: set[tuple[str, ...]] = set()
    for seed in range(200):
        disk = FaultyDisk()
        disk.makedirs("/d")
        file = disk.open("/d/f", create=True)
        file.pwrite(synced, 0)
        file.fdatasync()
        disk.fsync_dir("/d")
        file.pwrite(b"u" * 2000, 3000)
        disk.rename("/d/f", "/d/g")
        disk.open("/d/h", create=True)
        disk.crash(random.Random(seed))
        names.add(tuple(disk.listdir("/d")))
        (name,) = (n for n in disk.listdir("/d") if n in "fg")
        content = read_all(disk, f"/d/{name}")
        assert content[:3000] == synced
        assert set(content[3000:]) <= set(b"u\0")
        outcomes.add(content[3000:])
        with pytest.raises(StorageError, match="gone"):
            file.pwrite(b"x", 0)
    assert names == {("f",), ("f", "h"), ("g",), ("g", "h")}
    assert b"" in outcomes
    assert b"u" * 2000 in outcomes
    assert any(o.startswith(b"\0") and o.endswith(b"u") for o in outcomes)  # reordered
    assert any(o.strip(b"\0") and len(o.rstrip(b"\0")) % 512 not in (0, 72) for o in outcomes)


def test_after_a_failed_sync_the_data_reads_well_and_may_be_gone() -> None:
    survived = set()
    for seed in range(50):
        disk = FaultyDisk(seed)
        disk.makedirs("/d")
        file = disk.open("/d/f", create=True)
        disk.fsync_dir("/d")
        file.pwrite(b"x" * 100, 0)
        disk.fail_syncs()
        with pytest.raises(StorageError):
            file.fdatasync()
        disk.restart()
        again = disk.open("/d/f")
        assert again.pread(100, 0) == b"x" * 100  # the page cache still has it
        again.fdatasync()  # and calls it clean
        disk.crash()
        survived.add(read_all(disk, "/d/f"))
    assert {b"", b"x" * 100} <= survived
