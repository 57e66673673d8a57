"""A snapshot is either whole and verified or it is not there."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from raftstore.disk import Disk, RealDisk, read_all
from raftstore.errors import CorruptLog, NewerFormat, StorageError, TransportError
from raftstore.sim.disk import FaultyDisk
from raftstore.snapshot import SnapshotMeta, SnapshotStore, save_to_file, verify_file
from raftstore.snapshot import format as fmt
from raftstore.types import Member
from raftstore.wal.format import encode_header

DIRECTORY = "/node/snapshot"
CHUNKS = [bytes([i]) * (i * 37 + 1) for i in range(1, 30)]


def meta(index: int = 100, term: int = 3, cluster_id: str = "c1") -> SnapshotMeta:
    members = (Member("n1", "127.0.0.1:1", meta=(("url", "https://h:1"),)), Member("n2", "h:2"))
    return SnapshotMeta(cluster_id, index, term, members, index * 2, b"\x01" * 32)


def store_with(disk: Disk, *indexes: int, directory: str = DIRECTORY) -> SnapshotStore:
    store = SnapshotStore(disk, directory, cluster_id="c1")
    for index in indexes:
        writer = store.begin(meta(index))
        for chunk in CHUNKS:
            writer.write(chunk)
        writer.commit()
    return store


def test_what_was_written_is_read_back_after_a_restart() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    written = store.latest()
    assert written is not None
    assert written == meta()._replace(size=written.size)
    disk.crash()
    again = SnapshotStore(disk, DIRECTORY, cluster_id="c1")
    assert again.latest() == written
    assert list(again.read(written)) == CHUNKS


def test_an_empty_directory_has_no_snapshot() -> None:
    assert SnapshotStore(FaultyDisk(), DIRECTORY).latest() is None


def test_a_crash_at_every_step_leaves_the_old_snapshot_or_the_new_one() -> None:
    steps = 0
    committed = False
    while not committed:
        for seed in range(8):
            disk = FaultyDisk(seed)
            store = store_with(disk, 100)
            disk.halt_after(steps)
            with suppress(StorageError):
                store_with_more(store)
                committed = True
            disk.crash() if seed % 2 else disk.restart()
            again = SnapshotStore(disk, DIRECTORY, cluster_id="c1")
            latest = again.latest()
            assert latest is not None
            assert latest.index in ((200,) if committed else (100, 200))
            assert list(again.read(latest)) == CHUNKS
            assert not [n for n in disk.listdir(DIRECTORY) if n.endswith(".tmp")]
            disk.crash()  # what was found is durable by now
            assert SnapshotStore(disk, DIRECTORY).latest() == latest
        steps += 1


def store_with_more(store: SnapshotStore) -> None:
    writer = store.begin(meta(200))
    for number, chunk in enumerate(CHUNKS):
        writer.write(chunk)
        if number % 10 == 0:
            writer.sync()
    writer.commit()


def test_aborted_snapshots_leave_nothing() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    writer = store.begin(meta(200))
    writer.write(b"x")
    writer.abort()
    writer.abort()
    latest = store.latest()
    assert latest is not None
    assert latest.index == 100
    assert len(disk.listdir(DIRECTORY)) == 1


def test_a_byte_flipped_anywhere_is_noticed() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    written = store.latest()
    assert written is not None
    path = store.path(written)
    for offset in range(0, written.size, 1 if written.size < 4000 else 7):
        disk.damage(path, offset, 0x10)
        with pytest.raises((CorruptLog, NewerFormat)):
            verify_file(disk, path)
        disk.damage(path, offset, 0x10)
    assert verify_file(disk, path) == written


def test_a_file_cut_or_extended_anywhere_is_noticed(tmp_path: Path) -> None:
    disk = RealDisk()
    store = store_with(disk, 100, directory=str(tmp_path / "s"))
    written = store.latest()
    assert written is not None
    whole = read_all(disk, store.path(written))
    victim = tmp_path / "victim"
    for data in (*(whole[:cut] for cut in range(0, len(whole), 61)), whole[:-1], whole + b"\0"):
        victim.write_bytes(data)
        with pytest.raises(CorruptLog):
            verify_file(disk, str(victim))


def test_a_damaged_snapshot_stops_the_start_with_advice() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    latest = store.latest()
    assert latest is not None
    disk.damage(store.path(latest), latest.size - 3)
    with pytest.raises(CorruptLog, match="move its data directory away"):
        SnapshotStore(disk, DIRECTORY)


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.snap"
    path.write_bytes(encode_header(fmt.MAGIC, fmt.VERSION + 1, ("whatever",)) + bytes(100))
    with pytest.raises(NewerFormat, match="format version 2"):
        verify_file(RealDisk(), str(path))


def test_pruning_keeps_the_newest_and_open_transfers_go_on() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100, 200, 300)
    first = store.all()[0]
    transfer = store.open_transfer(first)
    store.prune(keep=2)
    assert [m.index for m in store.all()] == [200, 300]
    assert len(disk.listdir(DIRECTORY)) == 2
    assert len(transfer.read_at(0, 1 << 20)) == first.size
    store.prune(keep=0)
    latest = store.latest()
    assert latest is not None
    assert latest.index == 300


def send(source: SnapshotStore, target: SnapshotStore, rng: random.Random) -> SnapshotMeta:
    """A transfer over a network that repeats, reorders and damages pieces."""
    what = source.latest()
    assert what is not None
    reader, receiver = source.open_transfer(what), target.receive(what)
    while not receiver.complete:
        offset = max(0, receiver.offset + rng.choice((0, 0, 0, -100, 100)))
        data = reader.read_at(offset, 256)
        crc = zlib.crc32(data)
        if rng.random() < 0.2:
            data = b"?" + data[1:]
        before = receiver.offset
        after = receiver.write_at(offset, data, crc)
        assert after in (before, offset + len(data))
    return receiver.finish()


@pytest.mark.parametrize("seed", range(10))
def test_a_transfer_over_a_bad_network_arrives_whole(seed: int) -> None:
    source = store_with(FaultyDisk(), 100)
    disk = FaultyDisk()
    target = store_with(disk, 50)
    got = send(source, target, random.Random(seed))
    assert got == source.latest() == target.latest()
    disk.crash(random.Random(seed))
    again = SnapshotStore(disk, DIRECTORY, cluster_id="c1")
    assert again.latest() == got
    assert list(again.read(got)) == CHUNKS


def test_a_transfer_that_does_not_verify_replaces_nothing() -> None:
    source = store_with(FaultyDisk(), 100)
    what = source.latest()
    assert what is not None
    whole = source.open_transfer(what).read_at(0, what.size)
    disk = FaultyDisk()
    target = store_with(disk, 50)
    for bad in (whole[:200] + b"!" + whole[201:], bytes(len(whole))):
        receiver = target.receive(what)
        receiver.write_at(0, bad, zlib.crc32(bad))
        with pytest.raises(TransportError, match="does not verify"):
            receiver.finish()
        receiver.abort()
    for announced in (what._replace(revision=1), what._replace(term=99)):
        receiver = target.receive(announced)
        receiver.write_at(0, whole, zlib.crc32(whole))
        with pytest.raises(TransportError, match="announced"):
            receiver.finish()
    short = target.receive(what)
    short.write_at(0, whole[:100], zlib.crc32(whole[:100]))
    with pytest.raises(TransportError, match="got 100 of"):
        short.finish()
    with pytest.raises(TransportError, match="longer than"):
        target.receive(what._replace(size=50)).write_at(0, whole, zlib.crc32(whole))
    latest = target.latest()
    assert latest is not None
    assert latest.index == 50
    assert [m.index for m in SnapshotStore(disk, DIRECTORY).all()] == [50]


def test_another_clusters_snapshot_is_refused() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    with pytest.raises(StorageError, match="of cluster c9"):
        store.receive(meta(cluster_id="c9"))
    with pytest.raises(StorageError, match="belongs to cluster c1"):
        SnapshotStore(disk, DIRECTORY, cluster_id="c9")


def test_a_full_disk_leaves_the_old_snapshot() -> None:
    disk = FaultyDisk()
    store = store_with(disk, 100)
    disk.capacity = 20_000
    writer = store.begin(meta(200))
    writer.write(b"x" * 1000)
    with pytest.raises(StorageError, match="disk is full"):
        writer.write(b"x" * 20_000)
    writer.abort()
    disk.crash()
    again = SnapshotStore(disk, DIRECTORY)
    assert [m.index for m in again.all()] == [100]


def test_a_saved_file_replaces_an_older_one_only_when_it_is_complete(tmp_path: Path) -> None:
    disk = RealDisk()
    path = str(tmp_path / "backup.snap")
    first = save_to_file(disk, path, meta(1), CHUNKS)

    def interrupted() -> Iterator[bytes]:
        yield CHUNKS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_to_file(disk, path, meta(2), interrupted())
    assert verify_file(disk, path) == first
    assert [p.name for p in tmp_path.iterdir()] == ["backup.snap"]
    assert save_to_file(disk, path, meta(3), []).index == 3
    assert verify_file(disk, path).index == 3
