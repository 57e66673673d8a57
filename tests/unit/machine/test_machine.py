"""What a user of the machine would notice, one promise per test."""

from __future__ import annotations

import msgpack
import pytest

from raftstore.errors import (
    Closed,
    Compacted,
    CorruptLog,
    FutureRevision,
    InvalidRequest,
    NewerFormat,
    NoSpace,
    Unknown,
)
from raftstore.machine import (
    Applied,
    ClearAlarm,
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Limits,
    Machine,
    MachineConfig,
    Noop,
    NoopResult,
    Payload,
    SetAlarm,
    SetQuota,
    Txn,
    encode_command,
)
from raftstore.types import Compare, Delete, Put, PutResult, Range, RangeResult, TxnResult


def proposal(sequence: int, session: bytes = b"session-") -> bytes:
    return session + sequence.to_bytes(8, "big")


def apply(machine: Machine, payload: Payload, proposal_id: bytes = b"") -> Applied:
    return machine.apply(machine.applied_index + 1, encode_command(proposal_id, payload))


def put(machine: Machine, key: bytes, value: bytes = b"v", lease: int = 0) -> Applied:
    return apply(machine, Txn((), (Put(key, value, lease),)))


def thawed(machine: Machine) -> Machine:
    with machine.freeze() as frozen:
        return Machine.thaw(frozen.chunks(100), machine.config)


# Transactions


def test_writes_of_a_transaction_share_a_revision_and_its_reads_see_them() -> None:
    machine = Machine()
    applied = apply(machine, Txn((), (Put(b"a", b"1"), Put(b"b", b"2"), Range(b"a", b""))))
    assert isinstance(applied.result, TxnResult)
    seen = applied.result.results[2]
    assert isinstance(seen, RangeResult)
    assert [(kv.key, kv.mod_revision) for kv in seen.kvs] == [(b"a", 1), (b"b", 1)]
    assert (seen.revision, applied.revision, len(applied.events)) == (1, 1, 2)


def test_a_transaction_that_writes_nothing_leaves_the_revision() -> None:
    machine = Machine()
    applied = apply(machine, Txn((Compare(b"a", "version", ">", 0),), (Put(b"a", b"1"),)))
    assert isinstance(applied.result, TxnResult)
    assert (applied.result.succeeded, applied.revision, applied.events) == (False, 0, ())
    assert apply(machine, Txn((), (Delete(b"a"),))).revision == 0


def test_a_stamp_inserts_the_revision_of_the_write() -> None:
    machine = Machine()
    put(machine, b"other")
    applied = apply(machine, Txn((), (Put(b"a", b'{"rv":""}', 0, 7),)))
    assert isinstance(applied.result, TxnResult)
    result = applied.result.results[0]
    assert isinstance(result, PutResult)
    assert result.kv.value == b'{"rv":"2"}'
    assert machine.get(b"a") == result.kv == applied.events[0].kv


def test_an_entry_is_applied_once() -> None:
    machine = Machine()
    put(machine, b"a")
    with pytest.raises(ValueError, match="applied before"):
        machine.apply(1, encode_command(b"", Noop()))


# Repeated proposals


def test_a_repeated_proposal_gets_the_first_result_even_after_a_snapshot() -> None:
    machine = Machine()
    payload = Txn((Compare(b"a", "version", "=", 0),), (Put(b"a", b"1"),), (Range(b"a"),))
    first = apply(machine, payload, proposal(1))
    put(machine, b"a", b"2")
    for copy in (machine, thawed(machine)):
        assert copy.recall(proposal(1)) == first.result
        again = apply(copy, payload, proposal(1))
        assert again == Applied(proposal(1), first.result, (), 2, duplicate=True)
    assert machine.recall(proposal(2)) is None


def test_a_repeated_proposal_that_was_refused_is_refused_again() -> None:
    machine = Machine()
    grant = LeaseGrant(1, 10)
    for payload, kind in ((LeaseKeepAlive(1), InvalidRequest), (Compact(5), FutureRevision)):
        session = payload.__class__.__name__[:8].ljust(8).encode()
        assert isinstance(apply(machine, payload, proposal(1, session)).result, kind)
        again = apply(thawed(machine), grant, proposal(1, session))
        assert again.duplicate
        assert isinstance(again.result, kind)


