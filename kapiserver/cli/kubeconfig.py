"""`kapiserver kubeconfig`: print the kubeconfig, or the shell line that selects it."""

from __future__ import annotations

import argparse
import sys

from kapiserver.cli import layout, local
from kapiserver.cli.command import Command, CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    local.add_data_dir(parser)
    parser.add_argument(
        "--export", action="store_true", help="print 'export KUBECONFIG=…' for eval"
    )


def run(arguments: argparse.Namespace) -> int:
    directory = layout.absolute(arguments.data_dir)
    path = directory / "kubeconfig"
    if not path.exists():
        raise CommandError(
            f"there is no kubeconfig in {directory} (--data-dir): make a cluster with "
            "'kapiserver up' or 'kapiserver init'"
        )
    if arguments.export:
        print(f"export KUBECONFIG={path}")
        return 0
    try:
        sys.stdout.write(path.read_text())
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    return 0


COMMAND = Command(
    "kubeconfig",
    "Print the kubeconfig of a cluster made on this machine.",
    'eval "$(kapiserver kubeconfig --export)"',
    add_arguments,
    run,
)
