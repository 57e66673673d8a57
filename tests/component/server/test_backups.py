"""What `snapshot save` leaves on the node's disk: nothing."""

from __future__ import annotations

from pathlib import Path

import trio

from kapiserver.cluster.admin import Admin, remove_unfinished_backups
from kapiserver.request import Connection, Request
from raftstore import Member, StoreConfig, open_store


async def test_a_backup_that_nobody_fetches_takes_no_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    config = StoreConfig(node_id="n", cluster_id="c", data_dir=data, members=(Member("n", ""),))
    async with open_store(config) as store:
        with trio.fail_after(10):
            await store.wait_leader()
        admin = Admin(store, peer_address="", authority=None, data_dir=str(data))
        request = Request(
            "GET", "/kapi/v1/snapshot", b"", [], Connection(None, None, None), "2", None
        )
        answer = await admin.respond(request)
        assert answer.status == 200
        assert not list(data.glob("backup-*"))


def test_a_backup_during_which_the_node_died_is_removed(tmp_path: Path) -> None:
    unfinished = tmp_path / "backup-x1.kapi"
    unfinished.write_bytes(b"half")
    kept = tmp_path / "other.kapi"
    kept.write_bytes(b"")
    remove_unfinished_backups(tmp_path)
    assert not unfinished.exists()
    assert kept.exists()
