"""Reading a machine's state back from the chunks of a frozen one.

In: chunks in order, into an empty machine. Out: the machine, equal to the frozen one in everything
that can be asked of it. The state hash is computed from what was read and compared with the
header, so a state that is not whole is never handed out: `CorruptLog`; one in a later format:
`NewerFormat`. `feed` takes one chunk at a time so that a live node can do other work in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgpack

from raftstore.errors import CorruptLog, NewerFormat
from raftstore.machine.frozen import (
    SECTION_BASE,
    SECTION_HEADER,
    SECTION_LEASES,
    SECTION_OUTCOMES,
    SECTION_REVISIONS,
    SECTION_SESSIONS,
    SECTION_TRAILER,
    STATE_FORMAT,
)
from raftstore.machine.history import HASH_MASK, Sums
from raftstore.machine.leases import Lease
from raftstore.machine.results import unpack_outcome
from raftstore.machine.sessions import SessionRecord
from raftstore.machine.state import VERSION_OVERHEAD, version_hash
from raftstore.types import KeyValue

if TYPE_CHECKING:
    from raftstore.machine.machine import Machine

_BAD_RECORD: Final = (ValueError, TypeError, KeyError, IndexError, AssertionError, OverflowError)


class Thaw:
    """`feed` every chunk, then `finish`."""

    def __init__(self, machine: Machine) -> None:
        assert not machine.applied_index
        self._machine = machine
        self._base: list[KeyValue] = []
        self._base_hash = 0
        self._base_bytes = 0
        self._state_hash = b""
        self._section = -1
        self._counts = [0] * SECTION_TRAILER
        self._loaders: dict[int, Callable[[Any], None]] = {
            SECTION_HEADER: self._header,
            SECTION_LEASES: self._lease,
            SECTION_SESSIONS: self._session,
            SECTION_OUTCOMES: self._outcome,
            SECTION_BASE: self._version,
            SECTION_REVISIONS: self._revision,
            SECTION_TRAILER: self._trailer,
        }

    def feed(self, chunk: bytes) -> None:
        try:
            section, records = msgpack.unpackb(chunk, use_list=False, raw=False)
            self._enter(section)
            load = self._loaders[section]
            for record in records:
                load(record)
        except _BAD_RECORD as error:
            raise CorruptLog(f"the saved state holds a bad record: {error!r}") from error
        if 0 < section < SECTION_TRAILER:
            self._counts[section] += len(records)

    def finish(self) -> Machine:
        if self._section != SECTION_TRAILER:
            raise CorruptLog("the saved state ends too early")
        machine = self._machine
        if machine.state_hash() != self._state_hash:
            raise CorruptLog("the saved state does not have the hash that it was saved with")
        return machine

    def _enter(self, section: int) -> None:
        if section < self._section or (self._section < 0) != (section == SECTION_HEADER):
            raise ValueError("sections out of order")
        if section >= SECTION_REVISIONS and self._section < SECTION_REVISIONS:
            sums = Sums(self._base_hash & HASH_MASK, 0, self._base_bytes, 0)
            self._machine.load_base(self._base, sums)
            self._base = []
        self._section = section

    def _header(self, record: Any) -> None:
        if record[0] > STATE_FORMAT:
            raise NewerFormat(f"the saved state has format {record[0]}, newer than this node")
        machine = self._machine
        _, index, _, compact_revision, alarm, quota_bytes, self._state_hash = record
        machine.applied_index = index
        machine.revision = machine.compact_revision = compact_revision
        machine.alarm = alarm
        machine.quota_bytes = quota_bytes

    def _lease(self, record: Any) -> None:
        self._machine.lease_table.set(Lease(*record))

    def _session(self, record: Any) -> None:
        self._machine.sessions.load_session(SessionRecord(*record))

    def _outcome(self, record: bytes) -> None:
        proposal_id, outcome = msgpack.unpackb(record, use_list=False, raw=False)
        self._machine.sessions.load_outcome(proposal_id, unpack_outcome(outcome))

    def _version(self, record: Any) -> None:
        kv = KeyValue(*record)
        self._base.append(kv)
        self._base_hash += version_hash(kv)
        self._base_bytes += len(kv.key) + len(kv.value) + VERSION_OVERHEAD
        if kv.lease:
            self._machine.lease_table.move(kv.key, 0, kv.lease)

    def _revision(self, record: Any) -> None:
        self._machine.replay([KeyValue(*kv) for kv in record])

    def _trailer(self, record: Any) -> None:
        if list(record) != self._counts:
            raise ValueError("records are missing")
