"""A disk that is slow, full, loses power, or lies: what a node under test writes to.

In: raftstore's own disk, and a control file that the harness rewrites while the node runs. Out:
the same disk with four faults. Slow: each sync takes longer. Full: after so many bytes a write is
cut short and fails with ENOSPC. Power loss: at the next sync of the log the process dies, and of
the bytes written since the last one only some sectors are on disk. Only unsynced bytes are ever
lost: what `fdatasync` returned for stays. Lying is the exception, and no node has to survive it:
syncs of the log return at once, and a power loss takes all that was written since the lying began.
It is there to show that the harness sees it.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from pathlib import Path

import orjson

from raftstore.disk import RealDisk, RealFile, storage_error

SECTOR = 512
LOG_FOLDER = "/wal/"


class Control:
    """The harness' wishes, read again whenever the file changes. Written with `write_control`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = 0
        self.slow = (0.0, 0.0)
        self.space: int | None = None
        self.power_loss = False
        self.lie = False
        self.random = random.Random()

    def look(self) -> None:
        changed = os.stat(self._path).st_mtime_ns
        if changed == self._changed:
            return
        self._changed = changed
        wishes = orjson.loads(self._path.read_bytes())
        low, high = wishes.get("slow", (0.0, 0.0))
        self.slow = (low, high)
        self.space = wishes.get("space")
        self.power_loss = wishes.get("powerLoss", False)
        self.lie = wishes.get("lie", False)
        self.random = random.Random(wishes.get("seed", 0))


def write_control(
    path: Path,
    *,
    slow: tuple[float, float] = (0.0, 0.0),
    space: int | None = None,
    power_loss: bool = False,
    lie: bool = False,
    seed: int = 0,
) -> None:
    """Replace the control file; a running node takes it up at its next write or sync."""
    wishes = {"slow": slow, "space": space, "powerLoss": power_loss, "lie": lie, "seed": seed}
    temporary = path.with_suffix(".new")
    temporary.write_bytes(orjson.dumps(wishes))
    temporary.rename(path)


class FaultyFile(RealFile):
    """A file of the faulty disk. Remembers what unsynced writes to the log replaced."""

    control: Control

    def __init__(self, plain: RealFile, control: Control) -> None:
        super().__init__(plain.path, plain._fd)
        self.control = control
        self._is_log = LOG_FOLDER in plain.path
        self._replaced: list[tuple[int, bytes, int]] = []  # offset, old bytes, new length

    def pwrite(self, data: bytes, offset: int) -> None:
        control = self.control
        control.look()
        if control.space is not None:
            if len(data) > control.space:
                super().pwrite(data[: control.space], offset)
                control.space = 0
                raise storage_error("write", self.path, errno.ENOSPC)
            control.space -= len(data)
        if self._is_log:
            self._replaced.append((offset, self.pread(len(data), offset), len(data)))
        super().pwrite(data, offset)

    def preallocate(self, size: int) -> None:
        self.control.look()
        if self.control.space is not None and size - self.size() > self.control.space:
            raise storage_error("reserve space for", self.path, errno.ENOSPC)
        super().preallocate(size)

    def fdatasync(self) -> None:
        control = self.control
        control.look()
        if control.power_loss and self._is_log and self._replaced:
            self._lose_power()
        if control.lie and self._is_log:
            return
        if control.slow[1]:
            time.sleep(control.random.uniform(*control.slow))
        super().fdatasync()
        self._replaced.clear()

    def _lose_power(self) -> None:
        """Take back a random part of what was not synced, sector by sector, and die."""
        chance = 0.0 if self.control.lie else self.control.random.choice((0.0, 0.5, 1.0))
        for offset, old, length in reversed(self._replaced):
            old = old.ljust(length, b"\0")
            for start in range(offset - offset % SECTOR, offset + length, SECTOR):
                if self.control.random.random() >= chance:
                    first, last = max(start, offset), min(start + SECTOR, offset + length)
                    super().pwrite(old[first - offset : last - offset], first)
        os.kill(os.getpid(), signal.SIGKILL)


class FaultyDisk(RealDisk):
    def __init__(self, control: Control) -> None:
        self._control = control

    def open(self, path: str, *, create: bool = False) -> FaultyFile:
        return FaultyFile(super().open(path, create=create), self._control)
