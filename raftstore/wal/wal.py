"""The log as the Raft core sees it: in memory at once, on disk when a batch is done.

In: mutations, each of which changes the view in memory immediately and gets a sequence number.
Out: `synced_seq` and `durable_index`, which move only in `done`. Whatever leaves the node must wait
until the mutations it reveals are synced; that gate is the caller's.

Everything except `open`, `write` and `close` is for the one thread that owns the log and never
touches the disk. `write` may run in another thread meanwhile; there is never more than one batch in
flight. What is buffered is bounded by the caller: `pending_bytes` says how much it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from raftstore.disk import Disk
from raftstore.errors import CorruptLog
from raftstore.wal import format as fmt
from raftstore.wal.format import Entry
from raftstore.wal.log import Log
from raftstore.wal.replay import list_segments
from raftstore.wal.segments import Batch, Segments

SEGMENT_BYTES = 16 << 20
MARGIN_ENTRIES = 5000
MARGIN_BYTES = 16 << 20


class Wal:
    def __init__(
        self, segments: Segments, log: Log, *, margin_entries: int, margin_bytes: int
    ) -> None:
        """Use `Wal.open`."""
        self._segments = segments
        self._log = log
        self._margin_entries = margin_entries
        self._margin_bytes = margin_bytes
        self._pending: list[bytes] = []
        self._pending_max_index = 0
        self._written_hint = log.commit_hint
        self._in_flight: Batch | None = None
        self._durable_index = log.last_index
        self._flight_limit = 0
        self.pending_bytes = 0
        self.seq = 0
        self.synced_seq = 0

    @classmethod
    def open(
        cls,
        disk: Disk,
        directory: str,
        *,
        cluster_id: str = "",
        node_id: str = "",
        segment_bytes: int = SEGMENT_BYTES,
        margin_entries: int = MARGIN_ENTRIES,
        margin_bytes: int = MARGIN_BYTES,
        initial: fmt.State | None = None,
        must_exist: bool = False,
    ) -> Wal:
        """Open the log in `directory`, or make an empty one (after `initial`) if there is none.

        Ids that are given must match those in the segments. With `must_exist` an empty directory
        is an error: a node that forgets its log also forgets its votes. CorruptLog and NewerFormat
        say what to do; a torn tail is cut, and logged as a warning on "raftstore.wal".
        """
        disk.makedirs(directory)
        segments = Segments(disk, directory, cluster_id, node_id, segment_bytes)
        if list_segments(disk, directory):
            log = segments.open()
        elif must_exist:
            raise CorruptLog(fmt.how_to_rebuild(f"there is no log in {directory}"))
        else:
            log = segments.create(initial or fmt.State())
        return cls(segments, log, margin_entries=margin_entries, margin_bytes=margin_bytes)

    # -- the view in memory

    @property
    def first_index(self) -> int:
        """Index of the first entry held (`last_index + 1` if there is none)."""
        return self._log.start

    @property
    def last_index(self) -> int:
        return self._log.last_index

    @property
    def last_term(self) -> int:
        return self._log.entries[-1].term if self._log.entries else self._log.base_term

    @property
    def base(self) -> tuple[int, int]:
        """(index, term) just before the first entry held."""
        return self._log.base_index, self._log.base_term

    @property
    def term_state(self) -> tuple[int, str | None]:
        return self._log.term, self._log.voted_for

    @property
    def commit_hint(self) -> int:
        """An index known to be committed some time ago; never beyond `last_index`."""
        return self._log.commit_hint

    def entry(self, index: int) -> Entry:
        return self._log.entry(index)

    def term(self, index: int) -> int | None:
        """The term of the entry at `index` or of the base; None if neither is held."""
        return self._log.term_at(index)

    def slice(self, lo: int, hi_exclusive: int, max_bytes: int) -> list[Entry]:
        """Entries from `lo` on, up to `max_bytes` of commands but at least one if there is one."""
        start = self._log.start
        if lo < start:
            raise IndexError(f"entry {lo} is not held, the first is {start}")
        entries = self._log.entries[lo - start : max(hi_exclusive - start, 0)]
        total = 0
        for count, entry in enumerate(entries):
            total += len(entry.command)
            if total > max_bytes and count > 0:
                return entries[:count]
        return entries

    @property
    def disk_bytes(self) -> int:
        return self._segments.size

    # -- mutations

    def append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        self._log.append(entries)
        self._pending_max_index = max(self._pending_max_index, self._log.last_index)
        self._buffer(fmt.encode_entries(entries))

    def truncate_from(self, index: int) -> None:
        """Forget the entries from `index` on (a conflict); they must not be committed."""
        if index > self._log.last_index:
            return
        self._log.truncate(index)
        self._durable_index = min(self._durable_index, index - 1)
        self._flight_limit = min(self._flight_limit, index - 1)
        self._written_hint = -1  # replaying the cut changes the hint: say it again
        self._buffer(fmt.encode_record(fmt.TRUNCATE, index))

    def set_hard_state(self, term: int, voted_for: str | None) -> None:
        if term < self._log.term:
            raise ValueError(f"term {term} is older than {self._log.term}")
        if (term, voted_for) == self.term_state:
            return
        self._log.term, self._log.voted_for = term, voted_for
        self._buffer(fmt.encode_record(fmt.HARD_STATE, term, voted_for))

    def set_commit_hint(self, index: int) -> None:
        """Remember a commit index; it goes to disk with the next batch and never causes one."""
        self._log.commit_hint = min(index, self._log.last_index)

    def reset(self, base_index: int, base_term: int) -> None:
        """Empty the log and go on after a snapshot that was installed and is durable."""
        self._log.reset(base_index, base_term)
        self._durable_index = base_index
        self._flight_limit = min(self._flight_limit, base_index)
        self._written_hint = -1
        self._buffer(fmt.encode_record(fmt.RESET, base_index, base_term))

    def trim_to(self, index: int, term: int) -> None:
        """A durable snapshot covers the entries up to `index`: drop them, but for the margin.

        The last `margin_entries` of them stay (fewer if they exceed `margin_bytes`), so that a
        follower that lags a little gets entries and not a snapshot. ValueError if `index` is
        beyond the log or has another term: that snapshot asks for `reset`.
        """
        if index <= self._log.base_index:
            return
        if self._log.term_at(index) != term:
            raise ValueError(f"the log has term {self._log.term_at(index)} at {index}, not {term}")
        base = self._with_margin(index)
        base_term = self._log.term_at(base)
        if base == self._log.base_index or base_term is None:
            return
        self._log.trim(base, base_term)
        self._durable_index = max(self._durable_index, base)
        self._buffer(fmt.encode_record(fmt.TRIM, base, base_term))

    def _with_margin(self, index: int) -> int:
        lowest = max(self._log.base_index, index - self._margin_entries)
        budget = self._margin_bytes
        while index > lowest:
            budget -= len(self._log.entry(index).command)
            if budget < 0:
                break
            index -= 1
        return index

    def _buffer(self, record: bytes) -> None:
        self._pending.append(record)
        self.pending_bytes += len(record)
        self.seq += 1

    # -- durability

    @property
    def dirty(self) -> bool:
        return self.seq > self.synced_seq

    @property
    def durable_index(self) -> int:
        """The last index that is on disk (or in a durable snapshot) and still in the log."""
        return self._durable_index

    def take(self) -> Batch | None:
        """What is buffered; None if nothing is, or while the last batch is not done."""
        if self._in_flight is not None or not self._pending:
            return None
        if self._log.commit_hint != self._written_hint:
            self._written_hint = self._log.commit_hint
            self._pending.append(fmt.encode_record(fmt.COMMIT_HINT, self._written_hint))
        batch = Batch(self._pending, self.seq, self._pending_max_index, self._log.state())
        self._pending = []
        self._pending_max_index = 0
        self.pending_bytes = 0
        self._flight_limit = self._log.last_index
        self._in_flight = batch
        return batch

    def write(self, batch: Batch) -> None:
        """Put the batch on disk and sync it. Blocks. After a StorageError the node must stop."""
        self._segments.write(batch)

    def done(self, batch: Batch) -> None:
        """`write(batch)` returned: move `synced_seq` and `durable_index`."""
        if batch is not self._in_flight:
            raise ValueError("this batch is not the one in flight")
        self._in_flight = None
        self.synced_seq = batch.seq
        self._durable_index = max(self._durable_index, self._flight_limit)

    def sync(self) -> None:
        """Everything buffered, on disk, now (blocks)."""
        batch = self.take()
        if batch is not None:
            self.write(batch)
            self.done(batch)

    def close(self) -> None:
        """Close the files, once. What is buffered and not synced is lost, as in a crash."""
        self._segments.close()
