"""What the commands on a local cluster share: the --data-dir flag, credentials, node status."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import trio

from kapiserver.cli import layout
from kapiserver.cli.client import Credentials, RequestFailed, call
from kapiserver.cli.processes import running_pid


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        default=layout.DEFAULT_DIRECTORY,
        help=f"the cluster's folder (default: ./{layout.DEFAULT_DIRECTORY})",
    )


def credentials_of(cluster: layout.LocalCluster) -> Credentials:
    """The admin's certificate."""
    pki = cluster.pki
    return Credentials(pki / "ca.crt", pki / "admin.crt", pki / "admin.key")


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One row of `kapiserver status`. `role` is down when the node does not answer."""

    name: str
    url: str
    pid: int | None
    role: str
    term: int | None = None
    commit_index: int | None = None
    applied_revision: int | None = None
    state_hash: str = ""
    database_size: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "url": self.url,
            "pid": self.pid,
            "role": self.role,
            "term": self.term,
            "commitIndex": self.commit_index,
            "appliedRevision": self.applied_revision,
            "stateHash": self.state_hash,
            "databaseSize": self.database_size,
        }


async def report_node(node: layout.LocalNode, credentials: Credentials) -> NodeReport:
    pid = running_pid(node)
    if pid is None:
        return NodeReport(node.name, node.url, None, "down")
    try:
        facts = await call("GET", f"{node.url}/kapi/v1/status", credentials, timeout=2.0)
    except RequestFailed:
        return NodeReport(node.name, node.url, pid, "down")
    return NodeReport(
        node.name,
        node.url,
        pid,
        facts["role"],
        facts["term"],
        facts["commitIndex"],
        facts["appliedRevision"],
        facts["stateHash"],
        facts["databaseSize"],
    )


async def report(cluster: layout.LocalCluster) -> list[NodeReport]:
    """All nodes, asked at the same time, in their order."""
    credentials = credentials_of(cluster)
    rows: dict[str, NodeReport] = {}

    async def ask(node: layout.LocalNode) -> None:
        rows[node.name] = await report_node(node, credentials)

    async with trio.open_nursery() as nursery:
        for node in cluster.nodes:
            nursery.start_soon(ask, node)
    return [rows[node.name] for node in cluster.nodes]


def human_size(size: int | None) -> str:
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def table(rows: list[NodeReport]) -> list[str]:
    """Aligned lines, the head first."""
    cells = [
        ("NAME", "URL", "PID", "ROLE", "TERM", "COMMIT", "REVISION", "STATE HASH", "DB SIZE"),
        *(
            (
                row.name,
                row.url,
                str(row.pid or "-"),
                row.role,
                str(row.term if row.term is not None else "-"),
                str(row.commit_index if row.commit_index is not None else "-"),
                str(row.applied_revision if row.applied_revision is not None else "-"),
                row.state_hash[:24] or "-",
                human_size(row.database_size),
            )
            for row in rows
        ),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
