"""A disk that does not wait for its writes to be safe: what a test writes need not survive a crash.

Only `kapiserver.testing.child` makes one; no setting of a server does.
"""

from __future__ import annotations

import os

from raftstore.disk import RealDisk, RealFile, explained


class UnsyncedFile(RealFile):
    def fdatasync(self) -> None:
        """Left to the operating system."""

    def preallocate(self, size: int) -> None:
        """The length without the blocks: many servers in one run do not fill a small disk."""
        with explained("reserve space for", self._path):
            if self.size() < size:
                os.ftruncate(self._fd, size)


class UnsyncedDisk(RealDisk):
    """The operating system's filesystem without its syncs."""

    file_class = UnsyncedFile

    def fsync_dir(self, path: str) -> None:
        """Left to the operating system."""
