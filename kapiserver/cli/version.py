"""`kapiserver version`."""

from __future__ import annotations

import argparse
import json
import platform

from kapiserver.cli.command import Command
from kapiserver.version import KUBERNETES_VERSION, VERSION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    facts = {
        "kapiserver": VERSION,
        "kubernetes": KUBERNETES_VERSION,
        "python": platform.python_version(),
    }
    if arguments.output == "json":
        print(json.dumps(facts))
    else:
        print(
            f"kapiserver {VERSION} (Kubernetes API {KUBERNETES_VERSION}, Python {facts['python']})"
        )
    return 0


COMMAND = Command("version", "Print the version.", "kapiserver version -o json", add_arguments, run)
