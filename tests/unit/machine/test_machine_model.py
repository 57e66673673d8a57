"""The machine against the simplest thing that could be right: a dict of all versions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raftstore.errors import Compacted
from raftstore.machine import (
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Machine,
    Payload,
    Txn,
    encode_command,
)
from raftstore.types import Compare, Delete, KeyValue, Op, Put, Range, TxnResult

KEYS = [b"a", b"a/1", b"a/2", b"b", b"b/1", b"c"]
keys = st.sampled_from(KEYS)
ends = st.sampled_from([None, b"", b"a", b"a0", b"b", b"c", b"d"])
leases = st.sampled_from([0, 0, 1, 2])
ops = st.one_of(
    st.builds(Put, keys, st.binary(max_size=4), leases, st.sampled_from([-1, -1, 0])),
    st.builds(Delete, keys, ends),
    st.builds(Range, keys, ends, st.integers(0, 2)),
)
compares = st.one_of(
    st.builds(
        Compare,
        keys,
        st.sampled_from(["version", "create", "mod", "lease"]),
        st.sampled_from(["=", "!=", "<", ">"]),
        st.integers(0, 6),
    ),
    st.builds(Compare, keys, st.just("value"), st.sampled_from(["=", "<"]), st.just(b"x")),
)
op_lists = st.lists(ops, max_size=3).map(tuple)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(Txn, st.lists(compares, max_size=1).map(tuple), op_lists, op_lists),
    st.tuples(keys, st.binary(max_size=4)).map(lambda t: Txn((), (Put(*t),), ())),
    st.builds(LeaseGrant, st.integers(1, 2), st.just(5)),
    st.builds(LeaseKeepAlive, st.integers(1, 2)),
    st.builds(LeaseRevoke, st.integers(1, 2)),
    st.builds(Compact, st.integers(1, 20)),
)
# A few proposal ids repeat on purpose.
commands = st.lists(
    st.tuples(st.integers(1, 40), payloads).map(
        lambda t: encode_command(b"session-" + t[0].to_bytes(8, "big"), t[1])
    ),
    max_size=40,
)


def within(key: bytes, start: bytes, end: bytes | None) -> bool:
    return key == start if end is None else key >= start and (end == b"" or key < end)


class Model:
    """Every state that ever was: one full dict per revision."""

    def __init__(self) -> None:
        self.states: list[dict[bytes, KeyValue]] = [{}]
        self.leases: set[int] = set()
        self.seen: set[bytes] = set()
        self.compacted = 0

    def holds(self, compare: Compare) -> bool:
        kv = self.states[-1].get(compare.key, KeyValue(b"", b"", 0, 0, 0, 0))
        have = {
            "version": kv.version,
            "create": kv.create_revision,
            "mod": kv.mod_revision,
            "value": kv.value,
            "lease": kv.lease,
        }[compare.target]
        return {
            "=": have == compare.operand,
            "!=": have != compare.operand,
            "<": have < compare.operand,  # type: ignore[operator]
            ">": have > compare.operand,  # type: ignore[operator]
        }[compare.operator]

    def written_twice(self, branch: tuple[Op, ...]) -> bool:
        spans: list[tuple[bytes, bytes]] = []
        for op in branch:
            if isinstance(op, Delete) and op.end is not None:
                end = op.end or b"\xff"
                spans += [(op.key, end)] if op.key < end else []
            elif not isinstance(op, Range):
                spans.append((op.key, op.key + b"\0"))
        return any(a[0] < b[1] and b[0] < a[1] for i, a in enumerate(spans) for b in spans[i + 1 :])

    def apply(self, payload: Payload) -> None:
        state = dict(self.states[-1])
        revision = len(self.states)
        if isinstance(payload, Txn):
            success, failure = tuple(payload.success), tuple(payload.failure)
            if self.written_twice(success) or self.written_twice(failure):
                return
            branch = success if all(map(self.holds, payload.compare)) else failure
            if any(isinstance(op, Put) and op.lease not in self.leases | {0} for op in branch):
                return
            for op in branch:
                if isinstance(op, Put):
                    old = state.get(op.key)
                    value = op.value
                    if op.stamp == 0:
                        value = str(revision).encode() + value
                    state[op.key] = KeyValue(
                        op.key,
                        value,
                        old.create_revision if old else revision,
                        revision,
                        old.version + 1 if old else 1,
                        op.lease,
                    )
                elif isinstance(op, Delete):
                    state = {k: v for k, v in state.items() if not within(k, op.key, op.end)}
        elif isinstance(payload, LeaseGrant):
            self.leases.add(payload.id)
        elif isinstance(payload, LeaseRevoke) and payload.id in self.leases:
            self.leases.remove(payload.id)
            state = {k: v for k, v in state.items() if v.lease != payload.id}
        elif isinstance(payload, Compact) and self.compacted < payload.revision < revision:
            self.compacted = payload.revision
        if state != self.states[-1]:
            self.states.append(state)

    def changed(self, revision: int) -> dict[bytes, KeyValue | None]:
        old, new = self.states[revision - 1], self.states[revision]
        return {k: new.get(k) for k in old.keys() | new.keys() if old.get(k) != new.get(k)}


def check_reads(machine: Machine, model: Model, start: bytes, end: bytes | None) -> None:
    newest = len(model.states) - 1
    assert machine.revision == newest
    assert machine.compact_revision == model.compacted
    for revision in range(max(1, model.compacted), newest + 1):
        state = model.states[revision]
        expected = [state[k] for k in sorted(state) if within(k, start, end)]
        whole = machine.range(start, end, revision=revision)
        assert list(whole.kvs) == expected
        assert whole.total == len(expected)
        assert not whole.more
        first = machine.range(start, end, revision=revision, limit=1)
        assert (list(first.kvs), first.total) == (expected[:1], len(expected))
        assert first.more == (len(expected) > 1)
        assert machine.range(start, end, revision=revision, count_only=True).total == len(expected)
    for key in KEYS:
        assert machine.get(key) == model.states[-1].get(key)
    watched = machine.history(start, end, model.compacted + 1)
    expected_history = []
    for revision in range(model.compacted + 1, newest + 1):
        changes = {k: v for k, v in model.changed(revision).items() if within(k, start, end)}
        if changes:
            expected_history.append((revision, changes))
    assert [
        (revision, {e.kv.key: None if e.is_delete else e.kv for e in events})
        for revision, events in watched
    ] == expected_history
    for revision, events in watched:
        for event in events:
            assert event.kv.mod_revision == revision
            assert event.prev == model.states[revision - 1].get(event.kv.key)
    for old in range(1, model.compacted + 1):
        with pytest.raises(Compacted) as refused:
            machine.history(start, end, old)
        assert refused.value.compact_revision == model.compacted


def chunk_bytes(machine: Machine, target: int = 64) -> list[bytes]:
    with machine.freeze() as frozen:
        return list(frozen.chunks(target))


@given(st.lists(st.tuples(st.integers(1, 40), payloads), max_size=40), keys, ends)
@settings(max_examples=200, deadline=None)
def test_reads_at_every_revision_and_history_match_a_dict_of_all_states(
    proposals: list[tuple[int, Payload]], start: bytes, end: bytes | None
) -> None:
    machine, model = Machine(), Model()
    for index, (sequence, payload) in enumerate(proposals, 1):
        proposal_id = b"session-" + sequence.to_bytes(8, "big")
        before = machine.revision
        applied = machine.apply(index, encode_command(proposal_id, payload))
        assert applied.proposal_id == proposal_id
        assert applied.duplicate == (proposal_id in model.seen)
        if not applied.duplicate:
            model.apply(payload)
        model.seen.add(proposal_id)
        assert applied.revision == machine.revision == before + bool(applied.events)
        assert {e.kv.mod_revision for e in applied.events} <= {machine.revision}
        if isinstance(applied.result, TxnResult) and not applied.duplicate:
            assert applied.result.revision == machine.revision
    check_reads(machine, model, start, end)
    assert set(machine.leases) == model.leases
    while machine.reclaim(1):
        pass
    check_reads(machine, model, start, end)
    check_reads(Machine.thaw(chunk_bytes(machine)), model, start, end)


@given(commands, commands, st.booleans())
@settings(max_examples=150, deadline=None)
def test_frozen_state_thaws_equal_and_goes_on_equal_while_the_machine_applied_more(
    before: list[bytes], after: list[bytes], reclaimed: bool
) -> None:
    machine, twin = Machine(), Machine()
    for index, command in enumerate(before, 1):
        machine.apply(index, command)
        twin.apply(index, command)
    at_freeze = chunk_bytes(twin)
    with machine.freeze() as frozen:
        chunks = frozen.chunks(64)
        taken = []
        for index, command in enumerate(after, len(before) + 1):
            taken.append(next(chunks, b""))
            machine.apply(index, command)
            if reclaimed:
                machine.reclaim()
        taken += chunks
        taken = [chunk for chunk in taken if chunk]
    assert frozen.state_hash == twin.state_hash()
    thawed = Machine.thaw(taken)
    assert thawed.state_hash() == twin.state_hash()
    assert b"".join(chunk_bytes(thawed)) == b"".join(at_freeze)
    assert thawed.size_bytes == twin.size_bytes
    for index, command in enumerate(after, len(before) + 1):
        first, second = thawed.apply(index, command), twin.apply(index, command)
        assert (first.events, first.revision, first.duplicate) == (
            second.events,
            second.revision,
            second.duplicate,
        )
        assert repr(first.result) == repr(second.result)
        assert thawed.state_hash() == twin.state_hash()
    assert machine.state_hash() == twin.state_hash() == thawed.state_hash()
    while machine.reclaim():
        pass
    assert b"".join(chunk_bytes(machine, 1 << 20)) == b"".join(chunk_bytes(thawed, 1 << 20))


@given(commands)
@settings(max_examples=50, deadline=None)
def test_the_same_log_gives_the_same_bytes(log: list[bytes]) -> None:
    one, other = Machine(), Machine()
    for index, command in enumerate(log, 1):
        assert repr(one.apply(index, command)) == repr(other.apply(index, command))
    assert chunk_bytes(one) == chunk_bytes(other)
    assert one.state_hash() == other.state_hash()
