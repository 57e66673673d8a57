"""`kapiserver up`: a cluster on this machine, made if need be, started where it is not running."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import trio

from kapiserver.cli import layout, local
from kapiserver.cli.client import Credentials, RequestFailed, call, request
from kapiserver.cli.command import Command, CommandError
from kapiserver.cli.down import stop_all
from kapiserver.cli.processes import log_tail, running_pid, start

READY_SECONDS = 60.0
REDRAW_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--nodes", type=int, metavar="N", help="how many nodes (default: 3, or as it was made)"
    )
    local.add_data_dir(parser)
    parser.add_argument(
        "--port",
        type=int,
        metavar="BASE",
        help=f"node i serves on BASE+i-1 (default: {layout.DEFAULT_PORT}, or as it was made)",
    )
    parser.add_argument(
        "--detach", action="store_true", help="return when all nodes are ready, leave them running"
    )


def run(arguments: argparse.Namespace) -> int:
    cluster = _cluster(arguments)
    idle = [node for node in cluster.nodes if running_pid(node) is None]
    for node in idle:
        if not layout.port_is_free(node.port):
            raise CommandError(
                f"port {node.port} is in use by another program: free it, or choose other ports "
                "with --port (and another --data-dir if this one has a cluster already)"
            )
    return trio.run(_up, cluster, idle, arguments.detach)


def _cluster(arguments: argparse.Namespace) -> layout.LocalCluster:
    directory = layout.absolute(arguments.data_dir)
    if layout.exists(directory):
        cluster = layout.load(directory)
        if arguments.nodes not in (None, len(cluster.nodes)):
            raise CommandError(
                f"the cluster in {directory} has {len(cluster.nodes)} nodes: leave out --nodes, or "
                "use another --data-dir",
                exit_status=2,
            )
        if arguments.port not in (None, cluster.nodes[0].port):
            raise CommandError(
                f"the cluster in {directory} serves on port {cluster.nodes[0].port} and up: leave "
                "out --port, or use another --data-dir",
                exit_status=2,
            )
        layout.complete(cluster)
        return cluster
    count = 3 if arguments.nodes is None else arguments.nodes
    base = layout.DEFAULT_PORT if arguments.port is None else arguments.port
    if not 1 <= count <= 9:
        raise CommandError("--nodes must be from 1 to 9 (odd numbers are best)", exit_status=2)
    if not 1 <= base <= 65536 - count:
        raise CommandError(f"--port must be from 1 to {65536 - count}", exit_status=2)
    for port in range(base, base + count):
        if not layout.port_is_free(port):
            raise CommandError(
                f"port {port} is in use by another program: free it, or choose others with --port"
            )
    print(f"Making certificates and configuration in {directory}", flush=True)
    return layout.create(directory, count=count, base_port=base)


async def _up(cluster: layout.LocalCluster, idle: list[layout.LocalNode], detach: bool) -> int:
    with _stop_signals() as signals:
        started = trio.current_time()
        running = len(cluster.nodes) - len(idle)
        if running:
            print(f"{running} of {len(cluster.nodes)} nodes are running already", flush=True)
        lost = [node for node in idle if cluster.formed and not node.has_data]
        for node in lost:
            node.formed_mark.unlink(missing_ok=True)  # it comes back as a new member
        processes = {node.name: start(node, joins=node in lost) for node in idle}
        interrupted = False
        async with trio.open_nursery() as nursery:

            async def watch_signals() -> None:
                nonlocal interrupted
                await signals.__anext__()
                interrupted = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch_signals)
            if lost:
                await _join_again(cluster, lost, processes, started)
            await _wait_all_ready(cluster, cluster.nodes, processes, started)
            if not cluster.formed:
                layout.save(replace(cluster, formed=True))
            _print_next_steps(cluster, trio.current_time() - started, detach)
            if detach:
                nursery.cancel_scope.cancel()
            else:
                await _show_status(cluster)
        if interrupted:
            print("\nStopping the nodes (the data stays)", flush=True)
            await stop_all(cluster)
    return 0


@contextmanager
def _stop_signals() -> Iterator[trio.abc.ReceiveChannel[int]]:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        yield received  # type: ignore[misc]


async def _join_again(
    cluster: layout.LocalCluster,
    lost: list[layout.LocalNode],
    processes: dict[str, subprocess.Popen[bytes]],
    started: float,
) -> None:
    """Nodes without data come back as new members and are filled from the others."""
    others = [node for node in cluster.nodes if node not in lost]
    if not others:
        await stop_started(cluster, processes)
        raise CommandError(
            f"no node in {cluster.directory} has data any more: restore a backup with 'kapiserver "
            "snapshot restore', or delete the folder to start over"
        )
    await _wait_all_ready(cluster, others, processes, started)
    credentials = local.credentials_of(cluster)
    for node in lost:
        print(f"{node.name} has no data: it joins again and is filled from the others", flush=True)
        body = {"name": node.name, "peerAddress": node.peer_address, "url": node.url}
        try:
            url = f"{others[0].url}/kapi/v1/members"
            await call("POST", url, credentials, body=body, timeout=30.0)
        except RequestFailed as error:
            await stop_started(cluster, processes)
            raise CommandError(f"{node.name} cannot join again: {error}") from error


async def _wait_all_ready(
    cluster: layout.LocalCluster,
    nodes: Sequence[layout.LocalNode],
    processes: dict[str, subprocess.Popen[bytes]],
    started: float,
) -> None:
    credentials = local.credentials_of(cluster)

    async def wait(node: layout.LocalNode) -> None:
        await _wait_ready(node, credentials, processes.get(node.name))
        print(
            f"{node.name} ready at {node.url} ({trio.current_time() - started:.1f} s)", flush=True
        )

    try:
        async with trio.open_nursery() as nursery:
            for node in nodes:
                nursery.start_soon(wait, node)
    except* CommandError as group:
        await stop_started(cluster, processes)
        first = group.exceptions[0]
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def stop_started(
    cluster: layout.LocalCluster, processes: dict[str, subprocess.Popen[bytes]]
) -> None:
    """Leave nothing half-started behind: stop what this command started."""
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    for node in cluster.nodes:
        if node.name in processes:
            node.pid_path.unlink(missing_ok=True)


async def _wait_ready(
    node: layout.LocalNode, credentials: Credentials, process: subprocess.Popen[bytes] | None
) -> None:
    with trio.move_on_after(READY_SECONDS) as limit:
        while True:
            if process is not None and process.poll() is not None:
                raise CommandError(
                    f"{node.name} stopped with exit status {process.returncode}; the end of "
                    f"{node.log_path}:\n{log_tail(node)}"
                )
            try:
                async with request("GET", f"{node.url}/readyz", credentials, timeout=2.0) as answer:
                    if answer.status == 200:
                        return
            except RequestFailed:
                pass  # not listening yet
            await trio.sleep(0.05)
    if limit.cancelled_caught:
        raise CommandError(
            f"{node.name} did not become ready within {READY_SECONDS:.0f} s; the end of "
            f"{node.log_path}:\n{log_tail(node)}"
        )


def _print_next_steps(cluster: layout.LocalCluster, seconds: float, detach: bool) -> None:
    count = len(cluster.nodes)
    what = "The node is" if count == 1 else f"All {count} nodes are"
    lines = [
        f"{what} ready ({seconds:.1f} s). In a shell, type:",
        "",
        f"  export KUBECONFIG={cluster.kubeconfig}",
    ]
    beside = Path(sys.executable).parent
    if shutil.which("kubectl") is None and (beside / "kubectl").exists():
        lines.append(f"  export PATH={beside}:$PATH")
    lines.append("  kubectl get namespaces")
    if count > 1:
        lines.append("  kubectl --context kapi-2 get namespaces     # any node answers")
    if detach:
        where = ""
        if cluster.directory != layout.absolute(layout.DEFAULT_DIRECTORY):
            where = f" --data-dir {layout.shortest(cluster.directory)}"
        tool = "kapiserver"
        if shutil.which("kapiserver") is None and (beside / "kapiserver").exists():
            tool = layout.shortest(beside / "kapiserver")
        lines += ["", f"  {tool} status{where}", f"  {tool} down{where}"]
    print("\n" + "\n".join(lines) + "\n", flush=True)


async def _show_status(cluster: layout.LocalCluster) -> None:
    """Until cancelled: redraw the table on a terminal, or print a line per change elsewhere."""
    live = sys.stdout.isatty()
    print("Ctrl-C stops the nodes. Their state:\n", flush=True)
    drawn = 0
    before: list[tuple[str, str]] = []
    while True:
        rows = await local.report(cluster)
        if live:
            if drawn:
                sys.stdout.write(f"\x1b[{drawn}A")
            lines = local.table(rows)
            sys.stdout.write("".join(f"\x1b[2K{line}\n" for line in lines))
            sys.stdout.flush()
            drawn = len(lines)
        else:
            roles = [(row.name, row.role) for row in rows]
            for change in roles:
                if change not in before:
                    print(f"{change[0]} is {change[1]}", flush=True)
            before = roles
        await trio.sleep(REDRAW_SECONDS)


COMMAND = Command(
    "up",
    "Start a cluster on this machine: certificates, kubeconfig, three nodes.",
    "kapiserver up --nodes 3 --detach",
    add_arguments,
    run,
)
