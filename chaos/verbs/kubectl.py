"""kubectl as a client, where it is installed: the same commands again until they go through."""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
from pathlib import Path

import trio

from chaos.cluster import Cluster
from chaos.verbs.caller import PAUSE, Refused, Report
from chaos.verbs.users import NAMESPACE, Lose

COMMAND_SECONDS = 60.0
ATTEMPTS = 60

# How kubectl words connections that break, and the answers that pass (429, 503, 504).
_PASSING = re.compile(
    r"connection refused|connection reset|\bEOF\b|broken pipe|was refused - did you specify"
    r"|http2: .*(GOAWAY|closed|lost)|use of closed network connection|TLS handshake timeout"
    r"|i/o timeout|context deadline exceeded|unexpected error when reading response body"
    r"|Error from server \((Timeout|ServerTimeout|TooManyRequests|ServiceUnavailable)\)"
    r"|the server is currently unable to handle the request|Too many requests"
    r"|etcdserver: |request timed out|request did not complete"
    r"|failed to download openapi|unable to retrieve the complete list of server APIs"
)


def find() -> str | None:
    beside = Path(sys.executable).parent / "kubectl"
    return str(beside) if beside.exists() else shutil.which("kubectl")


class KubectlUser:
    def __init__(
        self, program: str, cluster: Cluster, report: Report, lose: Lose, rng: random.Random
    ) -> None:
        self._program = program
        self._cluster = cluster
        self._report = report
        self._lose = lose
        self._random = rng
        self.rounds = 0
        self.made: list[str] = []

    async def prepare(self) -> None:
        """Nothing has to be there."""

    async def round(self) -> None:
        name = f"kubectl-{self.rounds}"
        await self.run("create", "configmap", name, already="already exists")
        await self.run("label", "configmap", name, "by=kubectl", "--overwrite")
        await self.run("annotate", "configmap", name, "n=1", "--overwrite")
        shown = await self.run("get", "configmap", name, "-o", "jsonpath={.metadata.labels.by}")
        if shown != "kubectl":
            self._lose(f"kubectl: the label of {name} is {shown!r}")
        await self.run("get", "configmaps", "-l", "by=kubectl")
        if self.rounds % 2:
            await self.run("delete", "configmap", name, "--ignore-not-found", "--wait=false")
        else:
            self.made.append(name)

    async def settle(self) -> None:
        shown = await self.run("get", "configmaps", "-l", "by=kubectl", "-o", "name")
        left = sorted(line.removeprefix("configmap/") for line in shown.split())
        if left != sorted(self.made):
            self._lose(f"kubectl: {left} are there and have to be {sorted(self.made)}")

    async def run(self, *arguments: str, already: str = "") -> str:
        """stdout. Raises Refused."""
        layout = self._cluster.layout
        environment = {**os.environ, "KUBECONFIG": str(layout.kubeconfig)}
        text = ""
        for _ in range(ATTEMPTS):
            context = f"kapi-{self._random.randrange(len(self._cluster.names)) + 1}"
            command = [self._program, "--context", context, "-n", NAMESPACE, *arguments]
            with trio.move_on_after(COMMAND_SECONDS):
                done = await trio.run_process(
                    command, env=environment, check=False, capture_stdout=True, capture_stderr=True,
                )  # fmt: skip
                text = done.stderr.decode() if done.stderr else ""
                if done.returncode == 0:
                    return done.stdout.decode()
                if already and already in text:
                    return ""
                if not _PASSING.search(text):
                    break
            await trio.sleep(self._random.uniform(*PAUSE))
        self._report(f"kubectl {' '.join(arguments)}: {text}")
        raise Refused
