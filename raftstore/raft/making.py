"""Making snapshots: in small steps between requests, then trimming the log.

In: how much was applied since the last snapshot. Out: a durable file of a frozen version of the
machine, and only then a shorter log. The members in it are those in force at its index (SyncObj's
dump holds whatever was in the log, committed or not).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from raftstore.raft.jobs import Job, Jobs
from raftstore.raft.state import CoreState
from raftstore.snapshot import SnapshotMeta

if TYPE_CHECKING:
    from raftstore.machine import FrozenState
    from raftstore.snapshot import SnapshotWriter

SYNC_EVERY = 16 * 1024 * 1024  # bytes written between two syncs, so that no sync is a long one
KEEP = 2


class Making:
    def __init__(self, frozen: FrozenState, meta: SnapshotMeta, writer: SnapshotWriter) -> None:
        self.frozen = frozen
        self.meta = meta
        self.writer = writer
        self.unsynced = 0
        self.chunks: Iterator[bytes]
        self.stopped = False  # jobs that were not begun by then do nothing

    def sync(self) -> None:
        if not self.stopped:
            self.writer.sync()

    def commit(self) -> None:
        if not self.stopped:
            self.writer.commit()


class SnapshotMaking(CoreState):
    applied_bytes: int
    _making: Making | None
    _forced_snapshot: bool
    _jobs: Jobs

    def _start_making(self) -> None:
        self._making = None
        self._forced_snapshot = False
        self._jobs = Jobs()
        self.applied_bytes = 0

    def request_snapshot(self) -> None:
        """Make a snapshot at the next step, due or not."""
        self._forced_snapshot = True

    def _snapshot_due(self) -> bool:
        latest = self.snapshots.latest()
        newest = latest.index if latest is not None else 0
        entries = self.applied_index - newest
        if entries <= 0:
            self._forced_snapshot = False
            return False
        return (
            self._forced_snapshot
            or entries >= self.config.snapshot_entries
            or self.applied_bytes >= self.config.snapshot_bytes
        )

    def snapshot_step(self, *, inline: bool = True) -> bool:
        """One small step of a snapshot that is being made or installed; True: there is more.

        Blocking parts run here, unless `inline` is False: then they wait for a driver that calls
        `take_job`, runs the job in a thread, and calls `job_done`.
        """
        self._enter()
        if self._jobs:
            if not inline:
                return False
            job = self._jobs.take()
            if job is not None:
                job.run()
                self._jobs.done(job)
            return True
        if self._making is None:
            if not self._snapshot_due():
                return False
            self._begin_making()
        else:
            self._continue_making(self._making)
        return True

    def take_job(self) -> Job | None:
        return self._jobs.take()

    def job_done(self, job: Job) -> None:
        self._enter()
        self._jobs.done(job)

    def _begin_making(self) -> None:
        index = self.applied_index
        term = self.wal.term(index)
        if term is None:
            raise AssertionError(f"entry {index} was applied and is not in the log")
        frozen = self.machine.freeze()
        meta = SnapshotMeta(
            self.cluster_id,
            index,
            term,
            self._configs.at(index)[1],
            frozen.revision,
            frozen.state_hash,
        )
        self._forced_snapshot = False
        self.applied_bytes = 0
        making = self._making = Making(frozen, meta, self.snapshots.begin(meta))
        making.chunks = iter(frozen.chunks(self.config.snapshot_chunk))

    def _continue_making(self, making: Making) -> None:
        chunk = next(making.chunks, None)
        if chunk is None:
            self._jobs.add(Job(making.commit, lambda: self._made(making)))
            return
        making.writer.write(chunk)
        making.unsynced += len(chunk)
        if making.unsynced >= SYNC_EVERY:
            making.unsynced = 0
            self._jobs.add(Job(making.sync, lambda: None))

    def _made(self, making: Making) -> None:
        """The snapshot is durable: the log may begin after it (not before: FACTS of SyncObj,
        where a kill between the two lost entries)."""
        if making.stopped:
            return
        making.frozen.close()
        self._making = None
        index = self._needed_by_transfers(making.meta.index)
        term = self.wal.term(index)
        if term is not None:
            self.wal.trim_to(index, term)
        self._configs.trim_to(self.wal.base[0])
        self.snapshots.prune(KEEP)

    def _stop_making(self) -> None:
        """Another snapshot took the machine's place."""
        making = self._making
        if making is not None:
            making.stopped = True
            making.writer.abort()
            making.frozen.close()
            self._making = None
