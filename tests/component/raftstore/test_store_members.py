"""Nodes that come and go, and nodes that do not belong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import trio
from raftstore_cluster import LIMIT, Cluster, cluster, free_address, until
from raftstore_pki import Authority

from raftstore.config import StoreConfig
from raftstore.errors import MembershipError, StoreError
from raftstore.store import Diverged
from raftstore.transport import JoinRefused, Message, pin_of, request_join
from raftstore.types import Member


async def join(nodes: Cluster, node_id: str) -> Member:
    """Start an empty node, and add it as a learner."""
    member = Member(node_id, free_address())
    nodes.configure(node_id, (), listen=member.address)
    await nodes.start(node_id)
    leader = await nodes.leader(("n1", "n2", "n3"))
    await leader.member_add_learner(member)
    return member


async def promote(nodes: Cluster, node_id: str) -> None:
    """As soon as the learner has caught up."""

    async def promoted() -> bool:
        try:
            await nodes.stores["n1"].member_promote(node_id)
        except MembershipError:
            return False
        return True

    await until(promoted)


async def test_a_node_joins_as_learner_is_promoted_and_counts(tmp_path: Path) -> None:
    async with cluster(tmp_path, size=1) as nodes:
        store = nodes.stores["n1"]
        for n in range(30):
            await store.put(b"/%d" % n, b"")
        for node_id in ("n2", "n3"):
            await join(nodes, node_id)
            assert nodes.stores[node_id].status().role == "learner"
            await promote(nodes, node_id)
        await nodes.stores["n3"].put(b"/by-n3", b"")
        await nodes.same_state()
        await nodes.kill("n1")
        leader = await nodes.leader(("n2", "n3"))
        assert (await leader.range(b"/", b"0", timeout=LIMIT)).total == 31
        assert {m.node_id for m in leader.members} == {"n1", "n2", "n3"}


async def test_a_removed_node_stops_and_says_so_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        gone = await nodes.follower()
        leader = await nodes.leader()
        await leader.member_remove(gone.node_id)
        error = await nodes.ended(gone.node_id)
        assert isinstance(error, MembershipError)
        assert "was removed" in str(error)
        await leader.put(b"/a", b"")
        assert gone.node_id not in {m.node_id for m in leader.members}
        # A second start finds out again, from the others.
        await nodes.start(gone.node_id)
        assert isinstance(await nodes.ended(gone.node_id), MembershipError)


async def test_the_leader_can_be_removed(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        old = await nodes.leader()
        await old.put(b"/a", b"")
        rest = tuple(sorted(set(nodes.configs) - {old.node_id}))

        async def gone() -> bool:
            """Ask until it works: right after a handover the new leader may not be ready."""
            if old.node_id in nodes.stores:
                with contextlib.suppress(StoreError):
                    await old.member_remove(old.node_id)
            return old.node_id in nodes.errors

        await until(gone)
        assert isinstance(nodes.errors[old.node_id], MembershipError)
        leader = await nodes.leader(rest)
        await leader.txn((), [], timeout=LIMIT)
        assert tuple(m.node_id for m in leader.members) == rest


async def test_a_member_moves_to_another_address(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        mover = (await nodes.follower()).node_id
        await nodes.kill(mover)
        leader = await nodes.leader()
        address = free_address()
        await leader.member_update(Member(mover, address, meta=(("url", "https://x"),)))
        await nodes.start(mover, listen=address)
        revision = (await leader.put(b"/a", b"")).revision
        await nodes.stores[mover].wait_revision(revision, timeout=LIMIT)
        found = next(m for m in leader.members if m.node_id == mover)
        assert found == Member(mover, address, False, (("url", "https://x"),))


async def test_strangers_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with cluster(tmp_path) as nodes:
        victim = (await nodes.follower()).node_id
        leader = await nodes.leader()

        async def reason(words: str) -> None:
            def told() -> bool:
                peer = next(p for p in leader.status().peers if p.node_id == victim)
                return words in peer.error

            await until(told)

        await nodes.kill(victim)
        good = nodes.configs[victim].tls
        foreign = Authority(tmp_path / "foreign").member(victim)
        await nodes.start(victim, tls=foreign)
        await reason("certificate verify failed")
        await nodes.kill(victim)
        await nodes.start(victim, tls=nodes.authority.member("other"))
        await reason("other's, but the peer calls itself")
        await nodes.kill(victim)
        await nodes.start(
            victim, tls=good, cluster_id="c9", data_dir=tmp_path / "another-directory"
        )
        await reason("belongs to cluster")
        await leader.put(b"/a", b"")  # none of this disturbs the cluster


async def test_a_node_whose_state_differs_from_the_majority_stops(tmp_path: Path) -> None:
    async with cluster(tmp_path, hash_interval=0.1) as nodes:
        leader = await nodes.leader()
        await leader.put(b"/a", b"")
        broken = await nodes.follower()
        await until(lambda: broken.status().agreed_index >= leader.status().commit_index)
        broken._node.machine.quota_bytes += 1  # as if a bit of its memory had flipped
        await leader.put(b"/b", b"")
        error = await nodes.ended(broken.node_id)
        assert isinstance(error, Diverged)
        assert f"{broken.node_id} differs from the majority" in str(error)
        await leader.put(b"/c", b"")
        assert len(nodes.stores) == 2


async def test_a_machine_with_only_a_pin_and_a_token_becomes_a_member(tmp_path: Path) -> None:
    """What the layer above does with `on_join`: check a token, hand out a certificate, add."""
    async with cluster(tmp_path, size=1) as nodes:
        store = nodes.stores["n1"]
        address = free_address()

        async def on_join(request: Message) -> Message:
            if request["token"] != "secret":
                raise JoinRefused("the token is not valid")
            files = nodes.authority.member(request["node_id"])
            await store.member_add_learner(Member(request["node_id"], request["address"]))
            certificate = await trio.Path(files.cert).read_bytes()
            return {"cluster_id": store.cluster_id, "certificate": certificate}

        await nodes.kill("n1")
        await nodes.start("n1", on_join=on_join)
        store = await nodes.leader()
        request = {"token": "wrong", "node_id": "n2", "address": address}
        pin = pin_of(nodes.authority.ca.read_text())
        first = nodes.configs["n1"].members[0].address
        with pytest.raises(JoinRefused, match="token"):
            await request_join(first, request, ca_pin=pin)
        answer = await request_join(first, {**request, "token": "secret"}, ca_pin=pin)
        assert answer["certificate"].startswith(b"-----BEGIN CERTIFICATE")
        nodes.configure("n2", (), listen=address, cluster_id=answer["cluster_id"])
        await nodes.start("n2")
        await promote(nodes, "n2")
        await nodes.stores["n2"].put(b"/a", b"", timeout=LIMIT)


async def test_a_cluster_without_tls_works_on_loopback_if_it_is_asked_for(tmp_path: Path) -> None:
    pair = (Member("n1", "127.0.0.1:7001"), Member("n2", "127.0.0.1:7002"))
    with pytest.raises(ValueError, match="needs tls"):
        StoreConfig(node_id="n1", cluster_id="c1", data_dir=tmp_path, members=pair)
    async with cluster(tmp_path, tls=None, plaintext=True) as nodes:
        await (await nodes.follower()).put(b"/a", b"")
        await nodes.same_state()
