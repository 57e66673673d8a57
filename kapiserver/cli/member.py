"""`kapiserver member list|remove`: who is in the cluster."""

from __future__ import annotations

import argparse
import json
from functools import partial

import trio

from kapiserver.cli.command import Command
from kapiserver.cli.target import add_target, find_target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="list|remove", required=True)
    listing = actions.add_parser("list", help="show the members")
    add_target(listing)
    listing.add_argument("-o", "--output", choices=("table", "json"), default="table")
    remove = actions.add_parser(
        "remove", help="take a member out; its node stops and needs an empty data folder to return"
    )
    add_target(remove)
    remove.add_argument("name", metavar="NAME", help="the member's name, as 'member list' shows it")


def run(arguments: argparse.Namespace) -> int:
    with find_target(arguments) as target:
        if arguments.action == "remove":
            path = f"/kapi/v1/members/{arguments.name}"
            trio.run(partial(target.call, "DELETE", path, timeout=30.0))
            print(f"{arguments.name} is no longer a member")
            return 0
        members = trio.run(target.call, "GET", "/kapi/v1/members")["members"]
    if arguments.output == "json":
        print(json.dumps(members, indent=2))
        return 0
    rows = [("NAME", "PEER ADDRESS", "ROLE", "URL")]
    rows += [(m["name"], m["peerAddress"], m["role"], m["url"] or "-") for m in members]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("   ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip())
    return 0


COMMAND = Command(
    "member",
    "List the members of the cluster, or remove one.",
    "kapiserver member remove node-3",
    add_arguments,
    run,
)
