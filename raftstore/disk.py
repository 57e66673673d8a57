"""The only door to the filesystem for the log, the snapshots and the identity file.

In: whole paths and bytes. Out: bytes, or `StorageError` for anything the operating system refuses;
no method raises `OSError`. A write is not durable before `fdatasync` of the file returned, and a
created, renamed or unlinked name is not durable before `fsync_dir` of its directory returned: the
simulator's disk (sim/disk.py) loses both on purpose. After a failed `fdatasync` the kernel may have
dropped the dirty pages and marked them clean, so a retry proves nothing: the file refuses every
later sync and the node has to stop.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from raftstore.errors import StorageError

_ZEROS = bytes(1 << 20)


class File(Protocol):
    """An open file. `pread` returns fewer bytes than asked for only at the end of the file."""

    @property
    def path(self) -> str: ...
    def pread(self, size: int, offset: int) -> bytes: ...
    def pwrite(self, data: bytes, offset: int) -> None: ...
    def fdatasync(self) -> None: ...
    def preallocate(self, size: int) -> None:
        """Make the file at least `size` bytes long, backed by real blocks that read as zeros."""

    def size(self) -> int: ...
    def close(self) -> None: ...


class Lock(Protocol):
    def release(self) -> None: ...


class Disk(Protocol):
    """A filesystem. Paths are absolute or relative to the working directory, with "/"."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open for reading and writing; `create` makes an empty file, emptying an old one."""

    def exists(self, path: str) -> bool: ...
    def listdir(self, path: str) -> list[str]: ...
    def makedirs(self, path: str) -> None:
        """Create the directory and its parents, durably; an existing one is fine."""

    def rename(self, old: str, new: str) -> None: ...
    def unlink(self, path: str) -> None: ...
    def fsync_dir(self, path: str) -> None: ...
    def lock(self, path: str) -> Lock:
        """Take the lock file at `path`; StorageError names the holder if there is one."""


@contextmanager
def explained(action: str, path: str) -> Iterator[None]:
    """What the operating system refuses in the block is a `StorageError` that names the file."""
    try:
        yield
    except OSError as exc:
        raise storage_error(action, path, exc.errno or 0) from exc


def storage_error(action: str, path: str, code: int) -> StorageError:
    """What a failed system call means, in words an operator can act on."""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"cannot {action} {path}: the disk is full ({os.strerror(code)}); everything that was "
            f"acknowledged is safe; free some space and start the node again"
        )
    return StorageError(f"cannot {action} {path}: {os.strerror(code)}")


class RealFile:
    """A file of the operating system."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._sync_failed = False

    @property
    def path(self) -> str:
        return self._path

    def pread(self, size: int, offset: int) -> bytes:
        parts: list[bytes] = []
        with explained("read", self._path):
            while size > 0:
                part = os.pread(self._fd, size, offset)
                if not part:
                    break
                parts.append(part)
                offset += len(part)
                size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pwrite(self, data: bytes, offset: int) -> None:
        with explained("write", self._path):
            written = os.pwrite(self._fd, data, offset)
            while written < len(data):  # a short write: a signal or a nearly full disk
                more = os.pwrite(self._fd, memoryview(data)[written:], offset + written)
                if more == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written += more

    def fdatasync(self) -> None:
        if self._sync_failed:
            raise StorageError(f"an earlier sync of {self._path} failed: its data is not trusted")
        try:
            with explained("sync", self._path):
                _fdatasync(self._fd)
        except StorageError:
            self._sync_failed = True
            raise

    def preallocate(self, size: int) -> None:
        with explained("reserve space for", self._path):
            if self.size() >= size:
                return
            try:
                if sys.platform == "darwin":
                    raise OSError(errno.EOPNOTSUPP, "no posix_fallocate")
                os.posix_fallocate(self._fd, 0, size)
            except OSError as exc:
                if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                for offset in range(self.size(), size, len(_ZEROS)):
                    self.pwrite(_ZEROS[: size - offset], offset)

    def size(self) -> int:
        with explained("stat", self._path):
            return os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with explained("close", self._path):
                os.close(fd)


def _fdatasync(fd: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync alone stops at the drive's cache there
    else:
        os.fdatasync(fd)


class RealLock:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)  # drops the flock


class RealDisk:
    """The operating system's filesystem."""

    file_class = RealFile

    def open(self, path: str, *, create: bool = False) -> RealFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC if create else 0)
        with explained("open", path):
            return self.file_class(path, os.open(path, flags, 0o600))

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def listdir(self, path: str) -> list[str]:
        with explained("list", path):
            return sorted(os.listdir(path))

    def makedirs(self, path: str) -> None:
        path = os.path.abspath(path)
        missing: list[str] = []
        parent = path
        while not os.path.isdir(parent) and parent != os.path.dirname(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        for directory in reversed(missing):
            with explained("create", directory), suppress(FileExistsError):
                os.mkdir(directory, 0o700)
            self.fsync_dir(os.path.dirname(directory))

    def rename(self, old: str, new: str) -> None:
        with explained("rename", old):
            os.rename(old, new)

    def unlink(self, path: str) -> None:
        with explained("remove", path):
            os.unlink(path)

    def fsync_dir(self, path: str) -> None:
        with explained("sync the directory", path):
            fd = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def lock(self, path: str) -> RealLock:
        with explained("lock", path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, 0)
                os.pwrite(fd, b"%d\n" % os.getpid(), 0)
            except BlockingIOError:
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(fd)
                raise StorageError(
                    f"the directory {os.path.dirname(path)} is in use by another process "
                    f"(pid {holder})"
                ) from None
            except OSError:
                os.close(fd)
                raise
        return RealLock(fd)


def read_all(disk: Disk, path: str) -> bytes:
    file = disk.open(path)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


def write_atomically(disk: Disk, path: str, data: bytes) -> None:
    """Replace the file at `path`: after a crash it holds either the old or the new content."""
    temporary = path + ".tmp"
    file = disk.open(temporary, create=True)
    try:
        file.pwrite(data, 0)
        file.fdatasync()
    finally:
        file.close()
    disk.rename(temporary, path)
    disk.fsync_dir(os.path.dirname(path))
