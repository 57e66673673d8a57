"""The log in memory and the two-phase group commit, as the Raft core uses them."""

from __future__ import annotations

import random

import pytest
from walkit import entries, open_wal, segments, view

from raftstore.sim.disk import FaultyDisk
from raftstore.wal import Entry


def test_a_new_log_is_empty_and_starts_at_one() -> None:
    wal = open_wal(FaultyDisk())
    assert (wal.first_index, wal.last_index, wal.base) == (1, 0, (0, 0))
    assert (wal.term_state, wal.commit_hint, wal.dirty) == ((0, None), 0, False)
    assert (wal.term(0), wal.term(1)) == (0, None)
    assert wal.take() is None


def test_mutations_are_seen_at_once_and_durable_when_done() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 3, term=2))
    assert (wal.last_index, wal.last_term, wal.durable_index) == (3, 2, 0)
    batch = wal.take()
    assert batch is not None
    wal.append(entries(4, 1, term=2))
    assert wal.take() is None  # one batch in flight at a time
    wal.write(batch)
    assert wal.durable_index == 0  # written, but nobody was told
    wal.done(batch)
    assert (wal.durable_index, wal.synced_seq, wal.seq, wal.dirty) == (3, 1, 2, True)
    wal.sync()
    assert (wal.durable_index, wal.dirty) == (4, False)


def test_a_truncation_during_the_write_limits_what_counts_as_durable() -> None:
    wal = open_wal(FaultyDisk())
    wal.append(entries(1, 10))
    batch = wal.take()
    assert batch is not None
    wal.truncate_from(6)
    wal.append(entries(6, 4, term=2))
    wal.write(batch)
    wal.done(batch)
    assert wal.durable_index == 5  # 6 to 9 on disk are the old ones
    wal.sync()
    assert wal.durable_index == 9


def test_truncating_what_was_durable_takes_it_back() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 10))
    wal.sync()
    wal.truncate_from(4)
    assert (wal.durable_index, wal.last_index) == (3, 3)
    wal.sync()
    disk.crash()
    assert open_wal(disk).last_index == 3


def test_a_reset_during_the_write_starts_over_after_the_snapshot() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 10))
    batch = wal.take()
    assert batch is not None
    wal.reset(500, 7)
    wal.append(entries(501, 2, term=7))
    wal.write(batch)
    wal.done(batch)
    assert wal.durable_index == 500
    wal.sync()
    assert (wal.durable_index, wal.base, wal.first_index) == (502, (500, 7), 501)
    disk.crash()
    again = open_wal(disk)
    assert (again.base, again.first_index, again.last_index) == ((500, 7), 501, 502)
    assert again.term(500) == 7
    assert again.term(499) is None


def test_a_commit_hint_alone_asks_for_no_sync() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 5))
    wal.sync()
    syncs = disk.syncs
    wal.set_commit_hint(5)
    assert not wal.dirty
    wal.sync()
    assert disk.syncs == syncs
    assert wal.commit_hint == 5
    wal.set_hard_state(2, None)
    wal.sync()
    disk.crash()
    assert open_wal(disk).commit_hint == 5


def test_the_same_hard_state_again_asks_for_no_sync() -> None:
    wal = open_wal(FaultyDisk())
    wal.set_hard_state(3, "n2")
    wal.sync()
    wal.set_hard_state(3, "n2")
    assert not wal.dirty
    with pytest.raises(ValueError, match="older"):
        wal.set_hard_state(2, None)


def test_a_batch_is_one_write_and_one_sync() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk, segment_bytes=1 << 20)
    syncs = disk.syncs
    for first in range(1, 100):
        wal.append(entries(first, 1))
    wal.set_hard_state(4, "n1")
    wal.sync()
    assert disk.syncs == syncs + 1


def test_slices_respect_bounds_and_size() -> None:
    wal = open_wal(FaultyDisk())
    wal.append([Entry(i, 1, b"x" * 100) for i in range(1, 11)])
    assert [e.index for e in wal.slice(3, 6, 10_000)] == [3, 4, 5]
    assert [e.index for e in wal.slice(3, 6, 200)] == [3, 4]
    assert [e.index for e in wal.slice(3, 6, 1)] == [3]  # progress, whatever the limit
    assert wal.slice(11, 20, 100) == []
    assert wal.slice(5, 5, 100) == []
    with pytest.raises(IndexError):
        wal.slice(0, 5, 100)


def test_the_margin_is_bounded_in_entries_and_bytes() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk, margin_entries=4)
    wal.append(entries(1, 20))
    wal.trim_to(10, 1)
    assert wal.base == (6, 1)
    wal.trim_to(10, 1)
    assert wal.base == (6, 1)
    wal.sync()
    wal.append([Entry(21, 1, b"x" * (17 << 20))])
    wal.trim_to(21, 1)
    assert wal.base == (21, 1)  # one entry larger than the byte margin
    wal.sync()
    disk.crash()
    again = open_wal(disk)
    assert (again.first_index, again.last_index, again.base) == (22, 21, (21, 1))


def test_calls_that_make_no_sense_are_refused() -> None:
    wal = open_wal(FaultyDisk())
    wal.append(entries(1, 10))
    with pytest.raises(ValueError, match="is next"):
        wal.append(entries(12, 1))
    with pytest.raises(ValueError, match="term"):
        wal.trim_to(5, 9)
    with pytest.raises(ValueError, match="term"):
        wal.trim_to(11, 1)
    wal.reset(20, 2)
    with pytest.raises(ValueError, match="go back"):
        wal.reset(19, 2)
    wal.append(entries(21, 1))
    with pytest.raises(ValueError, match="final"):
        wal.truncate_from(20)
    assert wal.last_index == 21


def test_a_batch_larger_than_a_segment_is_kept() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    for first in (1, 2, 3):
        wal.append([Entry(first, 1, bytes([first]) * 10_000)])
        wal.sync()
    wal.append(entries(4, 1))
    wal.sync()
    expected = view(wal)
    disk.crash(random.Random(5))
    assert view(open_wal(disk)) == expected


def test_the_hard_state_outlives_the_segments_it_was_written_in() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk, margin_entries=0)
    wal.set_hard_state(9, "n3")
    wal.sync()
    first_segment = segments(disk)[0]
    for first in range(1, 200, 10):
        wal.append(entries(first, 10))
        wal.sync()
    wal.trim_to(190, 1)
    wal.sync()
    assert first_segment not in segments(disk)
    disk.crash()
    assert open_wal(disk).term_state == (9, "n3")
