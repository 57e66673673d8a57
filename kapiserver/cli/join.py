"""`kapiserver join HOST:PORT --token T`: set this machine up as a further node."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import trio

from kapiserver.cli.command import Command, CommandError
from kapiserver.cli.machine import add_machine_flags, machine_of, write_machine
from kapiserver.pki import Authority, PkiError
from kapiserver.setting_values import address
from raftstore.errors import TransportError
from raftstore.transport import request_join


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("peer", metavar="HOST:PORT", help="peer address of a node that is running")
    parser.add_argument(
        "--token", required=True, metavar="T", help="made there by 'kapiserver token create'"
    )
    add_machine_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        host, _ = address(arguments.peer)
    except ValueError as error:
        raise CommandError(f"{arguments.peer!r}: {error}", exit_status=2) from error
    pin, _, secret = arguments.token.partition(".")
    if len(pin) != 64 or not secret:
        raise CommandError(
            "--token is not a join token: copy the whole of what 'kapiserver token create' printed",
            exit_status=2,
        )
    machine = machine_of(arguments, towards=host)
    wanted = {
        "token": secret,
        "name": machine.name,
        "peer_address": machine.peer_address,
        "url": machine.url,
    }
    print(f"Asking {arguments.peer} to take in {machine.name} ({machine.peer_address})", flush=True)
    ask = partial(request_join, arguments.peer, wanted, ca_pin=f"sha256:{pin}")
    try:
        answer: dict[str, Any] = dict(trio.run(ask))
    except TransportError as error:
        raise CommandError(f"{arguments.peer}: {error}") from error
    except OSError as error:
        raise CommandError(
            f"{arguments.peer} cannot be reached: {error.strerror or error}"
        ) from error
    try:
        authority = Authority.load(answer["ca_certificate"], answer["ca_key"])
    except (PkiError, KeyError) as error:
        raise CommandError(f"{arguments.peer} sent an unusable answer: {error!r}") from error
    token_key: bytes = answer.get("token_key", b"")  # members of older versions do not send it
    write_machine(machine, authority, token_key, cluster_id=answer["cluster_id"], joins=True)
    print(f"{machine.name} is set up in {machine.directory}. Start it (or let systemd do it):\n")
    print(f"  kapiserver serve --config {machine.config_path}\n")
    print("It catches up as a learner and becomes a voting member by itself.")
    return 0


COMMAND = Command(
    "join",
    "Set this machine up as a further node of a running cluster.",
    "kapiserver join 10.0.0.1:2380 --token 3f2a…c1.k9x2…",
    add_arguments,
    run,
)