def test_proposals_may_arrive_in_any_order() -> None:
    machine = Machine()
    for sequence in (5, 3, 9, 4, 6, 1, 2):
        assert not apply(machine, Noop(), proposal(sequence)).duplicate
    for sequence in range(1, 7):
        assert apply(machine, Noop(), proposal(sequence)).duplicate
    assert not apply(machine, Noop(), proposal(7)).duplicate


def test_beyond_the_bounds_a_repeat_is_unknown_but_never_applied_twice() -> None:
    machine = Machine(MachineConfig(limits=Limits(sessions=2, spans=2, outcomes=2)))
    for sequence in (1, 3, 5, 7):
        assert apply(machine, Noop(), proposal(sequence)).result == NoopResult(0)
    repeated = apply(machine, Txn((), (Put(b"a", b"1"),)), proposal(1))
    assert isinstance(repeated.result, Unknown)
    assert machine.revision == 0
    # The oldest gaps closed: what never came is not applied either.
    assert isinstance(apply(machine, Noop(), proposal(2)).result, Unknown)
    assert apply(machine, Noop(), proposal(6)).result == NoopResult(0)
    # The session that was used least recently makes room.
    apply(machine, Noop(), proposal(1, b"second--"))
    apply(machine, Noop(), proposal(7))
    apply(machine, Noop(), proposal(1, b"third---"))
    assert machine.recall(proposal(7)) is not None
    assert len(machine.sessions.records()) == 2


# Leases


def test_revoking_a_lease_deletes_its_keys_in_one_revision() -> None:
    machine = Machine()
    apply(machine, LeaseGrant(7, 30))
    for key in (b"b", b"a", b"c"):
        put(machine, key, lease=7)
    put(machine, b"c")  # no longer attached
    machine = thawed(machine)
    assert machine.leases[7].ttl == 30
    renewed = apply(machine, LeaseKeepAlive(7))
    assert machine.leases[7].renewed_index == machine.applied_index
    assert not renewed.events
    applied = apply(machine, LeaseRevoke(7))
    assert [(e.kv.key, e.is_delete) for e in applied.events] == [(b"a", True), (b"b", True)]
    assert applied.revision == 5
    assert not machine.leases
    assert machine.get(b"c") is not None


def test_a_put_under_an_unknown_lease_is_refused_and_nothing_is_written() -> None:
    machine = Machine()
    applied = apply(machine, Txn((), (Put(b"a", b"1"), Put(b"b", b"2", 9))))
    assert isinstance(applied.result, InvalidRequest)
    assert machine.range(b"", b"").total == 0


# Space


def test_at_the_quota_only_what_needs_no_space_goes_on_until_compaction_frees_some() -> None:
    machine = Machine(MachineConfig(quota_bytes=4000))
    while not isinstance((applied := put(machine, b"a", b"x" * 500)).result, NoSpace):
        pass
    assert (machine.alarm, applied.events) == ("quota", ())
    assert machine.size_bytes <= 4000
    assert isinstance(put(machine, b"b", b"").result, NoSpace)
    assert isinstance(apply(machine, LeaseGrant(1, 1)).result, NoSpace)
    assert apply(machine, Txn((), (Delete(b"a"),))).events
    assert machine.range(b"a", revision=1).total == 1
    machine = thawed(machine)
    assert machine.alarm == "quota"
    apply(machine, Compact(machine.revision))
    assert (machine.alarm, machine.size_bytes) == ("", 0)
    assert put(machine, b"b").events


def test_alarm_by_command_ends_by_command() -> None:
    machine = Machine()
    put(machine, b"a")
    apply(machine, SetAlarm())
    assert isinstance(put(machine, b"a").result, NoSpace)
    apply(machine, Compact(1))
    assert isinstance(put(machine, b"a").result, NoSpace)
    apply(machine, ClearAlarm())
    assert put(machine, b"a").events


def test_the_quota_is_part_of_the_replicated_state() -> None:
    machine = Machine()
    apply(machine, SetQuota(100))
    assert isinstance(put(machine, b"a").result, NoSpace)
    machine = Machine.thaw(list(machine.freeze().chunks()), MachineConfig(quota_bytes=0))
    assert (machine.quota_bytes, machine.alarm) == (100, "quota")
    apply(machine, SetQuota(0))
    assert put(machine, b"a").events


# Old revisions


