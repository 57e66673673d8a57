"""Runs one measurement: lets the load process go and reads the server's CPU around it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.target import Target

PATIENCE = 180.0


class MeasurementFailed(Exception):
    """The load process reported an error, or none at all."""


@dataclass(slots=True)
class Result:
    """What one measurement gave. Times are seconds; `cpu` is per operation."""

    name: str
    protocol: str
    operations: int = 0
    elapsed: float = 0.0
    cpu: float | None = None
    latencies: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def rate(self) -> float:
        return self.operations / self.elapsed if self.elapsed else 0.0

    def percentile(self, share: float) -> float:
        """Of the latencies, by rank; 0 when there are none."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class LoadProcess:
    """A `tests.bench.load` or `tests.bench.watchers` process, connected when made."""

    def __init__(self, module: str, spec: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write(json.dumps(spec))
        line = self._read()
        if line != "ready":
            self.close()
            raise MeasurementFailed(_error(line))

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go(self) -> None:
        self._write("go")

    def report(self) -> dict[str, Any]:
        line = self._read()
        self.close()
        try:
            report: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise MeasurementFailed(_error(line)) from error
        if "error" in report:
            raise MeasurementFailed(report["error"])
        return report

    def close(self) -> None:
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)


def _error(line: str) -> str:
    try:
        return str(json.loads(line)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the load process said {line!r}"


def run_load(
    target: Target,
    name: str,
    protocol: str,
    spec: dict[str, Any],
    *,
    around: Sequence[Callable[[], None]] = (),
) -> Result:
    """`around`: called before the load starts and after it ends (the profiler's switch)."""
    load = LoadProcess("load", {"server": target.as_json(), "protocol": protocol, **spec})
    if around:
        around[0]()
    before = target.cpu_seconds()
    load.go()
    report = load.report()
    after = target.cpu_seconds()
    if around:
        around[1]()
    result = Result(name, protocol, len(report["latencies"]), report["elapsed"])
    result.latencies = report["latencies"]
    if before is not None and after is not None and result.operations:
        result.cpu = (after - before) / result.operations
    return result
