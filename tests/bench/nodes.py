"""Nodes of our own for the measurements that need to start, kill or profile them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kapiserver.cli import layout
from tests.bench.client import Caller
from tests.bench.connection import ConnectionFailed, Server
from tests.bench.target import Target

READY_SECONDS = 60.0
STOP_SECONDS = 30.0


class NodeFailed(Exception):
    """A node did not start; the text has the end of its log."""


def free_port_range(count: int) -> int:
    """A port after which `count` - 1 more are free, with their peer ports."""
    for base in range(20_000, 40_000, 16):
        if all(layout.port_is_free(base + i) for i in range(count)):
            return base
    raise NodeFailed("no free ports")


class Nodes:
    """A cluster of `count` nodes in `directory`, as child processes."""

    def __init__(self, directory: Path, count: int, *, profiled: bool = False) -> None:
        self.cluster = layout.create(directory, count=count, base_port=free_port_range(count))
        self.profiled = profiled
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def nodes(self) -> tuple[layout.LocalNode, ...]:
        return self.cluster.nodes

    def spawn(self, node: layout.LocalNode) -> None:
        module = ["-m", "tests.bench.profiled_node" if self.profiled else "kapiserver"]
        arguments = ["serve", "--config", str(node.config_path)]
        with node.log_path.open("ab") as log:
            self._processes[node.name] = subprocess.Popen(
                [sys.executable, *module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> float:
        """Start all; seconds until every one was ready."""
        began = time.perf_counter()
        for node in self.nodes:
            self.spawn(node)
        for node in self.nodes:
            self.wait_ready(node)
        return time.perf_counter() - began

    def wait_ready(self, node: layout.LocalNode) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            process = self._processes[node.name]
            if process.poll() is not None:
                raise NodeFailed(self._why(node, f"ended with status {process.returncode}"))
            try:
                socket.create_connection((layout.HOST, node.port), timeout=1.0).close()
                with Caller(self.server(node), timeout=5.0) as caller:
                    while time.monotonic() < deadline:
                        if caller.call("GET", "/readyz").status == 200:
                            return
                        time.sleep(0.01)
            except (OSError, ConnectionFailed):
                time.sleep(0.01)
        raise NodeFailed(self._why(node, f"was not ready within {READY_SECONDS:.0f} s"))

    def _why(self, node: layout.LocalNode, what: str) -> str:
        tail = node.log_path.read_text(errors="replace")[-2000:] if node.log_path.exists() else ""
        return f"{node.name} {what}; the end of its log:\n{tail}"

    def server(self, node: layout.LocalNode) -> Server:
        pki = self.cluster.pki
        files = (pki / "ca.crt", pki / "admin.crt", pki / "admin.key")
        return Server(layout.HOST, node.port, *(str(file) for file in files))

    def target(self, node: layout.LocalNode) -> Target:
        """The node as a target; CPU and memory are those of all nodes."""
        return Target(self.server(node), [self.pid(other) for other in self.nodes])

    def pid(self, node: layout.LocalNode) -> int:
        return self._processes[node.name].pid

    def kill(self, node: layout.LocalNode) -> None:
        process = self._processes[node.name]
        process.kill()
        process.wait(STOP_SECONDS)

    def stop(self) -> None:
        running = [process for process in self._processes.values() if process.poll() is None]
        for process in running:
            os.kill(process.pid, signal.SIGTERM)
        for process in running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
