"""The command line: its answers, and its failures in one clear line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import ryaml
from e2e_cluster import COMMAND_SECONDS, Cluster, Completed, free_ports, run, started

COMMANDS = (
    "up", "down", "status", "serve", "init", "join", "token", "member", "snapshot", "kubeconfig",
    "version",
)  # fmt: skip


def kapiserver(*arguments: str, cwd: Path | None = None) -> Completed:
    command = [sys.executable, "-m", "kapiserver", *arguments]
    return run(command, env=dict(os.environ), cwd=cwd)


def refused(done: Completed, *words: str, status: int = 1) -> None:
    """One clear line on stderr and the exit status; no traceback anywhere."""
    assert done.status == status, done
    assert "Traceback" not in done.err + done.out, done
    lines = done.err.strip().splitlines()
    if status == 1:
        assert len(lines) == 1, done
    for word in words:
        assert word in lines[-1], done


def test_up_twice_starts_nothing_new(cluster: Cluster) -> None:
    before = [cluster.pid(node) for node in range(3)]
    said = cluster.up().out
    assert "3 of 3 nodes are running already" in said
    assert f"export KUBECONFIG={cluster.kubeconfig}" in said
    assert [cluster.pid(node) for node in range(3)] == before


def test_status_tells_every_fact_of_every_node(cluster: Cluster) -> None:
    rows = cluster.status()
    assert [row["name"] for row in rows] == ["node-1", "node-2", "node-3"]
    assert sorted(row["role"] for row in rows) == ["follower", "follower", "leader"]
    for number, row in enumerate(rows):
        assert row["url"] == f"https://127.0.0.1:{cluster.port + number}"
        assert row["pid"] == cluster.pid(number)
        assert row["term"] >= 1
        assert row["commitIndex"] > 0
        assert row["appliedRevision"] > 0
        assert row["stateHash"]
        assert row["databaseSize"] > 0
    done = cluster.kapiserver("status", "--data-dir", str(cluster.directory))
    assert done.status == 0
    assert done.out.splitlines()[0].split()[:4] == ["NAME", "URL", "PID", "ROLE"]
    assert len(done.out.splitlines()) == 4


def test_the_kubeconfig_has_four_contexts(cluster: Cluster) -> None:
    done = cluster.kapiserver("kubeconfig", "--data-dir", str(cluster.directory))
    config = ryaml.loads(done.out)
    assert config["current-context"] == "kapi"
    assert [item["name"] for item in config["contexts"]] == ["kapi", "kapi-1", "kapi-2", "kapi-3"]
    assert oct(cluster.kubeconfig.stat().st_mode)[-3:] == "600"


def test_members_are_listed(cluster: Cluster) -> None:
    done = cluster.kapiserver("member", "list", "-o", "json", "--data-dir", str(cluster.directory))
    members = json.loads(done.out)
    assert [m["name"] for m in members] == ["node-1", "node-2", "node-3"]
    assert sorted(m["role"] for m in members) == ["follower", "follower", "leader"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    done = kapiserver(command, "--help")
    assert done.status == 0
    assert "Example:" in done.out
    assert "kapiserver" in done.out.split("Example:")[1]


def test_version_is_printed(tmp_path: Path) -> None:
    assert json.loads(kapiserver("version", "-o", "json").out).keys() >= {"kapiserver", "python"}


def test_a_wrong_flag_is_named() -> None:
    refused(kapiserver("up", "--nodse", "3"), "--nodse", status=2)
    refused(kapiserver("serve", "--secure-prot", "1"), "--secure-prot", status=2)
    refused(kapiserver("frobnicate"), "frobnicate", status=2)
    refused(kapiserver("up", "--nodes", "many"), "--nodes", status=2)


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        data = str(tmp_path / "data")
        refused(
            kapiserver("up", "--nodes", "1", "--detach", "--port", port, "--data-dir", data),
            port,
            "--port",
        )
        assert not (tmp_path / "data" / "cluster.json").exists()


def test_serve_names_a_busy_port(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.node_directory(0)
    done = kapiserver(
        "serve", "--data-dir", str(tmp_path / "data"), "--bind-address", "127.0.0.1",
        "--secure-port", str(cluster.port),
        "--tls-cert-file", str(node / "pki" / "server.crt"),
        "--tls-private-key-file", str(node / "pki" / "server.key"),
    )  # fmt: skip
    assert done.status == 1, done
    assert "Traceback" not in done.err, done
    assert str(cluster.port) in done.err.strip().splitlines()[-1]


def test_serve_names_what_is_wrong_with_its_config(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    refused(kapiserver("serve", "--config", str(config)), str(config), status=2)
    config.write_text("secure-prot: 6443\n")
    refused(kapiserver("serve", "--config", str(config)), "secure-prot", status=2)
    config.write_text("data-dir: d\nelection-timeout: soon\n")
    refused(kapiserver("serve", "--config", str(config)), "election-timeout", "soon", status=2)


def test_a_data_directory_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text('{"format": 99, "nodes": []}')
    for command in ("up", "status", "down"):
        refused(kapiserver(command, "--data-dir", str(tmp_path)), "newer", "--data-dir")
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.json"]


def test_an_unusable_data_directory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    inside = str(file / "data")
    refused(kapiserver("up", "--detach", "--data-dir", inside), inside)
    refused(kapiserver("status", "--data-dir", inside), inside)
    (tmp_path / "cluster.json").write_text("{")
    refused(kapiserver("up", "--detach", "--data-dir", str(tmp_path)), "damaged")


def test_an_unreadable_data_directory_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    refused(kapiserver("up", "--detach", "--data-dir", str(closed)), str(closed))


def test_commands_without_a_cluster_say_how_to_make_one(tmp_path: Path) -> None:
    for command in (["status"], ["down"], ["kubeconfig"], ["member", "list"]):
        refused(kapiserver(*command, cwd=tmp_path), "kapi")


def test_in_the_foreground_ctrl_c_stops_all_nodes(tmp_path: Path) -> None:
    """The live status is shown until then, and the data stays."""
    data = tmp_path / "data"
    port = str(free_ports(1))
    command = [
        sys.executable, "-m", "kapiserver", "up", "--nodes", "1", "--port", port,
        "--data-dir", str(data),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "node-1 is leader" in line:
                break
        process.send_signal(2)
        rest = process.stdout.read()
        assert process.wait(COMMAND_SECONDS) == 0, (seen, rest)
    assert "Stopping the nodes" in rest
    assert not (data / "node-1" / "pid").exists()
    assert (data / "node-1" / "data").is_dir()


def test_data_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    """A node's own data: its `meta` says which version wrote it."""
    with started(tmp_path, nodes=1) as cluster:
        cluster.down()
        node = cluster.node_directory(0)
        meta = node / "data" / "meta"
        fields = json.loads(meta.read_text())
        fields.pop("crc")
        fields["version"] += 1
        fields["crc"] = zlib.crc32(json.dumps(fields, sort_keys=True).encode())
        meta.write_text(json.dumps(fields))
        done = kapiserver("serve", "--config", str(node / "config.yaml"))
        assert done.status == 1, done
        assert "Traceback" not in done.err, done
        assert "version" in done.err.strip().splitlines()[-1], done
        up = cluster.kapiserver("up", "--detach", "--data-dir", str(cluster.directory))
        assert up.status == 1, up
        assert "Traceback" not in up.err, up
        assert "version" in up.err, up
