"""`kapiserver init`: the first node of a cluster over several machines."""

from __future__ import annotations

import argparse
import secrets

from kapiserver.cli import layout, snapshot
from kapiserver.cli.command import Command
from kapiserver.cli.machine import add_machine_flags, machine_of, write_machine
from kapiserver.cluster.formation import formed_id
from kapiserver.pki import Authority, new_signing_key
from raftstore import Member


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_machine_flags(parser)
    parser.add_argument(
        "--from-snapshot", metavar="FILE", help="begin with the content of a backup"
    )


def run(arguments: argparse.Namespace) -> int:
    machine = machine_of(arguments)
    cluster_id = f"kapi-{secrets.token_hex(6)}"
    if arguments.from_snapshot:
        backup = layout.absolute(arguments.from_snapshot)
        meta = snapshot.verified(backup)
        members = [Member(machine.name, machine.peer_address, False, (("url", machine.url),))]
        data = machine.directory / "data"
        data.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        formed = formed_id(cluster_id, [(machine.name, machine.peer_address)])
        snapshot.restore_data(backup, data, formed, machine.name, members)
        print(f"restored revision {meta.revision}")
    write_machine(
        machine, Authority.create(), new_signing_key(), cluster_id=cluster_id, joins=False
    )
    print(f"{machine.name} is set up in {machine.directory}. Start it (or let systemd do it):\n")
    print(f"  kapiserver serve --config {machine.config_path}\n")
    print("Then make a token for the next machine:\n")
    print(f"  kapiserver token create --data-dir {machine.directory}\n")
    print(f"kubectl's configuration: {machine.directory / 'kubeconfig'}")
    return 0


COMMAND = Command(
    "init",
    "Set up the first node of a cluster over several machines.",
    "kapiserver init --advertise-address 10.0.0.1",
    add_arguments,
    run,
)
