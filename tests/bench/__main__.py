"""`python -m tests.bench`: what an API server costs per operation, next to the reference figures.

Without --server it starts nodes of its own (data in a temporary folder) and measures start-up,
memory and fail-over too. With --server it measures any API server in namespaces named bench-*,
which it deletes afterwards.
"""

from __future__ import annotations

import argparse
import json
import pstats
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from os import kill
from pathlib import Path

from tests.bench import own, reference, report
from tests.bench.cases import CASES, LARGE, Bench, version_of
from tests.bench.client import Caller
from tests.bench.connection import ConnectionFailed
from tests.bench.measure import MeasurementFailed, Result
from tests.bench.nodes import NodeFailed, Nodes
from tests.bench.target import Target, TargetError, from_kubeconfig, from_url

OWN_CASES = ("memory", "start-up", "fail-over")
PROFILE_LINES = 25
PROFILE_SECONDS = 10.0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure an API server: CPU per operation, latency, memory.",
        epilog=(
            "examples:\n  python -m tests.bench --quick\n"
            "  python -m tests.bench --only get,list --profile\n"
            "  python -m tests.bench --server https://10.0.0.1:6443 --kubeconfig ~/.kube/config"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--server", metavar="URL", help="measure this server")
    parser.add_argument("--kubeconfig", metavar="FILE", help="its credentials")
    parser.add_argument("--context", default="", help="a context of the kubeconfig")
    parser.add_argument(
        "--server-pid", metavar="PID[,PID]", default="", help="its processes, store included"
    )
    names = [*CASES, *OWN_CASES]
    parser.add_argument("--only", metavar="NAME,…", help=f"some of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--json", metavar="FILE", help="write the results there as well")
    parser.add_argument(
        "--profile", action="store_true", help="print the hottest functions of our node per case"
    )
    arguments = parser.parse_args(argv)
    arguments.only = set(arguments.only.split(",")) if arguments.only else set(names)
    if unknown := arguments.only - set(names):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not one of {', '.join(names)}")
    foreign = arguments.server or arguments.kubeconfig
    if foreign and arguments.profile:
        parser.error("--profile is for nodes that the benchmark starts: leave out --server")
    return arguments


class Results:
    """Prints each result as it comes and keeps it."""

    def __init__(self) -> None:
        self.all: list[Result] = []

    def show(self, result: Result) -> None:
        self.all.append(result)
        print(report.row(result), flush=True)


def memory_row(name: str, target: Target, compared: int) -> Result:
    resident = target.resident_bytes() or 0
    text = (
        f"{resident / 2**20:.0f} MiB; reference {compared / 2**20:.0f} MiB, "
        f"ratio {resident / compared:.2f}"
    )
    return Result(name, "", 1, 0.0, note=text)


def run_cases(bench: Bench, only: set[str]) -> None:
    for name, case in CASES.items():
        if name in only:
            case(bench)


def foreign(arguments: argparse.Namespace, results: Results) -> None:
    with tempfile.TemporaryDirectory(prefix="kapi-bench-") as directory:
        if arguments.kubeconfig:
            server = from_kubeconfig(
                Path(arguments.kubeconfig),
                Path(directory),
                context=arguments.context,
                url=arguments.server or "",
            )
        else:
            server = from_url(arguments.server)
        pids = [int(pid) for pid in filter(None, arguments.server_pid.split(","))]
        target = Target(server, pids)
        print(f"{server.host}:{server.port}, version {version_of(target)}\n\n{report.HEAD}")
        if pids and "memory" in arguments.only:
            results.show(memory_row("memory before", target, reference.MEMORY_IDLE))
        bench = Bench(target, quick=arguments.quick, show=results.show)
        try:
            run_cases(bench, arguments.only)
        finally:
            bench.clean()
        if pids and "memory" in arguments.only:
            results.show(memory_row("memory after", target, reference.MEMORY_FILLED))


def profiler(nodes: Nodes) -> tuple[Callable[[], None], Callable[[str], None]]:
    node = nodes.nodes[0]
    path = node.directory / "profile"

    def start() -> None:
        path.unlink(missing_ok=True)
        kill(nodes.pid(node), signal.SIGUSR1)
        with Caller(nodes.server(node)) as caller:
            caller.call("GET", "/livez")  # the handler ran before this was answered

    def stop(name: str) -> None:
        kill(nodes.pid(node), signal.SIGUSR2)
        deadline = time.monotonic() + PROFILE_SECONDS
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        print(f"\n--- profile: {name}")
        statistics = pstats.Stats(str(path))
        statistics.strip_dirs().sort_stats("tottime").print_stats(PROFILE_LINES)

    return start, stop


def ours(arguments: argparse.Namespace, results: Results) -> None:
    only = arguments.only
    print(report.HEAD)
    if "start-up" in only and not arguments.profile:
        seconds, cpu = own.start_up(2 if arguments.quick else 4)
        note = f"CPU {cpu:.2f} s; {reference.START_UP_AIM}"
        results.show(own.summary("start-up of one node", seconds, note))
    if only & set(CASES) or "memory" in only:
        with tempfile.TemporaryDirectory(prefix="kapi-bench-") as directory:
            nodes = Nodes(Path(directory), 1, profiled=arguments.profile)
            try:
                nodes.start()
                one_node(arguments, results, nodes)
            finally:
                nodes.stop()
    if "fail-over" in only and not arguments.profile:
        outages, started = own.fail_over(2 if arguments.quick else 5)
        results.show(own.summary("start-up of three nodes", started, "all ready"))
        results.show(own.summary("fail-over", outages, f"reference {reference.FAIL_OVER}"))


def one_node(arguments: argparse.Namespace, results: Results, nodes: Nodes) -> None:
    target = nodes.target(nodes.nodes[0])
    profile = profiler(nodes) if arguments.profile else None
    bench = Bench(target, quick=arguments.quick, show=results.show, profile=profile)
    measure_memory = "memory" in arguments.only and not arguments.profile
    if measure_memory:
        time.sleep(1.0)
        results.show(memory_row("memory, idle", target, reference.MEMORY_IDLE))
        bench.filled(LARGE, 10_000)
        time.sleep(1.0)
        results.show(memory_row("memory, 10,000 objects", target, reference.MEMORY_FILLED))
    run_cases(bench, arguments.only)
    if measure_memory and arguments.only & set(CASES):
        results.show(memory_row("memory, at the end", target, reference.MEMORY_FILLED))


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))
    results = Results()
    status = 0
    try:
        if arguments.server or arguments.kubeconfig:
            foreign(arguments, results)
        else:
            ours(arguments, results)
    except (MeasurementFailed, NodeFailed, TargetError, ConnectionFailed, OSError) as error:
        print(f"the measurement failed: {error}", file=sys.stderr)
        status = 1
    if arguments.json:
        rows = [report.as_json(result) for result in results.all]
        Path(arguments.json).write_text(json.dumps(rows, indent=2) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
