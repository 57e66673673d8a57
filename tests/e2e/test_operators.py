"""What is built on informers, finalizers and leases: operators and their elections."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e_cluster import CONTEXTS, Cluster, until
from e2e_kubectl import Kubectl

SUITES = Path(__file__).parent / "suites"


@contextmanager
def running(cluster: Cluster, output: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, *command], env=cluster.env, stdout=sink, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_an_operator_minds_objects_until_they_are_gone(
    cluster: Cluster, user: Kubectl, tmp_path: Path
) -> None:
    pytest.importorskip("kopf")
    namespace, log = user.namespace, tmp_path / "operator.log"

    def annotations() -> dict[str, str]:
        found: dict[str, Any] = cluster.kubectl_json("-n", namespace, "get", "configmap", "minded")
        return {**found["metadata"].get("annotations", {})}

    program = (
        "-m",
        "kopf",
        "run",
        "--standalone",
        "-n",
        namespace,
        str(SUITES / "minding_operator.py"),
    )
    cluster.kubectl("-n", namespace, "create", "configmap", "minded", "--from-literal=size=1")
    cluster.kubectl("-n", namespace, "label", "configmap", "minded", "minded=yes")
    with running(cluster, log, *program):
        until(lambda: annotations().get("example.com/made"), "the operator")
        patch = '{"data":{"size":"2"}}'
        cluster.kubectl("-n", namespace, "patch", "configmap", "minded", "-p", patch)
        until(lambda: annotations().get("example.com/resized") == "1 to 2", "the new size")
        cluster.kubectl("-n", namespace, "delete", "configmap", "minded")
        events = ("-n", namespace, "get", "events", "--field-selector", "reason=Farewell")
        until(lambda: cluster.kubectl_json(*events)["items"], "the event of the deletion")
    text = log.read_text(errors="replace")
    assert "Traceback" not in text, text


class Candidate:
    """What one of them printed: when it began to lead, when it stopped."""

    def __init__(self, output: Path) -> None:
        self.output = output

    def times(self, word: str) -> list[float]:
        lines = self.output.read_text(errors="replace").splitlines()
        return [float(line.split()[1]) for line in lines if line.startswith(f"{word} ")]

    @property
    def leads(self) -> bool:
        return len(self.times("leads")) > len(self.times("stops"))


def leading(candidates: Sequence[Candidate]) -> list[int]:
    return [place for place, candidate in enumerate(candidates) if candidate.leads]


@pytest.mark.slow
def test_an_election_goes_on_without_the_node_of_the_elected(
    breakable: Cluster, tmp_path: Path
) -> None:
    pytest.importorskip("kubernetes.leaderelection.resourcelock.leaselock")
    program = str(SUITES / "candidate.py")
    outputs = [tmp_path / context for context in CONTEXTS]
    first, second, third = (
        running(breakable, output, program, context, context)
        for context, output in zip(CONTEXTS, outputs, strict=True)
    )
    with first, second, third:
        candidates = [Candidate(output) for output in outputs]
        (elected,) = until(lambda: leading(candidates), "somebody who leads")
        breakable.kill(elected)
        until(lambda: [n for n in leading(candidates) if n != elected], "the next one")
        stopped = until(lambda: candidates[elected].times("stops"), "the end of the first one")
        (successor,) = leading(candidates)
        # who cannot renew its lease stops before anybody else may take it
        assert stopped[0] < candidates[successor].times("leads")[0]
        breakable.up()
