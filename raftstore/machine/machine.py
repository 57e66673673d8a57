"""The replicated state machine: a pure function of the log.

In: log entries, one after the other. Out: results, events, and the state at any revision that is
still kept. No I/O, no clock, no randomness, and no dependence on the order of anything that Python
does not define: the same log gives the same state on every node, byte for byte, whether it came
entry by entry or through a snapshot. A command never raises because of what it says; what cannot
be done is a result. `NewerFormat` is the exception: a command of a later format stops the node.
"""

from __future__ import annotations

import operator
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, Final, NamedTuple

from raftstore.errors import Compacted, FutureRevision, InvalidRequest, NoSpace
from raftstore.machine.commands import (
    ClearAlarm,
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Noop,
    SetAlarm,
    SetQuota,
    Txn,
    decode_command,
)
from raftstore.machine.frozen import FrozenState
from raftstore.machine.history import HASH_MASK, History, Sums
from raftstore.machine.keyspace import Keyspace
from raftstore.machine.leases import Lease, Leases
from raftstore.machine.results import (
    AlarmResult,
    Applied,
    CompactResult,
    LeaseResult,
    NoopResult,
    Result,
)
from raftstore.machine.sessions import Limits, Sessions
from raftstore.machine.thaw import Thaw
from raftstore.types import (
    Delete,
    DeleteResult,
    Event,
    KeyValue,
    Op,
    OpResult,
    Put,
    PutResult,
    RangeResult,
    TxnResult,
)

# What a version costs beside its key and value: tuples, ints, index and history entries.
VERSION_OVERHEAD: Final = 256
_RECLAIM_PER_APPLY: Final = 8  # revisions freed per applied entry: more than one, so it catches up
_CHECKPOINT_SHIFT: Final = 8  # a hash checkpoint every 256 log entries…
_CHECKPOINTS: Final = 64  # …of which so many are kept

_NO_ALARM: Final = ""
_QUOTA_ALARM: Final = "quota"  # raised by the quota; ends when the size falls below 90 % of it
_OPERATOR_ALARM: Final = "operator"  # raised by command; ends by command

_MISSING: Final = KeyValue(b"", b"", 0, 0, 0, 0)
_FIELD: Final = {
    "version": KeyValue._fields.index("version"),
    "create": KeyValue._fields.index("create_revision"),
    "mod": KeyValue._fields.index("mod_revision"),
    "value": KeyValue._fields.index("value"),
    "lease": KeyValue._fields.index("lease"),
}
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_new_version: Final = tuple.__new__
_version_head: Final = struct.Struct("<6Q").pack


class MachineConfig(NamedTuple):
    """Settings that change what commands do: the same on all nodes for the life of a cluster.

    `quota_bytes` is only the limit of an empty machine (0: none); a `SetQuota` command changes it
    on all nodes at once, so a configured limit should be proposed, not passed here.
    """

    quota_bytes: int = 2 << 30
    limits: Limits = Limits()


class Checkpoint(NamedTuple):
    """The state hash at a log index at which all nodes take one."""

    applied_index: int
    revision: int
    state_hash: bytes


