"""Damage and its remedies: torn and corrupt logs, backups, members that leave and come."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e_cluster import (
    COMMAND_SECONDS,
    CONFIG_MAPS,
    Cluster,
    config_map,
    free_ports,
    until,
)
from e2e_writers import Writers, names_on, nothing_lost

pytestmark = pytest.mark.slow


def last_segment(cluster: Cluster, node: int) -> Path:
    return sorted((cluster.node_directory(node) / "data" / "wal").glob("wal-*.log"))[-1]


def end_of_data(segment: Path) -> int:
    return len(segment.read_bytes().rstrip(b"\0"))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_torn_tail_is_cut_and_logged(breakable: Cluster) -> None:
    with Writers(breakable, "torn") as writers:
        writers.wait_for(60)
    node = (breakable.leader() + 1) % 3
    breakable.kill(node)
    segment = last_segment(breakable, node)
    overwrite(segment, end_of_data(segment) + 64, os.urandom(100))
    logged = len(breakable.log(node))
    breakable.up()
    assert re.search("(torn|cut)", breakable.log(node)[logged:])
    nothing_lost(breakable, writers, "torn")


def test_a_snapshot_is_saved_verified_and_restored(breakable: Cluster, tmp_path: Path) -> None:
    with Writers(breakable, "saved") as writers:
        writers.wait_for(60)
    file = tmp_path / "backup.kapi"
    data = ["--data-dir", str(breakable.directory)]
    saved = breakable.kapiserver("snapshot", "save", str(file), *data)
    assert saved.status == 0, saved
    assert "saved revision" in saved.out
    facts = json.loads(breakable.kapiserver("snapshot", "status", str(file), "-o", "json").out)
    assert facts["revision"] > 60
    assert facts["size"] == file.stat().st_size
    assert facts["members"] == ["node-1", "node-2", "node-3"]

    restored = Cluster(tmp_path / "restored", tmp_path / "home", free_ports(1), 1)
    done = restored.kapiserver(
        "snapshot", "restore", str(file), "--nodes", "1", "--port", str(restored.port),
        "--data-dir", str(restored.directory),
    )  # fmt: skip
    assert done.status == 0, done
    try:
        restored.up()
        nothing_lost(restored, writers, "saved")
        status, _ = restored.api(0)("POST", CONFIG_MAPS, config_map("after-restore"))
        assert status == 201
    finally:
        restored.down()
    assert breakable.api(0)("GET", f"{CONFIG_MAPS}/after-restore")[0] == 404


def test_a_damaged_snapshot_is_refused(breakable: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "backup.kapi"
    data = ["--data-dir", str(breakable.directory)]
    assert breakable.kapiserver("snapshot", "save", str(file), *data).status == 0
    overwrite(file, file.stat().st_size // 2, b"\xde\xad\xbe\xef")
    for command in (["status", str(file)], ["restore", str(file), "--data-dir", str(tmp_path)]):
        done = breakable.kapiserver("snapshot", *command)
        assert done.status == 1, done
        assert "is not a usable snapshot" in done.err
        assert len(done.err.strip().splitlines()) == 1


@contextmanager
def joined(cluster: Cluster, name: str, directory: Path) -> Iterator[Cluster]:
    """A node as on a machine of its own: it joins by address and token, and serves."""
    data = ["--data-dir", str(cluster.directory)]
    made = cluster.kapiserver("token", "create", *data)
    assert made.status == 0, made
    match = re.search(r"kapiserver join (\S+) --token (\S+)", made.out)
    assert match is not None, made
    machine = Cluster(directory, directory / "home", free_ports(1), 1)
    done = cluster.kapiserver(
        "join", match[1], "--token", match[2], "--name", name, "--data-dir", str(directory),
        "--advertise-address", "127.0.0.1",
        "--port", str(machine.port), "--peer-port", str(machine.port + 10_000),
    )  # fmt: skip
    assert done.status == 0, done
    assert f"{name} is set up" in done.out
    command = [sys.executable, "-m", "kapiserver", "serve", "--config"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, str(directory / "config.yaml")], stdout=log, stderr=log, env=cluster.env
        )
    try:
        yield machine
    finally:
        process.terminate()
        try:
            process.wait(COMMAND_SECONDS)
        finally:
            process.kill()
            process.wait()


def role(cluster: Cluster, name: str, through: int) -> str:
    _, found = cluster.api(through)("GET", "/kapi/v1/members")
    roles: dict[str, str] = {m["name"]: m["role"] for m in found["members"]}
    return roles.get(name, "")


def test_a_corrupt_log_is_refused_and_its_recipe_rebuilds_the_node(breakable: Cluster) -> None:
    """Damage in the middle may hide acknowledged entries: the node must not start."""
    with Writers(breakable, "rebuilt") as writers:
        writers.wait_for(60)
    leader = breakable.leader()
    node = (leader + 1) % 3
    name = f"node-{node + 1}"
    breakable.kill(node)
    segment = last_segment(breakable, node)
    overwrite(segment, end_of_data(segment) // 2, b"\xde\xad\xbe\xef" * 4)
    data = ["--data-dir", str(breakable.directory)]
    refused = breakable.kapiserver("up", "--detach", *data)
    assert refused.status == 1, refused
    assert "Traceback" not in refused.err
    assert "damaged" in refused.err
    assert "remove the member from the cluster and let it join again" in refused.err
    others = [other for other in range(3) if other != node]
    for other in others:
        assert breakable.api(other)("GET", CONFIG_MAPS)[0] == 200

    removed = breakable.kapiserver("member", "remove", name, *data)
    assert removed.status == 0, removed
    assert role(breakable, name, leader) == ""
    folder = breakable.node_directory(node) / "data"
    shutil.move(folder, folder.with_name("data.damaged"))
    assert f"{name} has no data: it joins again" in breakable.up().out
    until(lambda: role(breakable, name, leader) == "follower", f"{name} to be a voter again")
    nothing_lost(breakable, writers, "rebuilt")


def test_a_machine_joins_and_is_removed(breakable: Cluster, tmp_path: Path) -> None:
    with Writers(breakable, "joined") as writers:
        writers.wait_for(30)
        with joined(breakable, "machine-4", tmp_path / "machine-4") as machine:
            until(lambda: role(breakable, "machine-4", 0) == "follower", "machine-4 to be a voter")
            written = {name for _, _, name in writers.acknowledged}
            assert written <= names_on(machine.api(0), "joined")
            status, _ = machine.api(0)("POST", CONFIG_MAPS, config_map("through-machine-4"))
            assert status == 201
            data = ["--data-dir", str(breakable.directory)]
            removed = breakable.kapiserver("member", "remove", "machine-4", *data)
            assert removed.status == 0, removed
        writers.wait_for(10, since=time.monotonic())
    assert role(breakable, "machine-4", 0) == ""
    assert breakable.api(0)("GET", f"{CONFIG_MAPS}/through-machine-4")[0] == 200
    nothing_lost(breakable, writers, "joined")
