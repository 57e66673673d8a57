"""A node is told apart from nodes of other clusters, even of those with the same token."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from kapiserver.cluster.joining import JoinDesk
from kapiserver.config import ServerConfig, make_config
from kapiserver.pki import Authority
from kapiserver.server.settings import cluster_id_of, store_config
from raftstore import open_store
from raftstore.datadir import DataDir
from raftstore.disk import RealDisk
from raftstore.errors import StorageError

FOUNDERS = "a=127.0.0.1:1,b=127.0.0.1:2"


def config(tmp_path: Path, **settings: str) -> ServerConfig:
    given = {"name": "a", "initial-cluster-token": "kapi-1"}
    given |= {name.replace("_", "-"): value for name, value in settings.items()}
    return make_config({"data-dir": str(tmp_path / given["name"]), **given})


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def made(tmp_path: Path, cluster_id: str) -> None:
    DataDir.create(RealDisk(), str(tmp_path / "a"), cluster_id=cluster_id, node_id="a").close()


def test_founders_agree_on_the_id_and_others_do_not(tmp_path: Path) -> None:
    first = cluster_id_of(config(tmp_path, initial_cluster=FOUNDERS))
    second = cluster_id_of(
        config(tmp_path, name="b", initial_cluster="b=127.0.0.1:2,a=127.0.0.1:1")
    )
    assert first == second
    assert first.startswith("kapi-1.")
    stray = cluster_id_of(config(tmp_path, name="b", initial_cluster="b=127.0.0.1:2"))
    assert stray != first
    assert cluster_id_of(config(tmp_path, name="b")) not in (first, "kapi-1")


def test_who_joins_is_told_the_id(tmp_path: Path) -> None:
    told = cluster_id_of(config(tmp_path, initial_cluster=FOUNDERS))
    joins = {"initial_cluster_state": "existing"}
    assert cluster_id_of(config(tmp_path, initial_cluster_token=told, **joins)) == told
    # a founder that lost its data, as `kapiserver up` brings it back
    assert cluster_id_of(config(tmp_path, initial_cluster=FOUNDERS, **joins)) == told


def test_the_data_knows_better_than_the_settings(tmp_path: Path) -> None:
    made(tmp_path, "kapi-1.0123456789ab")
    assert cluster_id_of(config(tmp_path, initial_cluster=FOUNDERS)) == "kapi-1.0123456789ab"


def test_data_from_before_ids_had_two_parts_is_still_good(tmp_path: Path) -> None:
    made(tmp_path, "kapi-1")
    assert cluster_id_of(config(tmp_path, initial_cluster=FOUNDERS)) == "kapi-1"


def test_another_clusters_data_is_not_taken_over(tmp_path: Path) -> None:
    made(tmp_path, "kapi-2.0123456789ab")
    found = config(tmp_path, initial_cluster="a=127.0.0.1:1")
    with pytest.raises(StorageError, match=r"belongs to node a of cluster kapi-2"):
        trio.run(_open, found)


async def _open(found: ServerConfig) -> None:
    async with open_store(store_config(found, JoinDesk(None))):
        pass


async def test_a_machine_set_up_as_a_cluster_of_its_own_is_refused_by_the_members(
    tmp_path: Path,
) -> None:
    """The members of a cluster know it by its address; it has the right token and certificate."""
    authority = Authority.create()
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip("ab", free_ports(), strict=True)}
    both = ",".join(f"{name}={address}" for name, address in addresses.items())

    def node(name: str, members: str) -> ServerConfig:
        pki = tmp_path / "pki"
        authority.write(pki)
        authority.peer(name, ["127.0.0.1"]).write(pki / f"{name}.crt", pki / f"{name}.key")
        return config(
            tmp_path,
            name=name,
            initial_cluster=members,
            listen_peer_address=addresses[name],
            peer_cert_file=str(pki / f"{name}.crt"),
            peer_key_file=str(pki / f"{name}.key"),
            peer_trusted_ca_file=str(pki / "ca.crt"),
        )

    member = node("a", both)
    stray = node("b", f"b={addresses['b']}")
    async with (
        open_store(store_config(member, JoinDesk(None))) as store,
        open_store(store_config(stray, JoinDesk(None))) as other,
    ):
        with trio.fail_after(20):
            await other.wait_leader()  # of itself
            while True:
                (peer,) = store.status().peers
                if "belongs to cluster" in peer.error:
                    break
                await trio.sleep(0.02)
        assert not peer.connected
        assert store.leader_id is None  # nobody has voted for it
