"""The process of a test's server: `python -m kapiserver.testing.child DIR NAME=VALUE…`

In: an empty folder, and settings. Out: certificates and a kubeconfig in the folder, a line of JSON
on standard output when the node is ready, log lines on standard error. It runs until its standard
input ends, which it does with the test run, however that ends; then it removes the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import trio

from kapiserver import logs
from kapiserver.config import ConfigError, ServerConfig, make_config
from kapiserver.pki import (
    Authority,
    Context,
    KeyPair,
    new_signing_key,
    write_kubeconfig,
    write_private,
)
from kapiserver.server import StartError, run_node
from kapiserver.testing import files
from kapiserver.testing.disk import UnsyncedDisk
from kapiserver.testing.reset import Reset
from raftstore.errors import StoreError

HOST = "127.0.0.1"
ADMIN = "kapi-admin"
# Nobody waits for a test's last requests.
GRACE = "100ms"


def settings_in(directory: Path, given: Mapping[str, str]) -> ServerConfig:
    """The node's settings. Raises ConfigError."""
    return make_config(
        {
            "data-dir": str(directory / files.DATA),
            "bind-address": HOST,
            "secure-port": "0",
            "tls-cert-file": str(directory / files.SERVER_CERTIFICATE),
            "tls-private-key-file": str(directory / files.SERVER_KEY),
            "client-ca-file": str(directory / files.CA),
            "service-account-signing-key-file": str(directory / files.TOKEN_KEY),
            "shutdown-grace-period": GRACE,
            **given,
        }
    )


def make_certificates(directory: Path) -> tuple[Authority, KeyPair]:
    """The CA, and the administrator's certificate; the server's files lie in the folder."""
    authority = Authority.create()
    authority.write(directory)
    server = authority.server("kapiserver", [HOST, "localhost"])
    server.write(directory / files.SERVER_CERTIFICATE, directory / files.SERVER_KEY)
    admin = authority.client(ADMIN, ["system:masters"])
    admin.write(directory / files.ADMIN_CERTIFICATE, directory / files.ADMIN_KEY)
    write_private(directory / files.TOKEN_KEY, new_signing_key())
    return authority, admin


async def serve(directory: Path, config: ServerConfig) -> None:
    authority, admin = make_certificates(directory)
    reset = Reset()
    shutdown = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_with_input, shutdown)
        nursery.start_soon(_end_on_signal, shutdown)
        async with trio.open_nursery() as node:
            url = await node.start(
                partial(
                    run_node,
                    config,
                    shutdown=shutdown,
                    more_paths=reset.paths,
                    disk=UnsyncedDisk(),
                )
            )
            reset.keep()
            write_kubeconfig(
                directory / files.KUBECONFIG,
                [Context("kapi", url)],
                ca=authority.certificate_pem,
                user=ADMIN,
                credentials=admin,
                current="kapi",
            )
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()
        nursery.cancel_scope.cancel()


async def _end_with_input(shutdown: trio.Event) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some():
            continue  # nothing is expected
    shutdown.set()


async def _end_on_signal(shutdown: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            shutdown.set()


def main(arguments: list[str]) -> int:
    directory = Path(arguments[0])
    given = dict(argument.split("=", 1) for argument in arguments[1:])
    try:
        config = settings_in(directory, given)
        logs.configure(level=config.log_level, form=config.log_format)
        trio.run(serve, directory, config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except BaseExceptionGroup as group:
        expected, rest = group.split((StartError, StoreError))
        if expected is None or rest is not None:
            raise
        sys.stderr.write(f"the node has stopped: {expected.exceptions[0]!r}\n")
        return 1
    # After a failure the folder stays: the test's side reads the log in it.
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
