"""The server that is measured: how to reach it, and what its processes cost.

CPU and memory come from /proc, so they are known only for processes of this machine whose ids are
given.
"""

from __future__ import annotations

import base64
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ryaml

from tests.bench.connection import Server

TICKS = os.sysconf("SC_CLK_TCK")


class TargetError(Exception):
    """The kubeconfig or the URL cannot be used; the text says why."""


@dataclass(slots=True)
class Target:
    """`pids` are the server's processes (API server and store together), none if unknown."""

    server: Server
    pids: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self.server)

    def cpu_seconds(self) -> float | None:
        """User and system time of all server processes so far."""
        if not self.pids:
            return None
        return sum(cpu_seconds(pid) for pid in self.pids)

    def resident_bytes(self) -> int | None:
        if not self.pids:
            return None
        return sum(resident_bytes(pid) for pid in self.pids)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def from_url(url: str, **credentials: str) -> Server:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise TargetError(f"{url!r} is not an https URL")
    return Server(parts.hostname, parts.port or 443, **credentials)


def from_kubeconfig(path: Path, directory: Path, *, context: str = "", url: str = "") -> Server:
    """The server and credentials of a context; embedded certificates are written to `directory`."""
    try:
        document = ryaml.loads(path.read_text())
        contexts = {entry["name"]: entry["context"] for entry in document["contexts"]}
        chosen = contexts[context or document["current-context"]]
        clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
        users = {entry["name"]: entry["user"] for entry in document["users"]}
        cluster, user = clusters[chosen["cluster"]], users[chosen["user"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"{path} is not a usable kubeconfig: {error!r}") from error

    def as_file(entry: dict[str, str], name: str) -> str:
        embedded = entry.get(f"{name}-data")
        if not embedded:
            return entry.get(name, "")
        file = directory / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(embedded))
        return str(file)

    return from_url(
        url or cluster["server"],
        ca=as_file(cluster, "certificate-authority"),
        certificate=as_file(user, "client-certificate"),
        key=as_file(user, "client-key"),
        token=user.get("token", ""),
    )
