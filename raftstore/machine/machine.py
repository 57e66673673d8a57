"""The replicated state machine: a pure function of the log.

In: log entries, one after the other. Out: results, events, and the state at any revision that is
still kept. No I/O, no clock, no randomness, and no dependence on the order of anything that Python
does not define: the same log gives the same state on every node, byte for byte, whether it came
entry by entry or through a snapshot. A command never raises because of what it says; what cannot
be done is a result. `NewerFormat` is the exception: a command of a later format stops the node.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

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
from raftstore.machine.leases import Lease
from raftstore.machine.results import (
    AlarmResult,
    Applied,
    CompactResult,
    LeaseResult,
    NoopResult,
    Result,
)
from raftstore.machine.state import (
    MISSING,
    NO_ALARM,
    VERSION_OVERHEAD,
    Checkpoint,
    MachineConfig,
    State,
)
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
    Range,
    TxnResult,
)

_RECLAIM_PER_APPLY: Final = 8  # revisions freed per applied entry: more than one, so it catches up
_CHECKPOINT_SHIFT: Final = 8  # a hash checkpoint every 256 log entries

_QUOTA_ALARM: Final = "quota"  # raised by the quota; ends when the size falls below 90 % of it
_OPERATOR_ALARM: Final = "operator"  # raised by command; ends by command

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
_new_tuple: Final = tuple.__new__  # skips the keyword handling of a named tuple's own


class Machine(State):
    """The store's state machine: `apply` the log, read the state (see `State`)."""

    @classmethod
    def thaw(cls, chunks: Iterable[bytes], config: MachineConfig = MachineConfig()) -> Machine:  # noqa: B008
        """The machine that was frozen. Raises CorruptLog or NewerFormat."""
        thaw = Thaw(cls(config))
        for chunk in chunks:
            thaw.feed(chunk)
        return thaw.finish()

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

    def _txn(self, txn: Txn, events: list[Event]) -> Result:
        get = self.keyspace.current.get
        succeeded = True
        for key, target, operator_, operand in txn.compare:
            kv = get(key, MISSING)
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
                assert isinstance(op, Range)
                seen = self.range(op.key, op.end, limit=op.limit)
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
            kv = _new_tuple(KeyValue, (key, value, revision, revision, 1, lease))
            if lease:
                self.lease_table.move(key, 0, lease)
        else:
            # The key object is shared by all versions.
            kv = _new_tuple(KeyValue, (old[0], value, old[2], revision, old[4] + 1, lease))
            if lease != old[5]:
                self.lease_table.move(old[0], old[5], lease)
        change = (kv, self.keyspace.write(kv))
        events.append(_new_tuple(Event, change))
        return _new_tuple(PutResult, change)

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
        self.base = self.records.sums(payload.revision)
        self._end_quota_alarm()
        return CompactResult(self.compact_revision, self.revision)

    def _end_quota_alarm(self) -> None:
        # Below 90 %, so that it does not come and go with every write.
        if self.alarm == _QUOTA_ALARM and (
            not self.quota_bytes or self.size_bytes * 10 <= self.quota_bytes * 9
        ):
            self.alarm = NO_ALARM

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
        self.alarm = NO_ALARM
        return self._alarm_result()

    def _set_quota(self, payload: SetQuota, _: list[Event]) -> Result:
        self.quota_bytes = payload.quota_bytes
        self._end_quota_alarm()
        return self._alarm_result()

    def _alarm_result(self) -> AlarmResult:
        return AlarmResult(self.alarm, self.quota_bytes, self.size_bytes)

    def _noop(self, _: Noop, __: list[Event]) -> Result:
        return NoopResult(self.revision)


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
