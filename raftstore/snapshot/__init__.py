"""Snapshots: the machine's state at one log index, in a file that proves it is whole.

A file appears under its final name only after it was written, synced (and, when it came from
another node, verified), so whatever `SnapshotStore.latest` names was complete once.
"""

from raftstore.snapshot.files import create_file, restore_directory, save_to_file, verify_file
from raftstore.snapshot.format import SnapshotMeta
from raftstore.snapshot.reader import Reader, read_chunks
from raftstore.snapshot.receiver import Receiver
from raftstore.snapshot.store import SnapshotStore
from raftstore.snapshot.writer import SnapshotWriter

__all__ = [
    "Reader",
    "Receiver",
    "SnapshotMeta",
    "SnapshotStore",
    "SnapshotWriter",
    "create_file",
    "read_chunks",
    "restore_directory",
    "save_to_file",
    "verify_file",
]