def version_hash(kv: KeyValue) -> int:
    key, value, create, mod, version, lease = kv
    head = _version_head(len(key), len(value), create, mod, version, lease)
    digest = blake2b(b"".join((head, key, value)), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Machine:
    """The store's state. `revision` counts the transactions that changed something.

    Readable are the revisions from `compact_revision` on, and the events after it.
    """

    def __init__(self, config: MachineConfig = MachineConfig()) -> None:  # noqa: B008
        self.config = config
        self.revision = 0
        self.compact_revision = 0
        self.applied_index = 0
        self.alarm = _NO_ALARM
        self.quota_bytes = config.quota_bytes
        self.keyspace = Keyspace()
        self.records = History(0, Sums(0, 0, 0, 0))
        self.lease_table = Leases()
        self.sessions = Sessions(config.limits)
        self.checkpoints: deque[Checkpoint] = deque(maxlen=_CHECKPOINTS)
        self._pins: list[int] = []  # revisions that frozen states still read

    # Reads

    @property
    def leases(self) -> Mapping[int, Lease]:
        return self.lease_table.view

    @property
    def size_bytes(self) -> int:
        """The logical size: every version that can still be read. Falls as soon as compacted."""
        records = self.records
        if not self.compact_revision:
            return records.last.logged_bytes
        base = records.sums(self.compact_revision)
        return base.live_bytes + records.last.logged_bytes - base.logged_bytes

    def get(self, key: bytes) -> KeyValue | None:
        """The newest version of `key`."""
        return self.keyspace.current.get(key)

    def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
    ) -> RangeResult:
        """`key`, or with `end` the keys in [key, end) (end b"": no end); revision 0: newest.

        Raises Compacted or FutureRevision.
        """
        keyspace = self.keyspace
        if revision == 0 or revision == self.revision:
            total = keyspace.count(key, end)
            kvs = [] if count_only else keyspace.newest(key, end, limit)
            return RangeResult(kvs, self.revision, total, not count_only and total > len(kvs))
        self._check_readable(revision)
        if count_only:
            kvs = []
            total = self._count_at(key, end, revision)
        elif limit:
            kvs = list(islice(keyspace.iterate_at(key, end, revision), limit))
            total = len(kvs) if len(kvs) < limit else self._count_at(key, end, revision)
        else:
            kvs = list(keyspace.iterate_at(key, end, revision))
            total = len(kvs)
        return RangeResult(kvs, revision, total, not count_only and total > len(kvs))

    def history(
        self, key: bytes, end: bytes | None, from_revision: int, limit_events: int = 0
    ) -> list[tuple[int, tuple[Event, ...]]]:
        """The events of the range from `from_revision` on, by revision.

        Stops after the revision that reaches `limit_events` (0: no limit); go on from the last
        revision returned + 1. Empty means: nothing up to `revision`. Raises Compacted unless
        `from_revision` > `compact_revision`.
        """
        if from_revision <= self.compact_revision:
            raise Compacted(self.compact_revision)
        found: list[tuple[int, tuple[Event, ...]]] = []
        if from_revision > self.revision:
            return found
        if end is None:
            end = key + b"\0"
        left = limit_events or sys.maxsize
        for revision, events in enumerate(self.records.since(from_revision), from_revision):
            if len(events) == 1:
                changed = events[0][0][0]
                if changed < key or (end and changed >= end):
                    continue
            else:
                events = tuple(
                    [e for e in events if e.kv.key >= key and (not end or e.kv.key < end)]
                )
                if not events:
                    continue
            found.append((revision, events))
            left -= len(events)
            if left <= 0:
                break
        return found

    def recall(self, proposal_id: bytes) -> Result | None:
        """The result of a proposal that was applied (Unknown: not kept), None if it was not.

        For callers that may have missed it, as after a snapshot was installed.
        """
        return self.sessions.recall(proposal_id)

    def state_hash(self) -> bytes:
        """16 bytes that are equal on all nodes with the same `applied_index`."""
        last, base = self.records.last, self.records.sums(self.compact_revision)
        digest = blake2b(digest_size=16)
        digest.update(
            struct.pack(
                "<9Q",
                self.applied_index,
                self.revision,
                self.compact_revision,
                self.quota_bytes,
                self.size_bytes,
                last.live_hash,
                base.live_hash,
                (last.logged_hash - base.logged_hash) & HASH_MASK,
                self.lease_table.hash,
            )
        )
        digest.update(self.alarm.encode() + b"|" + self.sessions.digest_input())
        return digest.digest()

    def keyspace_hash(self, revision: int = 0) -> int:
        """The hash of all keys as they were at `revision` (0: newest), for any readable one."""
        if not revision:
            return self.records.last.live_hash
        self._check_readable(revision)
        return self.records.sums(revision).live_hash

    # Snapshots and memory

    def freeze(self) -> FrozenState:
        """The state as it is now, unaffected by what is applied later; close it after use."""
        self._pins.append(self.compact_revision)
        return FrozenState(self, self._pins.remove)

    @classmethod
    def thaw(cls, chunks: Iterable[bytes], config: MachineConfig = MachineConfig()) -> Machine:  # noqa: B008
        """The machine that was frozen. Raises CorruptLog or NewerFormat."""
        thaw = Thaw(cls(config))
        for chunk in chunks:
            thaw.feed(chunk)
        return thaw.finish()

    def load_base(self, versions: Sequence[KeyValue]) -> None:
        """Thawing: the keys as the compact revision showed them."""
        self.keyspace.load(versions)
        live_hash = live_bytes = 0
        for kv in versions:
            live_hash += version_hash(kv)
            live_bytes += len(kv.key) + len(kv.value) + VERSION_OVERHEAD
            if kv.lease:
                self.lease_table.move(kv.key, 0, kv.lease)
        self.records = History(self.revision, Sums(live_hash & HASH_MASK, 0, live_bytes, 0))

    def replay(self, versions: Sequence[KeyValue]) -> None:
        """Thawing: the versions that the next revision wrote."""
        events: list[Event] = []
        for kv in versions:
            old = self.keyspace.current.get(kv.key, _MISSING)
            if old.lease != kv.lease:
                self.lease_table.move(kv.key, old.lease, kv.lease)
            events.append(Event(kv, self.keyspace.write(kv)))
        self._commit(tuple(events))

    def reclaim(self, max_revisions: int = 256) -> bool:
        """Free memory of compacted revisions in a bounded step; True: call again.

        `apply` does a little of it each time; an idle node can do the rest here.
        """
        records = self.records
        goal = min(self.compact_revision, *self._pins) if self._pins else self.compact_revision
        first = records.floor + 1
        last = min(goal, records.floor + max_revisions)
        trim = self.keyspace.trim
        for revision in range(first, last + 1):
            for event in records.drop(revision):
                trim(event.kv.key, goal)
        return last < goal

    # Apply

    def apply(self, index: int, command: bytes) -> Applied:
        """Apply the log entry at `index`; indexes may skip (entries of other kinds), not repeat."""
        if index <= self.applied_index:
            raise ValueError(f"entry {index} was applied before (at {self.applied_index})")
        if (index ^ self.applied_index) >> _CHECKPOINT_SHIFT:
            checkpoint = Checkpoint(self.applied_index, self.revision, self.state_hash())
            self.checkpoints.append(checkpoint)
        if self.records.floor < self.compact_revision:
            self.reclaim(_RECLAIM_PER_APPLY)
        proposal_id, payload = decode_command(command)
        self.applied_index = index
        if proposal_id:
            first = self.sessions.admit(proposal_id, index)
            if first is not None:
                return Applied(proposal_id, first, (), self.revision, True)
        events: list[Event] = []
        if type(payload) is Txn:
            result: Result = self._txn(payload, events)
        elif isinstance(payload, InvalidRequest):
            result = payload
        else:
            result = _HANDLERS[type(payload)](self, payload, events)
        changes = tuple(events)
        if changes:
            self._commit(changes)
        if proposal_id:
            self.sessions.record(proposal_id, result)
        return Applied(proposal_id or None, result, changes, self.revision)

    def _commit(self, events: tuple[Event, ...]) -> None:
        """Make `events`, already in the keyspace, the next revision."""
        live_hash, logged_hash, live_bytes, logged_bytes = self.records.last
        for kv, prev in events:
            hashed = version_hash(kv)
            size = len(kv[0]) + len(kv[1]) + VERSION_OVERHEAD
            logged_hash += hashed
            logged_bytes += size
            if kv[4]:
                live_hash += hashed
                live_bytes += size
            if prev is not None:
                live_hash -= version_hash(prev)
                live_bytes -= len(prev[0]) + len(prev[1]) + VERSION_OVERHEAD
        sums = Sums(live_hash & HASH_MASK, logged_hash & HASH_MASK, live_bytes, logged_bytes)
        self.revision += 1
        self.records.append(events, sums)

    def _txn(self, txn: Txn, events: list[Event]) -> Result:
        get = self.keyspace.current.get
        succeeded = True
        for key, target, operator_, operand in txn.compare:
            kv = get(key, _MISSING)
            if not _COMPARE[operator_](kv[_FIELD[target]], operand):
                succeeded = False
                break
        ops = txn.success if succeeded else txn.failure
        refusal = self._refusal(ops)
        if refusal is not None:
            return refusal
        revision = self.revision
        results: list[OpResult] = []
        for op in ops:
            if type(op) is Put:
                results.append(self._put(op, revision + 1, events))
            elif type(op) is Delete:
                deleted = self.keyspace.newest(op.key, op.end, 0)
                for kv in deleted:
                    self._delete(kv, revision + 1, events)
                results.append(DeleteResult(tuple(deleted)))
            else:
                seen = self.range(op[0], op[1], limit=op[2])  # type: ignore[arg-type]
                seen_at = revision + 1 if events else revision
                results.append(seen._replace(kvs=tuple(seen.kvs), revision=seen_at))
        return TxnResult(succeeded, tuple(results), revision + 1 if events else revision)

    def _refusal(self, ops: Sequence[Op]) -> InvalidRequest | NoSpace | None:
        """Why `ops` cannot be done; checked before the first of them, so nothing is undone."""
        need = 0
        for op in ops:
            if type(op) is Put:
                need += len(op.key) + len(op.value) + VERSION_OVERHEAD
                if op.lease and op.lease not in self.leases:
                    return InvalidRequest(f"lease {op.lease} does not exist")
        return self._no_space(need) if need else None

    def _no_space(self, need: int) -> NoSpace | None:
        if not self.alarm:
            if not self.quota_bytes or self.size_bytes + need <= self.quota_bytes:
                return None
            self.alarm = _QUOTA_ALARM
        return NoSpace(f"database size is at its limit ({self.alarm} alarm)")

    def _put(self, op: Put, revision: int, events: list[Event]) -> PutResult:
        key, value, lease, stamp = op
        if stamp >= 0:
            value = b"%b%d%b" % (value[:stamp], revision, value[stamp:])
        old = self.keyspace.current.get(key)
        if old is None:
            kv = _new_version(KeyValue, (key, value, revision, revision, 1, lease))
            if lease:
                self.lease_table.move(key, 0, lease)
        else:
            # The key object is shared by all versions.
            kv = _new_version(KeyValue, (old[0], value, old[2], revision, old[4] + 1, lease))
            if lease != old[5]:
                self.lease_table.move(old[0], old[5], lease)
        prev = self.keyspace.write(kv)
        events.append(Event(kv, prev))
        return PutResult(kv, prev)

    def _delete(self, kv: KeyValue, revision: int, events: list[Event]) -> None:
        tombstone = KeyValue(kv.key, b"", 0, revision, 0, 0)
        if kv.lease:
            self.lease_table.move(kv.key, kv.lease, 0)
        events.append(Event(tombstone, self.keyspace.write(tombstone)))

    def _compact(self, payload: Compact, _: list[Event]) -> Result:
        if payload.revision > self.revision:
            return FutureRevision(self.revision)
        if payload.revision <= self.compact_revision:
            return Compacted(self.compact_revision)
        self.compact_revision = payload.revision
        self._end_quota_alarm()
        return CompactResult(self.compact_revision, self.revision)

    def _end_quota_alarm(self) -> None:
        # Below 90 %, so that it does not come and go with every write.
        if self.alarm == _QUOTA_ALARM and (
            not self.quota_bytes or self.size_bytes * 10 <= self.quota_bytes * 9
        ):
            self.alarm = _NO_ALARM

    def _grant(self, payload: LeaseGrant, _: list[Event]) -> Result:
        if not payload.id or not payload.ttl:
            return InvalidRequest("a lease needs an id and a time to live")
        if payload.id in self.leases:
            return InvalidRequest(f"lease {payload.id} exists")
        no_space = self._no_space(0)
        if no_space is not None:
            return no_space
        self.lease_table.set(Lease(payload.id, payload.ttl, self.applied_index))
        return LeaseResult(payload.id, payload.ttl, self.revision)

    def _keep_alive(self, payload: LeaseKeepAlive, _: list[Event]) -> Result:
        lease = self.leases.get(payload.id)
        if lease is None:
            return InvalidRequest(f"lease {payload.id} does not exist")
        self.lease_table.set(lease._replace(renewed_index=self.applied_index))
        return LeaseResult(lease.id, lease.ttl, self.revision)

    def _revoke(self, payload: LeaseRevoke, events: list[Event]) -> Result:
        if payload.id not in self.leases:
            return InvalidRequest(f"lease {payload.id} does not exist")
        for key in self.lease_table.keys(payload.id):
            self._delete(self.keyspace.current[key], self.revision + 1, events)
        self.lease_table.remove(payload.id)
        return LeaseResult(payload.id, 0, self.revision + (1 if events else 0))

    def _set_alarm(self, _: SetAlarm, __: list[Event]) -> Result:
        self.alarm = _OPERATOR_ALARM
        return self._alarm_result()

    def _clear_alarm(self, _: ClearAlarm, __: list[Event]) -> Result:
        self.alarm = _NO_ALARM
        return self._alarm_result()

    def _set_quota(self, payload: SetQuota, _: list[Event]) -> Result:
        self.quota_bytes = payload.quota_bytes
        self._end_quota_alarm()
        return self._alarm_result()

    def _alarm_result(self) -> AlarmResult:
        return AlarmResult(self.alarm, self.quota_bytes, self.size_bytes)

    def _noop(self, _: Noop, __: list[Event]) -> Result:
        return NoopResult(self.revision)

    # Helpers

    def _check_readable(self, revision: int) -> None:
        if revision < self.compact_revision:
            raise Compacted(self.compact_revision)
        if revision > self.revision:
            raise FutureRevision(self.revision)

    def _count_at(self, key: bytes, end: bytes | None, revision: int) -> int:
        """How many keys of the range existed at `revision`: count again, or undo the changes."""
        now = self.keyspace.count(key, end)
        if end is None or now < self.revision - revision:
            return sum(1 for _ in self.keyspace.iterate_at(key, end, revision))
        for events in self.records.since(revision + 1):
            for kv, _ in events:
                if kv[0] >= key and (not end or kv[0] < end):
                    if kv[4] == 1:
                        now -= 1
                    elif not kv[4]:
                        now += 1
        return now


_HANDLERS: Final[dict[type, Callable[[Machine, Any, list[Event]], Result]]] = {
    Compact: Machine._compact,
    LeaseGrant: Machine._grant,
    LeaseKeepAlive: Machine._keep_alive,
    LeaseRevoke: Machine._revoke,
    SetAlarm: Machine._set_alarm,
    ClearAlarm: Machine._clear_alarm,
    SetQuota: Machine._set_quota,
    Noop: Machine._noop,
}
