"""Snapshots between nodes, and from one cluster into the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from raftstore_cluster import LIMIT, PATIENT, Cluster, cluster, free_address, until

from raftstore.disk import RealDisk
from raftstore.errors import Compacted, StorageError
from raftstore.snapshot import restore_directory, verify_file
from raftstore.store import Store
from raftstore.types import Event, Member, Put

SMALL = replace(PATIENT, snapshot_entries=50)


async def write(store: Store, count: int, name: bytes = b"k") -> None:
    for n in range(count):
        await store.txn((), [_put(name, n)], timeout=LIMIT)


def _put(name: bytes, n: int) -> Put:
    return Put(b"/%s/%d" % (name, n % 20), b"%d" % n)


async def away_until_trimmed(nodes: Cluster, node_id: str) -> None:
    """Kill a node and write until the others no longer have the log that it would need."""
    await nodes.kill(node_id)
    leader = await nodes.leader()
    missed = leader.status().last_index

    async def trimmed() -> bool:
        await write(await nodes.leader(), 60, b"while-away")
        return all(s._node.wal.base[0] > missed for s in nodes.stores.values())

    await until(trimmed)


async def test_a_node_that_was_away_too_long_gets_a_snapshot(tmp_path: Path) -> None:
    async with cluster(tmp_path, raft=SMALL) as nodes:
        absent = (await nodes.follower()).node_id
        await write(await nodes.leader(), 10)
        for store in nodes.stores.values():
            store._node.wal._margin_entries = 0
        await away_until_trimmed(nodes, absent)
        await nodes.start(absent)
        back = nodes.stores[absent]
        revision = (await nodes.leader()).revision
        await back.wait_revision(revision, timeout=LIMIT)
        await nodes.same_state()
        await back.put(b"/by-the-returned", b"")


async def test_observers_hear_of_an_installed_snapshot_and_watchers_miss_nothing(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, raft=SMALL) as nodes:
        cut = await nodes.follower()
        await write(await nodes.leader(), 10)
        await nodes.same_state()
        for store in nodes.stores.values():
            store._node.wal._margin_entries = 0
        resets: list[int] = []
        seen: list[tuple[int, tuple[Event, ...]]] = []
        cut.observe(lambda revision, events: seen.append((revision, events)))
        cut.observe_reset(lambda: resets.append(cut.revision))
        start = cut.revision
        async with cut.watch(b"/", b"0") as watcher:
            missed = (await nodes.leader()).status().last_index
            rest = set(nodes.configs) - {cut.node_id}
            nodes.partition(rest)
            leader = await nodes.leader(tuple(rest))

            async def trimmed() -> bool:
                await write(leader, 60)
                return leader._node.wal.base[0] > missed

            await until(trimmed)
            nodes.partition()
            await cut.wait_revision(leader.revision, timeout=LIMIT)
            assert resets
            last = (await cut.put(b"/last", b"")).revision
            got = []
            with trio.fail_after(LIMIT):
                async for revision, _ in watcher:
                    got.append(revision)
                    if revision == last:
                        break
            # The snapshot carries history, so the watcher has every revision, once.
            assert got == list(range(start + 1, last + 1))
            # The observer was told to read again, and then saw only what came after.
            assert [revision for revision, _ in seen] == sorted({r for r, _ in seen})
            assert seen[0][0] > resets[-1] or seen[0][0] <= start + 1


async def test_a_watcher_is_told_if_the_installed_snapshot_lacks_its_history(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path, raft=SMALL) as nodes:
        cut = await nodes.follower()
        await write(await nodes.leader(), 10)
        await nodes.same_state()
        for store in nodes.stores.values():
            store._node.wal._margin_entries = 0
        async with cut.watch(b"/", b"0") as watcher:
            missed = cut.status().last_index
            rest = set(nodes.configs) - {cut.node_id}
            nodes.partition(rest)
            leader = await nodes.leader(tuple(rest))

            await write(leader, 10)
            await leader.compact(leader.revision)
            compacted = leader.status().last_index

            async def trimmed() -> bool:
                await write(leader, 60)
                return leader._node.wal.base[0] > max(missed, compacted)

            await until(trimmed)
            nodes.partition()
            with trio.fail_after(LIMIT), pytest.raises(Compacted):
                async for _ in watcher:
                    pass


async def test_a_saved_snapshot_becomes_a_new_cluster(tmp_path: Path) -> None:
    saved = str(tmp_path / "saved.snap")
    disk = RealDisk()
    async with cluster(tmp_path / "old") as nodes:
        store = await nodes.follower()
        await write(store, 40)
        await store.snapshot_save(saved)
        revision = store.revision
        await store.put(b"/after", b"")
        expected = {kv.key: kv for kv in store.range_local(b"/", b"0", revision=revision).kvs}
    meta = verify_file(disk, saved)
    assert (meta.cluster_id, meta.revision) == ("c1", revision)

    members = [Member(f"n{i}", free_address()) for i in (1, 2, 3)]
    async with trio.open_nursery() as nursery:
        from raftstore_pki import Authority

        nodes = Cluster(nursery, tmp_path / "new", Authority(tmp_path / "pki"), {})
        for member in members:
            config = nodes.configure(member.node_id, members, cluster_id="c2")
            restore_directory(
                disk,
                saved,
                str(config.data_dir),
                cluster_id="c2",
                node_id=member.node_id,
                members=members,
            )
        await nodes.start("n1", "n2", "n3")
        leader = await nodes.leader()
        found = {kv.key: kv for kv in (await leader.range(b"/", b"0")).kvs}
        assert found == expected
        assert (await leader.put(b"/new", b"")).revision == revision + 1
        await nodes.same_state()
        nursery.cancel_scope.cancel()


async def test_a_damaged_snapshot_file_is_found(tmp_path: Path) -> None:
    saved = tmp_path / "saved.snap"
    async with cluster(tmp_path / "old", size=1) as nodes:
        store = await nodes.leader()
        await write(store, 40)
        await store.snapshot_save(str(saved))
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(data)
    with pytest.raises(StorageError):
        verify_file(RealDisk(), str(saved))
