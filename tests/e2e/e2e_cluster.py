"""A cluster of real processes, real kubectl and a plain HTTPS client: what the e2e tests use."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KUBECTL = Path(sys.executable).parent / "kubectl"
MANIFESTS = Path(__file__).resolve().parents[3] / "shared" / "manifests"
COMMAND_SECONDS = 60.0
UP_SECONDS = 120.0
PATIENCE = 60.0
CONTEXTS = ("kapi-1", "kapi-2", "kapi-3")


def free_ports(count: int) -> int:
    """A base port with `count` free ones from there on, and their peer ports."""
    start = 21_000 + os.getpid() % 500 * 16
    for base in range(start, 45_000, 16):
        if all(_free(base + i) and _free(base + i + 10_000) for i in range(count)):
            return base
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Poll a process that cannot send us an event; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.05)


class Completed:
    """What a command printed and how it ended."""

    def __init__(self, command: list[str], status: int, out: str, err: str) -> None:
        self.command = command
        self.status = status
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        shown = " ".join(self.command[-8:])
        return f"<{shown}: status {self.status}\n{self.out[-3000:]}\n--\n{self.err[-3000:]}>"


def run(
    command: list[str],
    *,
    env: dict[str, str],
    stdin: str | None = None,
    cwd: Path | None = None,
    seconds: float = COMMAND_SECONDS,
) -> Completed:
    done = subprocess.run(
        command, env=env, input=stdin, cwd=cwd, capture_output=True, text=True, timeout=seconds,
        check=False,
    )  # fmt: skip
    return Completed(command, done.returncode, done.stdout, done.stderr)


class Unreachable(Exception):
    """The node could not be connected to, or broke the connection."""


class Api:
    """HTTP/1.1 to one node, over one connection that is made anew when it breaks."""

    def __init__(self, url: str, context: ssl.SSLContext, timeout: float) -> None:
        self._parts = urlsplit(url)
        self._context = context
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON). Raises Unreachable; whether a write was done is then unknown."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                str(self._parts.hostname),
                self._parts.port,
                context=self._context,
                timeout=self._timeout,
            )
        data = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"} if data else {}
        try:
            self._connection.request(method, path, body=data, headers=headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(repr(error)) from error
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Cluster:
    """What `kapiserver up` made in `directory`."""

    def __init__(self, directory: Path, home: Path, port: int, nodes: int = 3) -> None:
        self.directory = directory
        self.port = port
        self.nodes = nodes
        self.kubeconfig = directory / "kubeconfig"
        home.mkdir(parents=True, exist_ok=True)
        self.env = {
            **os.environ,
            "HOME": str(home),
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{KUBECTL.parent}:{os.environ['PATH']}",
        }

    # commands

    def kapiserver(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> Completed:
        command = [sys.executable, "-m", "kapiserver", *arguments]
        return run(command, env=self.env, seconds=seconds)

    def up(self, *arguments: str, new: bool = False) -> Completed:
        shape = ["--nodes", str(self.nodes), "--port", str(self.port)] if new else []
        command = ["up", *shape, "--detach", "--data-dir", str(self.directory), *arguments]
        done = self.kapiserver(*command, seconds=UP_SECONDS)
        assert done.status == 0, done
        return done

    def down(self) -> None:
        self.kapiserver("down", "--data-dir", str(self.directory))

    def kubectl(self, *arguments: str, stdin: str | None = None, status: int | None = 0) -> str:
        """stdout; fails unless the exit status is `status` (None: any)."""
        done = run([str(KUBECTL), *arguments], env=self.env, stdin=stdin)
        if status is not None:
            assert done.status == status, done
        return done.out

    def kubectl_fails(self, *arguments: str, stdin: str | None = None) -> str:
        """stderr of a command that must fail."""
        done = run([str(KUBECTL), *arguments], env=self.env, stdin=stdin)
        assert done.status != 0, done
        return done.err

    def kubectl_json(self, *arguments: str) -> Any:
        return json.loads(self.kubectl(*arguments, "-o", "json"))

    # nodes

    def status(self) -> list[dict[str, Any]]:
        done = self.kapiserver("status", "-o", "json", "--data-dir", str(self.directory))
        assert done.out, done
        nodes: list[dict[str, Any]] = json.loads(done.out)["nodes"]
        return nodes

    def api(self, node: int, timeout: float = 20.0) -> Api:
        """A client of node 0, 1 or 2, as the administrator."""
        pki = self.directory / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        return Api(f"https://127.0.0.1:{self.port + node}", context, timeout)

    def node_directory(self, node: int) -> Path:
        return self.directory / f"node-{node + 1}"

    def pid(self, node: int) -> int:
        return int((self.node_directory(node) / "pid").read_text())

    def signal(self, node: int, number: signal.Signals) -> None:
        os.kill(self.pid(node), number)

    def kill(self, node: int) -> None:
        """kill -9, and wait until the process is gone."""
        pid = self.pid(node)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid), f"the end of {pid}")

    def log(self, node: int) -> str:
        return (self.node_directory(node) / "node.log").read_text(errors="replace")

    def facts(self) -> list[dict[str, Any]]:
        """What each node says of itself; {} of one that does not answer."""
        found = []
        for node in range(self.nodes):
            api = self.api(node, timeout=5.0)
            try:
                status, facts = api("GET", "/kapi/v1/status")
            except Unreachable:
                status, facts = 0, {}
            found.append(facts if status == 200 else {})
            api.close()
        return found

    def leader(self) -> int:
        """The node that says it leads."""

        def find() -> list[int]:
            return [i for i, facts in enumerate(self.facts()) if facts.get("role") == "leader"]

        found: int = until(find, "a leader")[0]
        return found

    def equal_states(self) -> None:
        """All nodes have the same state at the same revision."""

        def equal() -> bool:
            facts = self.facts()
            states = {(each.get("appliedRevision"), each.get("stateHash")) for each in facts}
            return len(states) == 1 and (None, None) not in states

        until(equal, f"equal state hashes, now {self.facts()}")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def started(directory: Path, *, nodes: int = 3) -> Iterator[Cluster]:
    """A new cluster, stopped at the end whatever happened."""
    cluster = Cluster(directory / "data", directory / "home", free_ports(nodes), nodes)
    try:
        cluster.up(new=True)
        yield cluster
    finally:
        for node in range(nodes):
            try:
                cluster.signal(node, signal.SIGCONT)
            except (OSError, ValueError):
                continue
        cluster.down()


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
