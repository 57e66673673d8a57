"""The faulty disk: slow and full on request, and a power loss takes unsynced bytes only."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from chaos.disk import SECTOR, Control, FaultyDisk, write_control
from raftstore.errors import StorageError


def make(tmp_path: Path) -> tuple[FaultyDisk, Path]:
    control = tmp_path / "control"
    write_control(control)
    (tmp_path / "wal").mkdir()
    return FaultyDisk(Control(control)), control


def test_without_wishes_it_is_an_ordinary_disk(tmp_path: Path) -> None:
    disk, _ = make(tmp_path)
    file = disk.open(f"{tmp_path}/wal/a", create=True)
    file.pwrite(b"hello", 3)
    file.fdatasync()
    assert file.pread(10, 0) == b"\0\0\0hello"


def test_a_full_disk_cuts_the_write_short_and_recovers_when_there_is_space(tmp_path: Path) -> None:
    disk, control = make(tmp_path)
    file = disk.open(f"{tmp_path}/wal/a", create=True)
    write_control(control, space=3)
    with pytest.raises(StorageError, match="disk is full"):
        file.pwrite(b"hello", 0)
    assert file.pread(10, 0) == b"hel"
    with pytest.raises(StorageError, match="disk is full"):
        file.preallocate(100)
    write_control(control)
    file.pwrite(b"hello", 0)
    assert file.pread(10, 0) == b"hello"


@pytest.mark.parametrize("seed", range(6))
def test_a_power_loss_kills_the_process_and_keeps_what_was_synced(
    tmp_path: Path, seed: int
) -> None:
    disk, control = make(tmp_path)
    path = f"{tmp_path}/wal/a"
    child = os.fork()
    if child == 0:
        file = disk.open(path, create=True)
        file.pwrite(b"A" * 4 * SECTOR, 0)
        file.fdatasync()
        write_control(control, power_loss=True, seed=seed)
        file.pwrite(b"B" * 4 * SECTOR, 2 * SECTOR)
        file.fdatasync()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    data = Path(path).read_bytes()
    assert data[: 2 * SECTOR] == b"A" * 2 * SECTOR
    for start in range(2 * SECTOR, len(data), SECTOR):
        before = b"A" if start < 4 * SECTOR else b"\0"
        assert data[start : start + SECTOR] in (b"B" * SECTOR, before * SECTOR)


def test_a_lying_disk_loses_what_it_said_was_synced(tmp_path: Path) -> None:
    disk, control = make(tmp_path)
    path = f"{tmp_path}/wal/a"
    child = os.fork()
    if child == 0:
        file = disk.open(path, create=True)
        file.pwrite(b"honest", 0)
        file.fdatasync()
        write_control(control, lie=True)
        for _ in range(3):
            file.pwrite(b"a lie!", 0)
            file.fdatasync()
        write_control(control, lie=True, power_loss=True)
        file.fdatasync()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert Path(path).read_bytes() == b"honest"
