"""`kapiserver status`: every node of a local cluster in one table, or as JSON."""

from __future__ import annotations

import argparse
import json

import trio

from kapiserver.cli import layout, local
from kapiserver.cli.command import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    local.add_data_dir(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every node is up, 1 when one is down."""
    cluster = layout.load(layout.absolute(arguments.data_dir))
    rows = trio.run(local.report, cluster)
    if arguments.output == "json":
        document = {
            "dataDir": str(cluster.directory),
            "clusterId": cluster.cluster_id,
            "nodes": [row.as_json() for row in rows],
        }
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(local.table(rows)))
    return 0 if all(row.role != "down" for row in rows) else 1


COMMAND = Command(
    "status",
    "Show role, term, revision, state hash and size of every node.",
    "kapiserver status -o json",
    add_arguments,
    run,
)
