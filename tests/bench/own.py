"""The measurements that start, fill and kill nodes of our own."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import trio

from kapiserver.cli import local
from kapiserver.cli.client import RequestFailed, call
from tests.bench import objects
from tests.bench.client import Caller
from tests.bench.connection import ConnectionFailed
from tests.bench.measure import MeasurementFailed, Result
from tests.bench.nodes import Nodes
from tests.bench.target import cpu_seconds

WRITES_RESUME_SECONDS = 30.0
ATTEMPT_SECONDS = 3.0
NAMESPACE = "bench-fail-over"


def start_up(repeats: int) -> tuple[list[float], float]:
    """Seconds from exec to ready of one node, each time, and the least CPU that it took.

    The first start makes the data directory.
    """
    with tempfile.TemporaryDirectory(prefix="kapi-bench-") as directory:
        nodes = Nodes(Path(directory), 1)
        seconds, cpu = [], []
        try:
            for _ in range(repeats):
                seconds.append(nodes.start())
                cpu.append(cpu_seconds(nodes.pid(nodes.nodes[0])))
                nodes.stop()
        finally:
            nodes.stop()
        return seconds, min(cpu)


def leader_of(nodes: Nodes) -> Any:
    """The node that leads, by what the nodes say of themselves."""
    deadline = time.monotonic() + WRITES_RESUME_SECONDS
    while time.monotonic() < deadline:
        rows = trio.run(_roles, nodes)
        for node in nodes.nodes:
            if rows.get(node.name) == "leader":
                return node
        time.sleep(0.1)
    raise MeasurementFailed("no node became the leader")


async def _roles(nodes: Nodes) -> dict[str, str]:
    credentials = local.credentials_of(nodes.cluster)
    found: dict[str, str] = {}
    for node in nodes.nodes:
        try:
            facts = await call("GET", f"{node.url}/kapi/v1/status", credentials, timeout=2.0)
        except RequestFailed:
            continue
        found[node.name] = facts["role"]
    return found


def fail_over(repeats: int) -> tuple[list[float], list[float]]:
    """Seconds from kill -9 of the leader to the first write through another node.

    Also the start-up times of the three nodes. Writers go through the followers only, one write
    after another; what counts is the first one that was sent after the kill and succeeded.
    """
    with tempfile.TemporaryDirectory(prefix="kapi-bench-") as directory:
        nodes = Nodes(Path(directory), 3)
        outages = []
        try:
            started = [nodes.start()]
            with Caller(nodes.server(nodes.nodes[0])) as caller:
                caller.json("POST", objects.NAMESPACES, objects.namespace(NAMESPACE))
            for round_number in range(repeats):
                leader = leader_of(nodes)
                survivor = next(node for node in nodes.nodes if node is not leader)
                outages.append(_outage(nodes, leader, survivor, round_number))
                nodes.spawn(leader)
                nodes.wait_ready(leader)
                time.sleep(1.0)  # let the cluster settle: the next kill is a new one
        finally:
            nodes.stop()
        return outages, started


def _outage(nodes: Nodes, leader: Any, survivor: Any, round_number: int) -> float:
    server = nodes.server(survivor)
    number = 0

    def write(caller: Caller) -> int:
        nonlocal number
        number += 1
        body = objects.config_map(f"round-{round_number}-{number}")
        return caller.call("POST", objects.collection(NAMESPACE), body).status

    with Caller(server) as caller:
        for _ in range(20):
            if write(caller) != 201:
                raise MeasurementFailed("writes failed before the leader was killed")
    nodes.kill(leader)
    killed = time.perf_counter()
    while time.perf_counter() - killed < WRITES_RESUME_SECONDS:
        try:
            with Caller(server, timeout=ATTEMPT_SECONDS) as caller:
                while write(caller) != 201:
                    time.sleep(0.005)
                return time.perf_counter() - killed
        except (ConnectionFailed, OSError):
            time.sleep(0.005)
    raise MeasurementFailed(f"no write succeeded within {WRITES_RESUME_SECONDS:.0f} s")


def summary(name: str, seconds: list[float], note: str) -> Result:
    result = Result(name, "", len(seconds), sum(seconds))
    result.latencies = seconds
    result.note = f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s; {note}"
    return result
