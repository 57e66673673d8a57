"""The benchmark measures a server that it did not start, and cleans up behind itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from e2e_cluster import Cluster, run, until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_measures_any_server(cluster: Cluster, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    pids = ",".join(str(cluster.pid(node)) for node in range(3))
    command = [
        sys.executable, "-m", "tests.bench", "--kubeconfig", str(cluster.kubeconfig),
        "--server-pid", pids, "--quick", "--only", "update", "--json", str(results),
    ]  # fmt: skip
    done = run(command, env=cluster.env, cwd=ROOT, seconds=120.0)
    assert done.status == 0, done
    assert "update, 16 clients" in done.out
    rows = json.loads(results.read_text())
    assert {row["protocol"] for row in rows} == {"h1", "h2"}
    assert all(row["operations"] > 0 and row["cpuSecondsPerOperation"] > 0 for row in rows)
    api = cluster.api(1)
    until(lambda: api("GET", "/api/v1/namespaces/bench-small")[0] == 404, "the namespace to go")
