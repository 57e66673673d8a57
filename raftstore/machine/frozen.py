"""Writing the machine's state at one log index while it goes on applying.

In: the machine, which keeps its versions pinned meanwhile. Out: chunks, made one small step at a
time: a header, leases, sessions, outcomes, all keys as the compact revision showed them, then
every revision's new versions up to the frozen one, and a trailer with counts. Each chunk is one
msgpack list `[section, records]` and never empty (its list of records may be).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

import msgpack

from raftstore.errors import Closed
from raftstore.machine.results import pack_outcome

if TYPE_CHECKING:
    from raftstore.machine.state import State

STATE_FORMAT: Final = 1
SECTION_HEADER: Final = 0
SECTION_LEASES: Final = 1
SECTION_SESSIONS: Final = 2
SECTION_OUTCOMES: Final = 3
SECTION_BASE: Final = 4
SECTION_REVISIONS: Final = 5
SECTION_TRAILER: Final = 6

_KEYS_PER_STEP: Final = 2048  # keys looked at in one step, even when few of them are written
_RECORD_OVERHEAD: Final = 32

_pack: Final = cast(Callable[[object], bytes], msgpack.Packer(use_bin_type=True).pack)


class FrozenState:
    """The state at `index`; `chunks` may be taken in between `apply` calls, until `close`."""

    def __init__(self, machine: State, unpin: Callable[[int], None]) -> None:
        self.index = machine.applied_index
        self.revision = machine.revision
        self.compact_revision = machine.compact_revision
        self.state_hash = machine.state_hash()
        self._machine = machine
        self._unpin = unpin
        self._closed = False
        self._alarm = machine.alarm
        self._quota_bytes = machine.quota_bytes
        self._leases = list(machine.leases.values())
        self._sessions = machine.sessions.records()
        self._outcomes = machine.sessions.outcomes()

    def __enter__(self) -> FrozenState:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the machine forget again what only this state still needed."""
        if not self._closed:
            self._closed = True
            self._unpin(self.compact_revision)

    def chunks(self, target_bytes: int = 1 << 18) -> Iterator[bytes]:
        """The state in chunks of about `target_bytes` (a large value makes a larger chunk)."""
        header = (
            STATE_FORMAT,
            self.index,
            self.revision,
            self.compact_revision,
            self._alarm,
            self._quota_bytes,
            self.state_hash,
        )
        yield _pack((SECTION_HEADER, (header,)))
        counts = [0] * SECTION_TRAILER
        for section, steps in (
            (SECTION_LEASES, self._small(self._leases)),
            (SECTION_SESSIONS, self._small(self._sessions)),
            (SECTION_OUTCOMES, self._outcome_steps()),
            (SECTION_BASE, self._base_steps()),
            (SECTION_REVISIONS, self._revision_steps()),
        ):
            records: list[Any] = []
            size = 0
            for record, record_size in steps:
                if record is not None:
                    counts[section] += 1
                    records.append(record)
                    size += record_size
                if size >= target_bytes or record is None:
                    yield _pack((section, records))
                    self._check_open()
                    records, size = [], 0
            if records:
                yield _pack((section, records))
                self._check_open()
        yield _pack((SECTION_TRAILER, (tuple(counts),)))

    # Records with their sizes; (None, 0) says: enough work for one step.

    def _small(self, records: Any) -> Iterator[tuple[Any, int]]:
        for record in records:
            yield record, 4 * _RECORD_OVERHEAD

    def _outcome_steps(self) -> Iterator[tuple[Any, int]]:
        for proposal_id, outcome in self._outcomes:
            packed = _pack((proposal_id, pack_outcome(outcome)))
            yield packed, len(packed)

    def _base_steps(self) -> Iterator[tuple[Any, int]]:
        revision = self.compact_revision
        if not revision:
            return
        keyspace = self._machine.keyspace
        # Steps of a fixed number of keys; what was found is handed out before the next step looks.
        found, after = keyspace.step_at(None, revision, _KEYS_PER_STEP)
        while True:
            for kv in found:
                yield kv, len(kv.key) + len(kv.value) + _RECORD_OVERHEAD
            if after is None:
                return
            if len(found) * 2 < _KEYS_PER_STEP:
                yield None, 0
            found, after = keyspace.step_at(after, revision, _KEYS_PER_STEP)

    def _revision_steps(self) -> Iterator[tuple[Any, int]]:
        records = self._machine.records
        for revision in range(self.compact_revision + 1, self.revision + 1):
            kvs = [event.kv for event in records.events(revision)]
            size = sum([len(kv.key) + len(kv.value) + _RECORD_OVERHEAD for kv in kvs])
            yield kvs, size

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the frozen state was closed")
