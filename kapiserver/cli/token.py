"""`kapiserver token create`: a token with which another machine can join."""

from __future__ import annotations

import argparse
from functools import partial

import trio

from kapiserver.cli.command import Command, CommandError
from kapiserver.cli.target import add_target, find_target
from kapiserver.setting_values import duration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="create", required=True)
    create = actions.add_parser("create", help="make a token and print the join command")
    add_target(create)
    create.add_argument(
        "--ttl", metavar="DURATION", default="24h", help="how long it is valid (default: 24h)"
    )
    create.add_argument("--quiet", action="store_true", help="print the token only")


def run(arguments: argparse.Namespace) -> int:
    try:
        ttl = duration(arguments.ttl)
    except ValueError as error:
        raise CommandError(f"--ttl: {error}", exit_status=2) from error
    with find_target(arguments) as target:
        create = partial(target.call, "POST", "/kapi/v1/tokens", body={"ttlSeconds": ttl})
        answer = trio.run(create)
    if arguments.quiet:
        print(answer["token"])
    else:
        print("On the machine that is to join, type:\n")
        print(f"  kapiserver join {answer['peerAddress']} --token {answer['token']}\n")
        print(f"The token is valid for {arguments.ttl}.")
    return 0


COMMAND = Command(
    "token",
    "Make a token with which another machine can join.",
    "kapiserver token create --ttl 1h",
    add_arguments,
    run,
)
