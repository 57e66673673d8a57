"""The entry point: finds the command, runs it, and turns its failure into one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kapiserver.cli import (
    down,
    init,
    join,
    kubeconfig,
    member,
    serve,
    snapshot,
    status,
    token,
    up,
    version,
)
from kapiserver.cli.command import Command, CommandError

COMMANDS: tuple[Command, ...] = (
    up.COMMAND,
    down.COMMAND,
    status.COMMAND,
    serve.COMMAND,
    init.COMMAND,
    join.COMMAND,
    token.COMMAND,
    member.COMMAND,
    snapshot.COMMAND,
    kubeconfig.COMMAND,
    version.COMMAND,
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kapiserver",
        description="A Kubernetes API server with a replicated store inside: no etcd to run.",
        epilog="Start here:  kapiserver up\nHelp on a command:  kapiserver COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=f"Example:\n  {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status (0 fine, 1 failed, 2 wrong usage)."""
    arguments = make_parser().parse_args(argv)
    try:
        status = _run(arguments)
    except CommandError as error:
        print(f"kapiserver {arguments.command}: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away (kapiserver status | head)
        sys.stderr.close()
        return 1
    return status


def _run(arguments: argparse.Namespace) -> int:
    """Run the command; a failure inside a nursery comes out as what it is."""
    try:
        status: int = arguments.run(arguments)
    except BaseExceptionGroup as group:
        leaf: BaseException = group
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        if isinstance(leaf, (CommandError, KeyboardInterrupt, BrokenPipeError)):
            raise leaf from group
        raise
    return status


if __name__ == "__main__":
    sys.exit(main())
