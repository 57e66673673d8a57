"""Node processes of a local cluster: start, find, stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import trio

from kapiserver.cli.command import CommandError
from kapiserver.cli.layout import LocalNode


def running_pid(node: LocalNode) -> int | None:
    """The pid of the node's process, or None. A pid that now belongs to another is not it."""
    try:
        pid = int(node.pid_path.read_text())
    except (OSError, ValueError):
        return None
    return pid if _is_node(pid, node) else None


def _is_node(pid: int, node: LocalNode) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    proc = Path(f"/proc/{pid}")
    if not proc.parent.is_dir() or not Path("/proc/self").exists():
        return True  # no /proc on this system: the pid has to do
    try:
        state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
        command = (proc / "cmdline").read_bytes()
    except OSError:
        return False
    return state != "Z" and os.fsencode(node.config_path) in command


def start(node: LocalNode, *, joins: bool = False) -> subprocess.Popen[bytes]:
    """Start the node in a session of its own, so that Ctrl-C here does not reach it directly.

    `joins`: it has no data and waits until it is added to the running cluster.
    """
    command = [sys.executable, "-m", "kapiserver", "serve", "--config", str(node.config_path)]
    if joins:
        command += ["--initial-cluster-state", "existing"]
    try:
        with node.log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=node.directory,
            )
        node.pid_path.write_text(f"{process.pid}\n")
    except OSError as error:
        raise CommandError(f"cannot start {node.name}: {error}") from error
    return process


def log_tail(node: LocalNode, lines: int = 5) -> str:
    try:
        text = node.log_path.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


async def wait_gone(node: LocalNode, pid: int) -> None:
    """Returns when the process has ended (it need not be our child)."""
    while _is_node(pid, node):  # noqa: ASYNC110 (a process that is not our child sends no event)
        await trio.sleep(0.02)


async def stop(node: LocalNode, *, grace_seconds: float = 30.0) -> bool:
    """SIGTERM, then SIGKILL after the grace period; False when it was not running."""
    pid = running_pid(node)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    with trio.move_on_after(grace_seconds) as limit:
        await wait_gone(node, pid)
    if limit.cancelled_caught:
        os.kill(pid, signal.SIGKILL)
        await wait_gone(node, pid)
    node.pid_path.unlink(missing_ok=True)
    return True
