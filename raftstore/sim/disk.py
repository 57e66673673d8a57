"""A filesystem in memory that keeps only what it was asked to sync.

In: the same calls as `raftstore.disk.RealDisk`. Out: the same answers, until `crash()`: then every
write that was not synced is kept, lost, kept in part or kept without its predecessors, sector by
sector; every name that was created, renamed or removed without an `fsync_dir` is as it was or as it
became, independently of the others. That is harsher than any one real filesystem and allowed by
POSIX. `restart()` is the milder end of a process: files stay as it saw them, synced or not.

All choices come from one `random.Random`, so a seed replays.
Directories themselves are durable as soon as they exist (`RealDisk.makedirs` syncs them).
"""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass, field
from typing import NamedTuple

from raftstore.disk import storage_error
from raftstore.errors import StorageError

SECTOR = 512


class _Write(NamedTuple):
    offset: int
    data: bytes


class _Allocate(NamedTuple):
    size: int


@dataclass(eq=False)
class _Inode:
    """`content` is what the process sees; `durable` what survives for certain."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Write | _Allocate] = field(default_factory=list)
    sync_failed: bool = False


class _NameChange(NamedTuple):
    """One atomic step of a directory: names that appear and names that go."""

    linked: tuple[tuple[str, _Inode], ...]
    unlinked: tuple[str, ...]


@dataclass
class _Directory:
    names: dict[str, _Inode] = field(default_factory=dict)
    durable: dict[str, _Inode] = field(default_factory=dict)
    pending: list[_NameChange] = field(default_factory=list)


class FaultyFile:
    def __init__(self, disk: FaultyDisk, path: str, inode: _Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._epoch = disk.epoch

    @property
    def path(self) -> str:
        return self._path

    def _check(self) -> None:
        if self._epoch != self._disk.epoch:
            raise StorageError(f"{self._path}: the process that opened it is gone")

    def pread(self, size: int, offset: int) -> bytes:
        self._check()
        return bytes(self._inode.content[offset : offset + size])

    def pwrite(self, data: bytes, offset: int) -> None:
        self._check()
        self._disk.step(self._path)
        room = self._disk.room_for(self._inode, offset + len(data))
        whole = room >= offset + len(data)
        data = bytes(data) if whole else bytes(data[: max(0, room - offset)])
        if data:
            _put(self._inode.content, offset, data)
            self._inode.pending.append(_Write(offset, data))
        if not whole:
            raise storage_error("write", self._path, errno.ENOSPC)

    def fdatasync(self) -> None:
        self._check()
        self._disk.step(self._path)
        inode = self._inode
        if inode.sync_failed:
            raise StorageError(f"an earlier sync of {self._path} failed: its data is not trusted")
        if self._disk.sync_fails():
            # As Linux does it: some pages reached the disk, the rest are forgotten but readable.
            self._disk.settle(inode)
            inode.sync_failed = True
            raise storage_error("sync", self._path, errno.EIO)
        self._disk.syncs += 1
        for change in inode.pending:
            _apply(inode.durable, change)
        inode.pending.clear()

    def preallocate(self, size: int) -> None:
        self._check()
        self._disk.step(self._path)
        if len(self._inode.content) >= size:
            return
        if self._disk.room_for(self._inode, size) < size:
            raise storage_error("reserve space for", self._path, errno.ENOSPC)
        _apply(self._inode.content, _Allocate(size))
        self._inode.pending.append(_Allocate(size))

    def size(self) -> int:
        self._check()
        return len(self._inode.content)

    def close(self) -> None:
        """Nothing: closing syncs nothing and may fail nothing."""


class _FaultyLock:
    def __init__(self, disk: FaultyDisk, path: str) -> None:
        self._disk = disk
        self._path = path

    def release(self) -> None:
        self._disk.locks.discard(self._path)


class FaultyDisk:
    """One node's disk. `capacity` bounds the bytes in files; `sync_error_rate` is per fdatasync."""

    def __init__(
        self, seed: int = 0, *, capacity: int | None = None, sync_error_rate: float = 0.0
    ) -> None:
        self.capacity = capacity
        self.sync_error_rate = sync_error_rate
        self.epoch = 0
        self.syncs = 0
        self.locks: set[str] = set()
        self._failing_syncs = 0
        self._steps_left: int | None = None
        self._rng = random.Random(seed)
        self._directories: dict[str, _Directory] = {}

    # -- faults

    def fail_syncs(self, count: int = 1) -> None:
        """The next `count` calls of fdatasync fail."""
        self._failing_syncs = count

    def halt_after(self, steps: int) -> None:
        """The process dies (StorageError from then on) after `steps` more changes to the disk."""
        self._steps_left = steps

    @property
    def halted(self) -> bool:
        return self._steps_left == 0

    def step(self, path: str) -> None:
        """A change is about to be made."""
        if self._steps_left is None:
            return
        if self._steps_left == 0:
            raise StorageError(f"{path}: the process is dead")
        self._steps_left -= 1

    def sync_fails(self) -> bool:
        if self._failing_syncs > 0:
            self._failing_syncs -= 1
            return True
        return self.sync_error_rate > 0 and self._rng.random() < self.sync_error_rate

    def settle(self, inode: _Inode) -> None:
        """Decide the fate of every unsynced write of `inode`, once and for all."""
        keep = self._rng.choice((0.0, 0.5, 0.9, 1.0))
        for change in inode.pending:
            if isinstance(change, _Allocate):
                if self._rng.random() < max(keep, 0.5):
                    _apply(inode.durable, change)
                continue
            for piece in _sectors(change):
                if self._rng.random() < keep:
                    _apply(inode.durable, piece)
                elif self._rng.random() < 0.25:  # torn inside the sector
                    cut = self._rng.randrange(len(piece.data) + 1)
                    _apply(inode.durable, _Write(piece.offset, piece.data[:cut]))
        inode.pending.clear()

    def crash(self, rng: random.Random | None = None) -> None:
        """Power loss: open files are gone, unsynced changes meet their fate."""
        if rng is not None:
            self._rng = rng
        self.restart()
        for directory in self._directories.values():
            keep = self._rng.choice((0.0, 0.5, 1.0))
            for change in directory.pending:
                if self._rng.random() < keep:
                    _rename(directory.durable, change)
            directory.pending.clear()
            directory.names = dict(directory.durable)
            for inode in directory.names.values():
                self.settle(inode)
                inode.content = bytearray(inode.durable)

    def restart(self) -> None:
        """The process ends (kill -9): open files and locks are gone, the page cache stays."""
        self.epoch += 1
        self._failing_syncs = 0
        self._steps_left = None
        self.locks.clear()
        for directory in self._directories.values():
            for inode in directory.names.values():
                inode.sync_failed = False

    def damage(self, path: str, offset: int, mask: int = 0xFF) -> None:
        """Flip bits of one durable byte (bit rot)."""
        inode = self._inode(path)
        for buffer in (inode.content, inode.durable):
            if offset < len(buffer):
                buffer[offset] ^= mask

    # -- Disk

    def open(self, path: str, *, create: bool = False) -> FaultyFile:
        if create:
            self.step(path)
            directory, name = self._parent(path)
            inode = _Inode()  # an emptied file is a new one here: the old content may come back
            directory.names[name] = inode
            directory.pending.append(_NameChange(((name, inode),), ()))
            return FaultyFile(self, path, inode)
        return FaultyFile(self, path, self._inode(path))

    def exists(self, path: str) -> bool:
        if path in self._directories:
            return True
        directory = self._directories.get(os.path.dirname(path))
        return directory is not None and os.path.basename(path) in directory.names

    def listdir(self, path: str) -> list[str]:
        if path not in self._directories:
            raise storage_error("list", path, errno.ENOENT)
        below = {
            os.path.relpath(other, path).split("/")[0]
            for other in self._directories
            if other != path and other.startswith(path.rstrip("/") + "/")
        }
        return sorted(below | set(self._directories[path].names))

    def makedirs(self, path: str) -> None:
        while path and path not in self._directories:
            self._directories[path] = _Directory()
            path = os.path.dirname(path)

    def rename(self, old: str, new: str) -> None:
        self.step(old)
        directory, old_name = self._parent(old)
        target, new_name = self._parent(new)
        if target is not directory:
            raise storage_error("rename", old, errno.EXDEV)
        change = _NameChange(((new_name, self._inode(old)),), (old_name,))
        _rename(directory.names, change)
        directory.pending.append(change)

    def unlink(self, path: str) -> None:
        self.step(path)
        directory, name = self._parent(path)
        self._inode(path)
        change = _NameChange((), (name,))
        _rename(directory.names, change)
        directory.pending.append(change)

    def fsync_dir(self, path: str) -> None:
        self.step(path)
        if path not in self._directories:
            raise storage_error("sync the directory", path, errno.ENOENT)
        directory = self._directories[path]
        for change in directory.pending:
            _rename(directory.durable, change)
        directory.pending.clear()

    def lock(self, path: str) -> _FaultyLock:
        if path in self.locks:
            raise StorageError(
                f"the directory {os.path.dirname(path)} is in use by another process (pid unknown)"
            )
        self.locks.add(path)
        return _FaultyLock(self, path)

    # -- inside

    def room_for(self, inode: _Inode, size: int) -> int:
        """How far `inode` may grow towards `size`."""
        if self.capacity is None:
            return size
        used = sum(len(i.content) for d in self._directories.values() for i in d.names.values())
        return min(size, len(inode.content) + max(0, self.capacity - used))

    def _parent(self, path: str) -> tuple[_Directory, str]:
        directory = self._directories.get(os.path.dirname(path))
        if directory is None:
            raise storage_error("open", path, errno.ENOENT)
        return directory, os.path.basename(path)

    def _inode(self, path: str) -> _Inode:
        directory, name = self._parent(path)
        if name not in directory.names:
            raise storage_error("open", path, errno.ENOENT)
        return directory.names[name]


def _put(buffer: bytearray, offset: int, data: bytes) -> None:
    if len(buffer) < offset:
        buffer.extend(bytes(offset - len(buffer)))
    buffer[offset : offset + len(data)] = data


def _apply(buffer: bytearray, change: _Write | _Allocate) -> None:
    if isinstance(change, _Write):
        _put(buffer, change.offset, change.data)
    elif len(buffer) < change.size:
        buffer.extend(bytes(change.size - len(buffer)))


def _sectors(write: _Write) -> list[_Write]:
    pieces: list[_Write] = []
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        data = write.data[start - write.offset : stop - write.offset]
        pieces.append(_Write(start, data))
        start = stop
    return pieces


def _rename(names: dict[str, _Inode], change: _NameChange) -> None:
    for name in change.unlinked:
        names.pop(name, None)
    for name, inode in change.linked:
        names[name] = inode
