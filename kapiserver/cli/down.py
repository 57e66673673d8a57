"""`kapiserver down`: stop the nodes of a local cluster; the data stays."""

from __future__ import annotations

import argparse

import trio

from kapiserver.cli import layout, local
from kapiserver.cli.command import Command
from kapiserver.cli.processes import stop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    local.add_data_dir(parser)


async def stop_all(cluster: layout.LocalCluster) -> int:
    """Stop every node at once; returns how many were running."""
    stopped = []

    async def stop_one(node: layout.LocalNode) -> None:
        if await stop(node):
            stopped.append(node.name)
            print(f"{node.name} stopped")

    async with trio.open_nursery() as nursery:
        for node in cluster.nodes:
            nursery.start_soon(stop_one, node)
    return len(stopped)


def run(arguments: argparse.Namespace) -> int:
    cluster = layout.load(layout.absolute(arguments.data_dir))
    if not trio.run(stop_all, cluster):
        print("no node was running")
    return 0


COMMAND = Command(
    "down",
    "Stop the nodes that 'kapiserver up' started. The data stays.",
    "kapiserver down",
    add_arguments,
    run,
)
