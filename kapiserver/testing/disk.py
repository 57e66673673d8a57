"""A disk that does not wait for its writes to be safe: what a test writes need not survive a crash.

Only `kapiserver.testing.child` makes one; no setting of a server does.
"""

from __future__ import annotations

from raftstore.disk import RealDisk, RealFile


class UnsyncedFile(RealFile):
    def fdatasync(self) -> None:
        """Left to the operating system."""


class UnsyncedDisk(RealDisk):
    """The operating system's filesystem without its syncs."""

    file_class = UnsyncedFile

    def fsync_dir(self, path: str) -> None:
        """Left to the operating system."""
