"""The log on disk: one open segment that batches are appended to, closed ones, and a spare.

In: batches, one at a time. Out: nothing but durability; `StorageError` if that is in doubt, and
from then on every call refuses, because a sync that failed once cannot be repeated.

The next segment is always there already as `wal-spare.tmp` with its blocks reserved. A full disk is
therefore noticed when the spare cannot be made, while nothing that was acknowledged is at risk. A
spare becomes a segment by rename after its header was synced, so a segment under its final name
always has a valid header. Segments are removed oldest first, each durably before the next: after a
crash the ones that are left follow each other without a gap.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from raftstore.disk import Disk, File
from raftstore.errors import StorageError
from raftstore.wal import format as fmt
from raftstore.wal.log import Log
from raftstore.wal.replay import ClosedSegment, Replay, list_segments, replay, segment_name

SPARE = "wal-spare.tmp"

logger = logging.getLogger("raftstore.wal")


@dataclass(frozen=True)
class Batch:
    """What was buffered when it was taken. Opaque to everybody but the log."""

    records: list[bytes]
    seq: int
    max_index: int
    state: fmt.State  # as it is once the batch is on disk


class Segments:
    def __init__(
        self, disk: Disk, directory: str, cluster_id: str, node_id: str, segment_bytes: int
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._cluster_id = cluster_id
        self._node_id = node_id
        self._segment_bytes = segment_bytes
        self._closed: list[ClosedSegment] = []
        self._file: File
        self._spare: File
        self._file_size = 0
        self._seed = 0
        self._end = 0
        self._max_index = 0
        self._next_frame = 1
        self._state = fmt.State()
        self._failed: StorageError | None = None
        self._is_closed = False

    @property
    def size(self) -> int:
        """Bytes in the log's segments, reserved space included."""
        return (len(self._closed) + 1) * self._segment_bytes

    # -- opening

    def create(self, state: fmt.State) -> Log:
        """Start an empty log after `state`."""
        self._state = state
        self._remove_spare()
        self._make_spare()
        self._start_segment()
        self._make_spare()
        return Log(state)

    def open(self) -> Log:
        """Replay what is there and make all of it durable before anybody relies on it."""
        # A rename or removal that the last process saw may not have reached the disk.
        self._disk.fsync_dir(self._directory)
        found = replay(
            self._disk, list_segments(self._disk, self._directory), self._cluster_id, self._node_id
        )
        self._closed = found.closed
        self._next_frame = found.next_frame
        self._state = found.log.state()
        tail = found.tail
        self._file = self._disk.open(tail.path)
        self._file_size = self._file.size()
        self._seed, self._end, self._max_index = tail.seed, tail.end, tail.max_index
        self._secure_tail(found)
        if found.unsealed is not None:
            path, end, seed = found.unsealed
            previous = self._disk.open(path)
            first_frame = int(tail.path[-20:-4], 16)
            previous.pwrite(_seal(seed, first_frame), end)
            previous.fdatasync()
            previous.close()
        self._remove_spare()
        self._make_spare()
        return found.log

    def _secure_tail(self, found: Replay) -> None:
        # The last frame may only be in the page cache, perhaps marked clean by a sync that failed:
        # writing it again makes the sync below mean something. The frames before it were synced.
        tail = found.tail
        self._file.pwrite(tail.last_frame, tail.end - len(tail.last_frame))
        if tail.torn_bytes:
            logger.warning(
                "cut a torn tail: path=%s offset=%d bytes=%d last_index=%d",
                tail.path,
                tail.end,
                tail.torn_bytes,
                found.log.last_index,
                extra={
                    "event": "wal_torn_tail",
                    "path": tail.path,
                    "offset": tail.end,
                    "bytes": tail.torn_bytes,
                    "last_index": found.log.last_index,
                },
            )
            self._file.pwrite(bytes(tail.torn_bytes), tail.end)
        self._file.fdatasync()

    # -- writing

    def write(self, batch: Batch) -> None:
        if self._failed is not None:
            raise StorageError(f"the log has failed before: {self._failed}")
        try:
            self._write(batch)
        except StorageError as exc:
            self._failed = exc
            raise

    def _write(self, batch: Batch) -> None:
        frame = fmt.encode_frame(self._seed, self._next_frame, batch.records)
        if self._end + len(frame) + SEAL_ROOM > self._file_size:
            self._roll(len(frame))
            frame = fmt.encode_frame(self._seed, self._next_frame, batch.records)
        self._file.pwrite(frame, self._end)
        self._file.fdatasync()
        self._end += len(frame)
        self._next_frame += 1
        self._max_index = max(self._max_index, batch.max_index)
        self._state = batch.state
        while self._closed and self._closed[0].max_index <= self._state.base_index:
            self._disk.unlink(self._closed[0].path)
            self._disk.fsync_dir(self._directory)
            del self._closed[0]

    def _roll(self, room: int) -> None:
        old, old_end, old_seed = self._file, self._end, self._seed
        closed = ClosedSegment(old.path, self._max_index)
        first_frame = self._next_frame
        self._start_segment(room)
        old.pwrite(_seal(old_seed, first_frame), old_end)
        old.fdatasync()
        old.close()
        self._closed.append(closed)
        self._make_spare()

    def _start_segment(self, room: int = 0) -> None:
        """Turn the spare into the segment that starts with the next frame."""
        size = self._segment_bytes
        start, seed = self._segment_start(size)
        if len(start) + room + SEAL_ROOM > size:  # one batch that is larger than a segment
            size = len(start) + room + 2 * SEAL_ROOM
            start, seed = self._segment_start(size)
        self._spare.preallocate(size)
        self._spare.pwrite(start, 0)
        self._spare.fdatasync()
        path = f"{self._directory}/{segment_name(self._next_frame)}"
        self._disk.rename(self._spare.path, path)
        self._disk.fsync_dir(self._directory)
        self._spare.close()
        self._file = self._disk.open(path)
        self._file_size = size
        self._seed, self._end, self._max_index = seed, len(start), 0
        self._next_frame += 1

    def _segment_start(self, size: int) -> tuple[bytes, int]:
        """Header and carried state of the next segment, and the seed of its frames."""
        header = fmt.encode_segment_header(
            fmt.SegmentHeader(self._cluster_id, self._node_id, self._next_frame, size)
        )
        seed = fmt.frame_seed(header)
        carry = fmt.encode_record(fmt.CARRY, *self._state)
        return header + fmt.encode_frame(seed, self._next_frame, [carry]), seed

    def _make_spare(self) -> None:
        self._spare = self._disk.open(f"{self._directory}/{SPARE}", create=True)
        self._spare.preallocate(self._segment_bytes)

    def _remove_spare(self) -> None:
        if self._disk.exists(f"{self._directory}/{SPARE}"):
            self._disk.unlink(f"{self._directory}/{SPARE}")

    def close(self) -> None:
        """Mark the end, so that damage to what is there now is not mistaken for a torn tail."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            # Not worth a new segment, which a full disk might refuse.
            if self._failed is None and self._end + 2 * SEAL_ROOM <= self._file_size:
                self._write(Batch([], 0, 0, self._state))
        finally:
            self._failed = self._failed or StorageError("it is closed")
            self._file.close()
            self._spare.close()


def _seal(seed: int, next_segment: int) -> bytes:
    return fmt.encode_frame(seed, next_segment, [fmt.encode_record(fmt.SEAL)])


SEAL_ROOM = len(_seal(0, 0))
