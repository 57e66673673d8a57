"""`kapiserver serve`: one node in the foreground, for systemd, a container or `kapiserver up`."""

from __future__ import annotations

import argparse
import signal

import trio

from kapiserver import logs
from kapiserver.cli.command import Command, CommandError
from kapiserver.config import ConfigError, ServerConfig, add_flags, from_arguments
from raftstore.errors import StoreError


def run(arguments: argparse.Namespace) -> int:
    try:
        config = from_arguments(arguments)
    except ConfigError as error:
        raise CommandError(str(error), exit_status=2) from error
    # imported here: the other commands need not wait for the whole server to load
    from kapiserver.server import StartError

    logs.configure(level=config.log_level, form=config.log_format)
    try:
        trio.run(_serve, config)
    except BaseExceptionGroup as group:
        expected, rest = group.split((StartError, StoreError))
        if expected is None or rest is not None:
            raise
        failure = _first(expected)
        stopped = "" if isinstance(failure, StartError) else "the node has stopped: "
        raise CommandError(f"{stopped}{failure}") from group
    return 0


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _serve(config: ServerConfig) -> None:
    from kapiserver.server import run_node

    shutdown = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, shutdown)
        await run_node(config, shutdown=shutdown)
        nursery.cancel_scope.cancel()


async def _stop_on_signal(shutdown: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            shutdown.set()


COMMAND = Command(
    "serve",
    "Run one node in the foreground.",
    "kapiserver serve --config /var/lib/kapiserver/config.yaml",
    add_flags,
    run,
)
