"""Whatever was `done` before a crash is there afterwards, however the crash treats the rest."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from walkit import View, entries, log_of_three_segments, open_wal, segments, view

from raftstore.errors import StorageError
from raftstore.sim.disk import FaultyDisk
from raftstore.wal import Wal


def mutate(wal: Wal, rng: random.Random) -> None:
    """One random change, such as a follower or a leader would make."""
    choice = rng.random()
    term, _ = wal.term_state
    base = wal.base[0]
    if choice < 0.55:
        wal.append(entries(wal.last_index + 1, rng.randint(1, 4), term, rng.choice((5, 90, 600))))
    elif choice < 0.65:
        wal.set_hard_state(term + rng.randint(0, 1), rng.choice(("n1", "n2", None)))
    elif choice < 0.75 and wal.last_index > base:
        wal.truncate_from(rng.randint(base + 1, wal.last_index))
    elif choice < 0.9:
        wal.set_commit_hint(rng.randint(wal.commit_hint, wal.last_index))
    elif choice < 0.97 and wal.commit_hint > base:
        index = rng.randint(base + 1, wal.commit_hint)
        covered = wal.term(index)
        assert covered is not None
        wal.trim_to(index, covered)
    elif choice > 0.985:
        wal.reset(wal.last_index + rng.randint(1, 9), term)


def run_until_halt(wal: Wal, rng: random.Random, expected: list[View], batches: int) -> None:
    """Batches of random changes; `expected` is what the log may read as after a crash."""
    for _ in range(batches):
        for _ in range(rng.randint(1, 5)):
            mutate(wal, rng)
        batch = wal.take()
        if batch is None:
            continue
        expected.append(view(wal))
        if rng.random() < 0.3:
            mutate(wal, rng)  # goes to the next batch and may touch what is in flight
        wal.write(batch)
        wal.done(batch)
        del expected[:-1]


@pytest.mark.parametrize("block", range(20))
def test_done_batches_survive_every_crash(block: int) -> None:
    for seed in range(block * 25, block * 25 + 25):
        rng = random.Random(seed)
        disk = FaultyDisk(seed)
        wal = open_wal(disk)
        expected = [view(wal)]
        for _ in range(8):
            disk.halt_after(rng.randint(1, 60))
            if rng.random() < 0.2:
                disk.fail_syncs()
            with suppress(StorageError):
                run_until_halt(wal, rng, expected, 30)
            wal = _reopen(disk, rng)
            found = view(wal)
            assert found in expected, f"seed {seed}"
            expected[:] = [found]
            if rng.random() < 0.5:  # what was read back is durable now
                disk.crash()
                wal = open_wal(disk)
                assert view(wal) == found, f"seed {seed}"


def _reopen(disk: FaultyDisk, rng: random.Random) -> Wal:
    """Start again, dying a few times on the way."""
    while True:
        if rng.random() < 0.7:
            disk.crash()
        else:
            disk.restart()
        if rng.random() < 0.4:
            disk.halt_after(rng.randint(0, 12))
        try:
            wal = open_wal(disk)
        except StorageError:
            assert disk.halted
            continue
        disk.halt_after(1 << 60)
        return wal


def test_a_crash_at_every_step_of_rolling_over_and_trimming_loses_nothing() -> None:
    def work(wal: Wal) -> None:
        wal.append(entries(91, 12, size=300))
        wal.sync()
        wal.trim_to(88, 1)
        wal.sync()
        wal.append(entries(103, 12, size=300))
        wal.sync()

    steps = 0
    finished = False
    while not finished:
        for end in ("crash", "restart"):
            disk = log_of_three_segments()
            wal = open_wal(disk)
            disk.halt_after(steps)
            done = -1
            try:
                work(wal)
                finished = True
            except StorageError:
                done = wal.durable_index
            if end == "crash":
                disk.crash(random.Random(steps))
            else:
                disk.restart()
            wal = open_wal(disk)
            assert wal.last_index >= done
            assert wal.last_index in (90, 102, 114)
            assert wal.entry(wal.last_index).command[:6] == b"%06d" % wal.last_index
            assert wal.term_state == (1, "n1")
        steps += 1
    assert steps > 15


def test_an_unsynced_batch_that_was_read_back_is_synced_before_it_counts() -> None:
    """kill -9 after the write, then power loss after the restart."""
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 5))
    disk.fail_syncs()
    with pytest.raises(StorageError):
        wal.sync()
    assert wal.durable_index == 0
    disk.restart()
    wal = open_wal(disk)
    survived = wal.durable_index
    assert survived in (0, 5)
    for seed in range(20):
        disk.crash(random.Random(seed))
        assert open_wal(disk).last_index == survived


def test_a_failed_sync_is_never_retried() -> None:
    disk = FaultyDisk()
    wal = open_wal(disk)
    wal.append(entries(1, 1))
    batch = wal.take()
    assert batch is not None
    disk.fail_syncs(1)
    with pytest.raises(StorageError, match="cannot sync"):
        wal.write(batch)
    with pytest.raises(StorageError, match="failed before"):
        wal.write(batch)
    assert wal.dirty
    assert wal.durable_index == 0


def test_a_full_disk_stops_the_node_and_loses_nothing() -> None:
    disk = FaultyDisk(capacity=10 * 4096)
    wal = open_wal(disk)
    with pytest.raises(StorageError, match=r"disk is full.*free some space"):
        _fill(wal)
    done = wal.durable_index
    assert done > 100
    wal.close()
    for end in (disk.restart, disk.crash):
        end()
        with pytest.raises(StorageError, match="disk is full"):
            open_wal(disk)  # still full: it says so at the start, not later
    disk.restart()
    disk.capacity = None
    wal = open_wal(disk)
    assert wal.last_index == done
    wal.append(entries(done + 1, 100))
    wal.sync()
    disk.crash()
    assert open_wal(disk).last_index == done + 100


def test_segments_are_removed_once_a_snapshot_covers_them() -> None:
    disk = log_of_three_segments()
    wal = open_wal(disk)
    before = segments(disk)
    wal.trim_to(85, 1)
    assert segments(disk) == before  # not before the trim itself is on disk
    wal.sync()
    assert segments(disk) == before[-1:]
    assert wal.base == (82, 1)  # the margin of three entries stays
    disk.crash()
    wal = open_wal(disk)
    assert (wal.first_index, wal.last_index, wal.term_state) == (83, 90, (1, "n1"))


def _fill(wal: Wal) -> None:
    for first in range(1, 10000, 5):
        wal.append(entries(first, 5))
        wal.sync()
