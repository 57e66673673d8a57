"""Every error that raftstore raises on purpose.

Two branches matter to a caller: `Refused` means the proposal had no effect and never will;
`Unknown` means it may or may not take effect (the node lost touch with the leader after it had
handed the proposal over). Everything else is a fault of the node, of its files or of the call.
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all raftstore errors."""


class Refused(StoreError):
    """The proposal was not applied and never will be."""


class NoLeader(Refused):
    """No leader was known for as long as the caller was willing to wait."""


class Overloaded(Refused):
    """A bounded queue is full; try again later."""


class RequestTooLarge(Refused):
    """The command is larger than the configured request limit."""


class NoSpace(Refused):
    """The database is at its size limit: only reads, deletes and compaction are accepted."""


class InvalidRequest(Refused):
    """The call makes no sense (unknown lease, compare on nothing, bad range...)."""


class Unknown(StoreError):
    """The outcome is unknown: the proposal may have been applied, or may be later."""


class Compacted(StoreError):
    """The revision asked for is older than the history that is kept.

    `compact_revision` is the oldest revision that can still be read.
    """

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"required revision has been compacted; oldest is {compact_revision}")
        self.compact_revision = compact_revision


class FutureRevision(StoreError):
    """The revision asked for has not happened yet on this node."""

    def __init__(self, current: int) -> None:
        super().__init__(f"required revision is a future revision; current is {current}")
        self.current = current


class MembershipError(Refused):
    """A membership change is not possible now; the text says why."""


class StorageError(StoreError):
    """A file could not be written, synced or read: the node must stop (fail-stop)."""


class CorruptLog(StorageError):
    """Damage in the middle of the log or in a snapshot; the text says how to recover."""


class NewerFormat(StorageError):
    """The data directory was written by a newer version of raftstore."""


class TransportError(StoreError):
    """A peer broke the protocol or is not who it says it is."""


class Closed(StoreError):
    """The node is stopping or has stopped."""
