"""A real cluster for a run: three node processes, their folder, and the network between them.

The folder is one that `kapiserver up` could have made (so `kapiserver status --data-dir` and `down`
work on it while the run is on), but the processes are `python -m chaos.node` and dial each other
through the proxies. Processes that this harness started are the only ones that it ever signals.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

from chaos.client import Client, Lost, NotSent
from chaos.disk import write_control
from chaos.proxy import Network
from kapiserver.cli import layout
from kapiserver.cli.layout import LocalNode
from kapiserver.cli.local import credentials_of

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
TRACEBACK = "Traceback (most recent call last)"
TRACEBACK_LENGTH = 2000
PORTS = range(20000, 32000, 10)
# Small, so that snapshots, their transfer and compaction take place within a short run.
TIGHT_SETTINGS = {"snapshot-count": "300", "auto-compaction-retention": "20s"}


class ClusterError(Exception):
    """The cluster does not do what a run needs; the text says which node and why."""


class Node:
    """One node process, started and stopped any number of times."""

    def __init__(self, local: LocalNode, network: Network) -> None:
        self.name = local.name
        self.url = local.url
        self.local = local
        self.paused = False
        self.may_end = False  # the fault in hand is expected to end the process
        self._network = network
        self._process: subprocess.Popen[bytes] | None = None
        self.heal_disk()

    @property
    def data(self) -> Path:
        return self.local.directory / "data"

    @property
    def control(self) -> Path:
        return self.local.directory / "disk.json"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    @property
    def crashed(self) -> bool:
        """Whether the process has ended though nothing was done that should end it."""
        return self._process is not None and not self.may_end and not self.running

    def start(self) -> None:
        dial = json.dumps(self._network.dial_addresses(self.name))
        command = [sys.executable, "-m", "chaos.node", str(self.control), dial]
        command += ["--config", str(self.local.config_path)]
        with self.local.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                cwd=self.local.directory,
            )
        self.may_end = False
        self.local.pid_path.write_text(f"{self._process.pid}\n")

    def signal(self, number: signal.Signals) -> None:
        if self.running and self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait for the kernel to say that it is gone."""
        self.may_end = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.paused = False

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self.signal(signal.SIGCONT)
        self.paused = False

    async def terminate(self) -> None:
        """SIGTERM; ClusterError if it does not end."""
        self.may_end = True
        self.signal(signal.SIGTERM)
        if not await self.ended(STOP_SECONDS):
            self.kill()
            raise ClusterError(f"{self.name} did not stop within {STOP_SECONDS:.0f} s of SIGTERM")

    async def ended(self, seconds: float) -> bool:
        """Whether the process ends within `seconds`."""
        with trio.move_on_after(seconds):
            while self.running:  # noqa: ASYNC110 (Popen has no event for it)
                await trio.sleep(0.02)
        return not self.running

    def heal_disk(self) -> None:
        write_control(self.control)

    def wipe(self) -> None:
        """As if the machine had been replaced: the data, and the mark that there was data."""
        shutil.rmtree(self.data)
        self.data.with_name(f"{self.data.name}.formed").unlink(missing_ok=True)

    def traceback(self) -> str:
        """The first traceback in the node's log; "" if there is none. Whatever was done
        to a node, it has to end, or answer, with a sentence."""
        _, found, rest = self.local.log_path.read_text(errors="replace").partition(TRACEBACK)
        return rest[:TRACEBACK_LENGTH].strip() if found else ""

    def log_tail(self, lines: int = 8) -> str:
        text = (
            self.local.log_path.read_text(errors="replace") if self.local.log_path.exists() else ""
        )
        return "\n".join(text.splitlines()[-lines:])


class Cluster:
    def __init__(self, layout_: layout.LocalCluster, network: Network) -> None:
        self.layout = layout_
        self.network = network
        self.nodes = {local.name: Node(local, network) for local in layout_.nodes}
        self.leader = ""  # as far as the monitor knows
        credentials = credentials_of(layout_)
        self.tls: ssl.SSLContext = credentials.context()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.nodes)

    def client(self, node: str) -> Client:
        return Client(self.nodes[node].url, self.tls)

    async def call(
        self, node: str, method: str, path: str, body: Any = None, *, timeout: float = 5.0
    ) -> tuple[int, Any]:
        """One request to one node; status 0 if no answer came."""
        client = self.client(node)
        data = b"" if body is None else orjson.dumps(body)
        try:
            status, answer = await client.request(method, path, data, timeout=timeout)
        except (NotSent, Lost) as error:
            return 0, {"message": str(error)}
        finally:
            await client.close()
        try:
            return status, orjson.loads(answer)
        except ValueError:
            return status, {"message": answer[:200].decode(errors="replace")}

    async def wait_ready(self, node: Node, seconds: float = READY_SECONDS) -> None:
        """ClusterError when its process ends or time is over first."""
        status: int = 0
        body: Any = {}
        with trio.move_on_after(seconds):
            while node.running:
                status, body = await self.call(node.name, "GET", "/readyz", timeout=2.0)
                if status == 200:
                    return
                await trio.sleep(0.1)
        why = "its process ended" if not node.running else f"/readyz: {status} {body}"
        raise ClusterError(
            f"{node.name} did not become ready: {why}; its log ends:\n{node.log_tail()}"
        )

    async def restart(self, node: Node) -> None:
        node.start()
        await self.wait_ready(node)

    async def heal(self, rng: random.Random) -> None:
        """All faults over: links open, disks well, every process there and ready."""
        self.network.heal(reset=rng.random() < 0.5)
        for node in self.nodes.values():
            node.heal_disk()
            if node.paused:
                node.resume()
            if not node.running:
                node.start()
        await self.wait_all_ready()

    async def wait_all_ready(self) -> None:
        """ClusterError of the first node that does not become ready."""
        errors: list[ClusterError] = []

        async def wait(node: Node) -> None:
            try:
                await self.wait_ready(node)
            except ClusterError as error:
                errors.append(error)
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            for node in self.nodes.values():
                nursery.start_soon(wait, node)
        if errors:
            raise errors[0]

    def kill_all(self) -> None:
        for node in self.nodes.values():
            node.kill()


def _free_base(rng: random.Random, count: int) -> int:
    for base in rng.sample(PORTS, len(PORTS)):
        if all(layout.port_is_free(base + i) for i in range(count)):
            return base
    raise ClusterError("no free ports")


@asynccontextmanager
async def running_cluster(directory: Path, count: int = 3) -> AsyncIterator[Cluster]:
    """A new cluster in `directory`, ready; all its processes are gone when the context ends."""
    base = _free_base(random.Random(), count)
    made = await trio.to_thread.run_sync(
        lambda: layout.create(directory, count=count, base_port=base)
    )
    for local in made.nodes:
        with local.config_path.open("a") as config:
            config.writelines(f'{name}: "{value}"\n' for name, value in TIGHT_SETTINGS.items())
    network = Network({node.name: (layout.HOST, node.peer_port) for node in made.nodes})
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(network.serve)
            cluster = Cluster(made, network)
            try:
                for node in cluster.nodes.values():
                    node.start()
                await cluster.wait_all_ready()
                yield cluster
            finally:
                cluster.kill_all()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from group


def only(error: BaseException) -> BaseException:
    """What a group holds, if that is one error: nurseries wrap whatever passes through them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
