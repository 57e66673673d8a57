"""Three nodes over TLS: forwarding, failures, restarts, partitions, what a caller is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from raftstore_cluster import LIMIT, cluster, until

from raftstore.errors import NoLeader, StoreError, Unknown
from raftstore.store import Store
from raftstore.types import Compare, Event, Put


async def test_any_node_takes_writes_and_linearizable_reads(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        await nodes.leader()
        for n, store in enumerate(nodes.stores.values()):
            result = await store.put(b"/from/%d" % n, b"x")
            assert store.revision >= result.revision  # read your writes, here
            for reader in nodes.stores.values():
                found = await reader.range(b"/from/", b"/from0")
                assert found.total == n + 1
        await nodes.same_state()


async def test_observers_on_every_node_see_the_same_changes(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        seen: dict[str, list[tuple[int, tuple[Event, ...]]]] = {}
        for node_id, store in nodes.stores.items():
            mine: list[tuple[int, tuple[Event, ...]]] = []
            seen[node_id] = mine
            store.observe(lambda revision, events, mine=mine: mine.append((revision, events)))  # type: ignore[misc]

        async def write(store: Store, node_id: str) -> None:
            for n in range(20):
                result = await store.put(b"/%s" % node_id.encode(), b"%d" % n)
                assert result.revision in [revision for revision, _ in seen[node_id]]

        async with trio.open_nursery() as nursery:
            for node_id, store in nodes.stores.items():
                nursery.start_soon(write, store, node_id)
        for store in nodes.stores.values():
            await store.read_barrier()
        assert seen["n1"] == seen["n2"] == seen["n3"]
        assert len(seen["n1"]) == 60


async def test_a_killed_leader_is_replaced_and_comes_back(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        old = (await nodes.leader()).node_id
        survivor = await nodes.follower()
        await survivor.put(b"/before", b"")
        await nodes.kill(old)
        await survivor.txn((), [Put(b"/after", b"")], timeout=LIMIT)
        await nodes.start(old)
        back = nodes.stores[old]
        await back.read_barrier(LIMIT)
        assert back.get(b"/before") is not None
        assert back.get(b"/after") is not None
        await nodes.same_state()


async def test_acknowledged_writes_survive_the_death_of_all_nodes(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        acknowledged: dict[bytes, int] = {}

        async def write(store: Store) -> None:
            n = 0
            while True:
                key = b"/%s/%d" % (store.node_id.encode(), n)
                try:
                    acknowledged[key] = (await store.put(key, b"v")).revision
                except StoreError:
                    return
                n += 1

        async with trio.open_nursery() as nursery:
            for store in nodes.stores.values():
                nursery.start_soon(write, store)
            await until(lambda: len(acknowledged) >= 300)
            await nodes.kill("n1", "n2", "n3")
        await nodes.start("n1", "n2", "n3")
        await nodes.leader()
        for store in nodes.stores.values():
            found = {kv.key: kv.mod_revision for kv in (await store.range(b"/", b"0")).kvs}
            assert acknowledged.items() <= found.items()
        await nodes.same_state()


async def test_a_minority_serves_no_linearizable_read_and_heals(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        cut = await nodes.leader()
        rest = set(nodes.configs) - {cut.node_id}
        await cut.put(b"/a", b"old")
        nodes.partition(rest)
        other = await nodes.leader(tuple(rest))
        await other.txn((), [Put(b"/a", b"new")], timeout=LIMIT)
        with pytest.raises((NoLeader, Unknown)):
            await cut.txn((), [Put(b"/b", b"")], timeout=0.3)
        with pytest.raises(NoLeader):
            await cut.range(b"/a", timeout=0.3)
        stale = cut.get(b"/a")
        assert stale is not None
        assert stale.value == b"old"  # a local read may be stale, and says so in its name
        nodes.partition()
        found = await cut.range(b"/a", timeout=LIMIT)
        assert [kv.value for kv in found.kvs] == [b"new"]
        await nodes.same_state()


async def test_a_write_with_an_unknown_outcome_happens_once_at_most(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        cut = await nodes.leader()
        before = (await cut.put(b"/a", b"")).revision
        nodes.partition(set(nodes.configs) - {cut.node_id})
        # The old leader takes it into its log and can never commit it alone.
        with pytest.raises(Unknown):
            await cut.txn((), [Put(b"/a", b"x")], timeout=0.05)
        nodes.partition()
        await cut.txn((), [Put(b"/b", b"")], timeout=LIMIT)
        await nodes.same_state()
        kv = cut.get(b"/a")
        assert kv is not None
        assert kv.version in (1, 2)
        assert kv.version == 2 or kv.mod_revision == before


async def test_a_write_is_repeated_until_a_leader_has_it_and_applied_once(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        leader = await nodes.leader()
        follower = await nodes.follower()
        await follower.put(b"/n", b"0")
        total = 60
        outcomes: list[bool] = []

        async def add() -> None:
            """Compare and swap until it works: a lost or doubled write breaks the count."""
            while True:
                kv = follower.get(b"/n")
                assert kv is not None
                guard = [Compare(b"/n", "mod", "=", kv.mod_revision)]
                put = [Put(b"/n", b"%d" % (int(kv.value) + 1))]
                if (await follower.txn(guard, put, timeout=LIMIT)).succeeded:
                    outcomes.append(True)
                    return

        async with trio.open_nursery() as nursery:
            for n in range(total):
                nursery.start_soon(add)
                await trio.sleep(0.01)
                if n == total // 3:
                    await nodes.kill(leader.node_id)
                    nursery.start_soon(nodes.start, leader.node_id)
        kv = follower.get(b"/n")
        assert kv is not None
        assert kv.value == b"%d" % total
        assert kv.version == total + 1


async def test_leadership_moves_on_request_without_losing_a_write(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        leader = await nodes.leader()
        target = await nodes.follower()
        writes: list[int] = []

        async def write() -> None:
            for n in range(100):
                writes.append(
                    (await leader.txn((), [Put(b"/%d" % n, b"")], timeout=LIMIT)).revision
                )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            await trio.sleep(0.05)
            assert await leader.transfer_leadership(target.node_id, timeout=LIMIT)
        assert target.is_leader or (await nodes.leader()) is not leader
        assert writes == sorted(set(writes))
        await nodes.same_state()


async def test_without_a_quorum_a_write_is_refused_or_unknown_in_time(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        alone = await nodes.leader()
        await nodes.kill(*(set(nodes.configs) - {alone.node_id}))
        with pytest.raises((NoLeader, Unknown)):
            await alone.txn((), [Put(b"/a", b"")], timeout=0.2)

        def stepped_down() -> bool:
            return not alone.is_leader

        await until(stepped_down)
        with pytest.raises(NoLeader):  # never reached a leader, so it is certain
            await alone.txn((), [Put(b"/c", b"")], timeout=0.2)


async def test_status_shows_peers_and_lag(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        leader = await nodes.leader()
        await leader.put(b"/a", b"")

        def caught_up() -> bool:
            peers = leader.status().peers
            return len(peers) == 2 and all(peer.lag == 0 and peer.connected for peer in peers)

        await until(caught_up)
        status = leader.status()
        assert status.role == "leader"
        assert {member.node_id for member in status.members} == {"n1", "n2", "n3"}
        victim = next(peer.node_id for peer in status.peers)
        await nodes.kill(victim)

        def noticed() -> bool:
            peer = next(p for p in leader.status().peers if p.node_id == victim)
            return not peer.connected and bool(peer.error)

        await until(noticed)
