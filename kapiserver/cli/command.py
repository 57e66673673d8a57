"""What a command is, and how it fails: one clear line on stderr, exit status 1 (2 for usage)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple


class CommandError(Exception):
    """The command cannot do what was asked; the text says why and what to do."""

    def __init__(self, message: str, *, exit_status: int = 1) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Command(NamedTuple):
    """`run` gets the parsed arguments and returns the exit status."""

    name: str
    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
