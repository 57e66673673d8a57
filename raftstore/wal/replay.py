"""Reading a log directory back: which frames count, where the log ends, what is damage.

In: the segments of a directory. Out: the log in memory and where to write next. Nothing is written
here; the cut that a torn tail needs is described in the answer and made by `segments.py`.

The rule for what does not read back: a frame is started only after the one before it was synced, so
only the very last frame of the last segment can be incomplete after a crash. It was never
acknowledged and is cut. Damage with anything valid behind it (a later frame, a later segment) hit
data that was synced: the node must not start with a log that lacks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from raftstore.disk import Disk, read_all
from raftstore.errors import CorruptLog, StorageError
from raftstore.wal import format as fmt
from raftstore.wal.log import Log

PREFIX, SUFFIX = "wal-", ".log"


def segment_name(first_frame: int) -> str:
    return f"{PREFIX}{first_frame:016x}{SUFFIX}"


class ClosedSegment(NamedTuple):
    path: str
    max_index: int  # no entry beyond it was ever written to this segment


@dataclass
class Tail:
    """The last segment, as far as it is valid."""

    path: str
    seed: int
    end: int
    last_frame: bytes  # as read: written again at open, because it may not have been synced
    torn_bytes: int  # what follows `end` and has to be zeroed
    max_index: int


@dataclass
class Replay:
    log: Log
    closed: list[ClosedSegment]
    tail: Tail
    next_frame: int
    unsealed: tuple[str, int, int] | None  # the segment before the tail, its end and its seed


def list_segments(disk: Disk, directory: str) -> list[str]:
    names = (n for n in disk.listdir(directory) if n.startswith(PREFIX) and n.endswith(SUFFIX))
    return [f"{directory}/{name}" for name in sorted(names)]


def replay(disk: Disk, paths: list[str], cluster_id: str, node_id: str) -> Replay:
    reader = _Reader(cluster_id, node_id)
    for path in paths:
        reader.read_segment(path, read_all(disk, path), is_last=path == paths[-1])
    return reader.finish(paths[-1])


class _Reader:
    def __init__(self, cluster_id: str, node_id: str) -> None:
        self._identity = (cluster_id, node_id)
        self._log: Log | None = None
        self._next_frame = 0
        self._sealed = False
        self._previous: tuple[str, int, int] | None = None
        self._closed: list[ClosedSegment] = []
        self._tail: Tail | None = None

    def read_segment(self, path: str, data: bytes, *, is_last: bool) -> None:
        header, start = fmt.decode_segment_header(data, path)
        self._check_header(path, header, len(data))
        if self._tail is not None:
            self._closed.append(ClosedSegment(self._tail.path, self._tail.max_index))
            self._previous = (self._tail.path, self._tail.end, self._tail.seed)
            if self._sealed:
                self._previous = None
        seed = fmt.frame_seed(data[:start])
        self._sealed = False
        self._next_frame = header.first_frame
        max_index = 0
        offset = frame_start = start
        while not self._sealed:
            frame = fmt.decode_frame(seed, data, offset)
            if frame is None:
                break
            if frame.number != self._next_frame:
                raise CorruptLog(
                    fmt.how_to_rebuild(
                        f"{path}: frame {frame.number} at byte {offset} where "
                        f"{self._next_frame} belongs"
                    )
                )
            max_index = max(max_index, self._apply(path, offset, frame))
            if not self._sealed:
                self._next_frame += 1
                frame_start = offset
                offset = frame.end
        if offset == start:
            raise CorruptLog(fmt.how_to_rebuild(f"{path}: the first frame is damaged"))
        torn = 0
        if is_last and not self._sealed:
            torn = self._torn_bytes(path, data, offset, seed)
        self._tail = Tail(path, seed, offset, data[frame_start:offset], torn, max_index)

    def finish(self, last_path: str) -> Replay:
        assert self._log is not None
        assert self._tail is not None
        if self._sealed:
            raise CorruptLog(
                fmt.how_to_rebuild(f"the segment {segment_name(self._next_frame)} is missing")
            )
        try:
            self._log.check_complete()
        except ValueError as exc:
            raise CorruptLog(fmt.how_to_rebuild(f"{last_path}: {exc}")) from exc
        # The hint was written with a batch that may have been cut since.
        self._log.commit_hint = min(self._log.commit_hint, self._log.last_index)
        return Replay(self._log, self._closed, self._tail, self._next_frame, self._previous)

    def _check_header(self, path: str, header: fmt.SegmentHeader, length: int) -> None:
        for what, mine, theirs in zip(
            ("cluster", "node"), self._identity, (header.cluster_id, header.node_id), strict=True
        ):
            if mine and theirs and mine != theirs:
                raise StorageError(f"{path} belongs to {what} {theirs}, not to {mine}")
        if length < header.size:
            raise CorruptLog(
                fmt.how_to_rebuild(f"{path} was cut to {length} of {header.size} bytes")
            )
        if not path.endswith(segment_name(header.first_frame)):
            raise CorruptLog(fmt.how_to_rebuild(f"{path} is segment {header.first_frame}, renamed"))
        if self._tail is not None and header.first_frame != self._next_frame:
            raise CorruptLog(
                fmt.how_to_rebuild(
                    f"{self._tail.path}: frame {self._next_frame} is damaged or missing, "
                    f"the next segment starts with {header.first_frame}"
                )
            )

    def _apply(self, path: str, offset: int, frame: fmt.Frame) -> int:
        """Apply the records of a frame; the highest entry index among them."""
        highest = 0
        try:
            for record in fmt.decode_records(frame.payload):
                kind, fields = record[0], record[1:]
                if kind == fmt.CARRY:
                    self._carry(fmt.State(*fields))
                    continue
                log = self._log
                if log is None:
                    raise ValueError("the segment does not start with its carried state")
                if kind == fmt.ENTRIES:
                    entries = [fmt.Entry(*e) for e in fields[0]]
                    log.append(entries)
                    highest = max(highest, log.last_index)
                elif kind == fmt.TRUNCATE:
                    log.truncate(fields[0])
                elif kind == fmt.HARD_STATE:
                    log.term, log.voted_for = fields
                elif kind == fmt.COMMIT_HINT:
                    log.commit_hint = fields[0]
                elif kind == fmt.TRIM:
                    log.trim(*fields)
                elif kind == fmt.RESET:
                    log.reset(*fields)
                elif kind == fmt.SEAL:
                    self._sealed = True
        except (ValueError, TypeError) as exc:
            raise CorruptLog(fmt.how_to_rebuild(f"{path}: frame at byte {offset}: {exc}")) from exc
        return highest

    def _carry(self, state: fmt.State) -> None:
        if self._log is None:
            self._log = Log(state)
        elif self._log.state() != state:
            raise ValueError(f"carries {state}, the segments before it say {self._log.state()}")

    def _torn_bytes(self, path: str, data: bytes, offset: int, seed: int) -> int:
        rest = data[offset:].rstrip(b"\0")
        if not rest:
            return 0
        later = fmt.find_later_frame(seed, data, offset, self._next_frame)
        if later is not None:
            raise CorruptLog(
                fmt.how_to_rebuild(
                    f"{path} is damaged at byte {offset}: frame {later.number} behind it is intact"
                )
            )
        return len(rest)
