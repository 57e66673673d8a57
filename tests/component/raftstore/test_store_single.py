"""One node without any peer: transactions, reads, watches, leases, restart, fail-stop."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from raftstore_cluster import until

from raftstore.config import StoreConfig
from raftstore.errors import (
    Closed,
    Compacted,
    FutureRevision,
    InvalidRequest,
    NoSpace,
    Overloaded,
    RequestTooLarge,
    StorageError,
)
from raftstore.raft.config import RaftConfig
from raftstore.store import Store, open_store
from raftstore.types import Compare, Event, Member, Put, PutResult, Range, RangeResult

ALONE = RaftConfig(heartbeat=0.01, election_min=0.04, election_max=0.06, leader_fallback=0.06)


@asynccontextmanager
async def single(directory: Path, **options: Any) -> AsyncIterator[Store]:
    config = StoreConfig(
        node_id="n1",
        cluster_id="c1",
        data_dir=directory / "data",
        members=(Member("n1", ""),),
        **{"raft": ALONE, **options},
    )
    with trio.fail_after(30):
        async with open_store(config) as store:
            await store.wait_leader()
            yield store


async def test_a_transaction_does_one_branch_as_one_step(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        absent = [Compare(b"/a", "create", "=", 0)]
        first = await store.txn(absent, [Put(b"/a", b"1"), Put(b"/b", b"2")])
        assert first.succeeded
        assert {kv.mod_revision for kv in (store.get(b"/a"), store.get(b"/b")) if kv} == {
            first.revision
        }
        second = await store.txn(absent, [Put(b"/a", b"x")], [Range(b"/", b"0")])
        assert not second.succeeded
        assert second.revision == first.revision
        found = second.results[0]
        assert isinstance(found, RangeResult)
        assert [kv.key for kv in found.kvs] == [b"/a", b"/b"]


async def test_a_stamp_writes_the_revision_into_the_value(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        result = (await store.txn((), [Put(b"/a", b'{"rv":""}', stamp=7)])).results[0]
        assert isinstance(result, PutResult)
        assert result.kv.value == b'{"rv":"%d"}' % result.kv.mod_revision


async def test_a_range_reads_the_past_until_it_is_compacted(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        old = (await store.put(b"/a", b"1")).revision
        await store.put(b"/a", b"2")
        assert [kv.value for kv in (await store.range(b"/a", revision=old)).kvs] == [b"1"]
        await store.compact(store.revision)
        with pytest.raises(Compacted):
            store.range_local(b"/a", revision=old)
        with pytest.raises(FutureRevision):
            store.range_local(b"/a", revision=store.revision + 1)


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        for n in range(50):
            await store.put(b"/k%d" % n, b"%d" % n)
        before = store.status()
    async with single(tmp_path) as store:
        assert (await store.range(b"/", b"0")).total == 50
        assert store.revision == before.revision
        await store.put(b"/more", b"")
        assert store.revision == before.revision + 1


async def test_a_restart_after_snapshots_finds_everything(tmp_path: Path) -> None:
    raft = replace(ALONE, snapshot_entries=40)
    async with single(tmp_path, raft=raft) as store:
        for n in range(100):
            await store.put(b"/k%d" % (n % 7), b"%d" % n)
        await until(lambda: store.status().snapshot_index >= 40)
        expected = store.range_local(b"/", b"0").kvs
    async with single(tmp_path, raft=raft) as store:
        assert list((await store.range(b"/", b"0")).kvs) == list(expected)


async def test_an_observer_sees_a_change_before_its_writer_returns(tmp_path: Path) -> None:
    seen: list[tuple[int, tuple[Event, ...]]] = []
    async with single(tmp_path) as store:
        start = store.observe(lambda revision, events: seen.append((revision, events)))
        revisions = []

        async def write(n: int) -> None:
            result = await store.put(b"/%d" % n, b"x")
            assert result.revision in [revision for revision, _ in seen]
            revisions.append(result.revision)

        async with trio.open_nursery() as nursery:
            for n in range(30):
                nursery.start_soon(write, n)
        assert [revision for revision, _ in seen] == sorted(revisions)
        assert min(revisions) == start + 1


async def test_an_observer_that_raises_stops_the_node(tmp_path: Path) -> None:
    def broken(_revision: int, _events: tuple[Event, ...]) -> None:
        raise RuntimeError("observer is broken")

    async def run() -> None:
        async with single(tmp_path) as store:
            store.observe(broken)
            await store.put(b"/a", b"")

    with pytest.raises(RuntimeError, match="observer is broken"):
        await run()


async def test_a_disk_that_fails_stops_the_node_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    async def run() -> None:
        async with single(tmp_path) as store:
            monkeypatch.setattr("raftstore.disk._fdatasync", fail)
            await store.put(b"/a", b"")

    with pytest.raises(StorageError, match="cannot sync"):
        await run()


async def test_a_watch_delivers_history_then_live_changes_once_and_whole(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        first = (await store.put(b"/w/1", b"")).revision
        await store.put(b"/other", b"")
        await store.txn((), [Put(b"/w/2", b""), Put(b"/w/3", b""), Put(b"/x", b"")])
        got: list[tuple[int, list[bytes]]] = []
        async with store.watch(b"/w/", b"/w0", from_revision=first) as watcher:

            async def write() -> None:
                for n in range(4, 40):
                    await store.put(b"/w/%d" % n, b"")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                async for revision, events in watcher:
                    got.append((revision, [event.kv.key for event in events]))
                    if events[-1].kv.key == b"/w/39":
                        break
        assert got[:2] == [(first, [b"/w/1"]), (first + 2, [b"/w/2", b"/w/3"])]
        assert [revision for revision, _ in got] == [first, *range(first + 2, first + 39)]


async def test_a_watch_of_a_compacted_revision_says_so(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        for n in range(5):
            await store.put(b"/a", b"%d" % n)
        await store.compact(store.revision)
        with pytest.raises(Compacted):
            async with store.watch(b"/a", from_revision=2):
                pass


async def test_a_watcher_that_does_not_read_is_ended_and_not_buffered_for(tmp_path: Path) -> None:
    async with single(tmp_path) as store, store.watch(b"/", b"0", buffer=5) as watcher:
        for n in range(20):
            await store.put(b"/%d" % n, b"")
        assert [(await anext(watcher))[0] for _ in range(5)] == list(range(1, 6))
        with pytest.raises(Overloaded):
            await anext(watcher)
        assert store.status().watchers == 0


async def test_a_lease_that_is_not_kept_alive_takes_its_keys_with_it(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        kept = await store.lease_grant(1)
        lost = await store.lease_grant(1)
        await store.put(b"/kept", b"", lease=kept)
        await store.put(b"/lost", b"", lease=lost)

        async def keep_alive() -> None:
            while True:
                await store.lease_keep_alive(kept)
                await trio.sleep(0.2)

        async with store.watch(b"/lost") as watcher, trio.open_nursery() as nursery:
            nursery.start_soon(keep_alive)
            _, events = await anext(watcher)
            nursery.cancel_scope.cancel()
        assert events[0].is_delete
        assert store.get(b"/kept") is not None
        with pytest.raises(InvalidRequest):
            await store.lease_keep_alive(lost)


async def test_history_is_compacted_by_itself(tmp_path: Path) -> None:
    async with single(tmp_path, compact_revisions=10, compact_interval=0.05) as store:
        for n in range(40):
            await store.put(b"/a", b"%d" % n)
        await until(lambda: store.compact_revision == store.revision - 10)


async def test_limits_are_refusals(tmp_path: Path) -> None:
    options = {"max_command_bytes": 1000, "max_proposals": 3, "quota_bytes": 2500}
    async with single(tmp_path, **options) as store:
        with pytest.raises(RequestTooLarge):
            await store.put(b"/a", bytes(1001))
        refused = []

        async def put(n: int) -> None:
            try:
                await store.put(b"/%d" % n, b"")
            except Overloaded:
                refused.append(n)

        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(put, n)
        assert 7 <= len(refused) < 10
        await store.put(b"/big", bytes(900))
        with pytest.raises(NoSpace):
            await store.put(b"/bigger", bytes(900))
        assert (await store.range(b"/", b"0")).total > 0
        await store.delete(b"/big")


async def test_a_stopped_store_refuses(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        await store.put(b"/a", b"")
    with pytest.raises(Closed):
        await store.put(b"/b", b"")
    with pytest.raises(Closed):
        await store.read_barrier()


async def test_a_data_directory_belongs_to_one_node_and_one_process(tmp_path: Path) -> None:
    async with single(tmp_path):
        with pytest.raises(StorageError, match="in use"):
            async with single(tmp_path):
                pass
    other = StoreConfig(
        node_id="n1", cluster_id="c2", data_dir=tmp_path / "data", members=(Member("n1", ""),)
    )
    with pytest.raises(StorageError, match="belongs to node n1 of cluster c1"):
        async with open_store(other):
            pass


async def test_wait_revision(tmp_path: Path) -> None:
    async with single(tmp_path) as store:
        target = store.revision + 3
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.wait_revision, target)
            for n in range(3):
                await store.put(b"/%d" % n, b"")
        await store.wait_revision(target)
        with pytest.raises(TimeoutError):
            await store.wait_revision(target + 1, timeout=0.01)
