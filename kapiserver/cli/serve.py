"""`kapiserver serve`: one node in the foreground, for systemd, a container or `kapiserver up`."""

from __future__ import annotations

import argparse
import logging
import signal

import trio

from kapiserver import logs
from kapiserver.cli.command import Command, CommandError
from kapiserver.config import ConfigError, ServerConfig, add_flags, from_arguments
from kapiserver.server import StartError, run_node
from raftstore.errors import StoreError

log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    try:
        config = from_arguments(arguments)
    except ConfigError as error:
        raise CommandError(str(error), exit_status=2) from error
    logs.configure(level=config.log_level, form=config.log_format)
    try:
        trio.run(_serve, config, strict_exception_groups=False)
    except StartError as error:
        raise CommandError(str(error)) from error
    except StoreError as error:
        log.error("the node has stopped: %s", error)
        raise CommandError(f"the node has stopped: {error}") from error
    return 0


async def _serve(config: ServerConfig) -> None:
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