def test_revisions_that_are_gone_or_to_come_are_named() -> None:
    machine = Machine()
    for _ in range(3):
        put(machine, b"a")
    with pytest.raises(FutureRevision):
        machine.range(b"a", revision=4)
    apply(machine, Compact(2))
    assert machine.range(b"a", revision=2).kvs[0].version == 2
    with pytest.raises(Compacted):
        machine.range(b"a", revision=1)
    with pytest.raises(Compacted):
        machine.history(b"a", None, 2)
    assert [revision for revision, _ in machine.history(b"a", None, 3)] == [3]
    assert machine.history(b"a", None, 4) == []
    assert isinstance(apply(machine, Compact(2)).result, Compacted)
    assert isinstance(apply(machine, Compact(9)).result, FutureRevision)


def test_history_stops_only_between_revisions() -> None:
    machine = Machine()
    for _ in range(3):
        apply(machine, Txn((), (Put(b"a", b"1"), Put(b"b", b"2"))))
    part = machine.history(b"", b"", 1, 3)
    assert [(revision, len(events)) for revision, events in part] == [(1, 2), (2, 2)]


# Hashes


def test_hashes_tell_states_apart_and_agree_at_common_points() -> None:
    one, other = Machine(), Machine()
    for i in range(600):
        put(one, b"k%d" % (i % 7), b"%d" % i)
        put(other, b"k%d" % (i % 7), b"%d" % (i if i < 500 else -i))
    assert one.keyspace_hash(500) == other.keyspace_hash(500)
    assert one.keyspace_hash(501) != other.keyspace_hash(501)
    assert one.state_hash() != other.state_hash()
    assert [c.applied_index for c in one.checkpoints] == [255, 511]
    first, second = zip(one.checkpoints, other.checkpoints, strict=True)
    assert first[0] == first[1]
    assert second[0] != second[1]


def test_memory_of_compacted_revisions_is_freed_after_the_last_frozen_state_is_closed() -> None:
    machine = Machine()
    for i in range(10_000):
        put(machine, b"k%d" % (i % 100))
    frozen = machine.freeze()
    before = b"".join(frozen.chunks())
    apply(machine, Compact(9_950))
    assert not machine.reclaim(100_000)
    assert machine.records.floor == 0
    assert b"".join(frozen.chunks()) == before
    frozen.close()
    with pytest.raises(Closed):
        list(frozen.chunks(1))
    hashed = machine.state_hash()
    assert machine.reclaim(5_000)
    assert not machine.reclaim(5_000)
    assert machine.records.floor == 9_950
    assert machine.state_hash() == hashed == thawed(machine).state_hash()


# Damage


def test_a_state_that_is_not_whole_is_never_handed_out() -> None:
    machine = Machine()
    for i in range(20):
        put(machine, b"k%d" % i, b"value", 0)
    apply(machine, Compact(10))
    with machine.freeze() as frozen:
        chunks = list(frozen.chunks(200))
    assert Machine.thaw(chunks).state_hash() == machine.state_hash()
    for i in range(len(chunks)):
        with pytest.raises(CorruptLog):
            Machine.thaw(chunks[:i] + chunks[i + 1 :])
    flipped = [chunk.replace(b"k3", b"kx") for chunk in chunks]
    with pytest.raises(CorruptLog):
        Machine.thaw(flipped)


def test_a_state_in_a_later_format_is_refused() -> None:
    with pytest.raises(NewerFormat):
        Machine.thaw([msgpack.packb([0, [[2, "new", "fields"]]])])


# Snapshots with these bytes exist: a change here is a change of the format.
GOLDEN_STATE = [
    "9200919701040201a0ce80000000c410578f0df32076c2dd30198a769d01db27",
    "92019193013c01",
    "92029194c40873657373696f6e2d0191019101",
    "920391c41892c41073657373696f6e2d00000000000000019402013c00",
    "92049196c40161c4013101010101",
    "9205919196c40161c4013201020200",
    "92069196000101010101",
]


def test_state_format_1_is_what_it_was() -> None:
    machine = Machine()
    apply(machine, LeaseGrant(1, 60), proposal(1))
    put(machine, b"a", b"1", 1)
    put(machine, b"a", b"2", 0)
    apply(machine, Compact(1))
    with machine.freeze() as frozen:
        chunks = [chunk.hex() for chunk in frozen.chunks()]
    assert chunks == GOLDEN_STATE
    assert Machine.thaw([bytes.fromhex(chunk) for chunk in GOLDEN_STATE]).get(b"a") is not None
