"""The folder of one node on a machine of its own (`kapiserver init` and `join`).

DIR/config.yaml, DIR/kubeconfig, DIR/pki/ (CA, certificates, token key), DIR/data/.
"""

from __future__ import annotations

import argparse
import json
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from kapiserver.cli import layout
from kapiserver.cli.command import CommandError
from kapiserver.pki import Authority, Context, PkiError, write_kubeconfig, write_private

DEFAULT_DIRECTORY = "/var/lib/kapiserver"
DEFAULT_PEER_PORT = 2380


@dataclass(frozen=True, slots=True)
class Machine:
    """What a node on its own machine is called and where it listens."""

    directory: Path
    name: str
    address: str
    port: int
    peer_port: int

    @property
    def url(self) -> str:
        return f"https://{_bracketed(self.address)}:{self.port}"

    @property
    def peer_address(self) -> str:
        return f"{_bracketed(self.address)}:{self.peer_port}"

    @property
    def config_path(self) -> Path:
        return self.directory / "config.yaml"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        default=DEFAULT_DIRECTORY,
        help=f"the node's folder (default: {DEFAULT_DIRECTORY})",
    )
    parser.add_argument("--name", metavar="NAME", help="the node's name (default: the host name)")
    parser.add_argument(
        "--advertise-address",
        metavar="IP",
        help="the address that clients and other nodes use (default: the one of the default route)",
    )
    parser.add_argument(
        "--port", type=int, metavar="PORT", default=layout.DEFAULT_PORT, help="API port"
    )
    parser.add_argument(
        "--peer-port", type=int, metavar="PORT", default=DEFAULT_PEER_PORT, help="peer port"
    )


def machine_of(arguments: argparse.Namespace, *, towards: str = "192.0.2.1") -> Machine:
    """The machine that the flags describe; CommandError if the folder is in use."""
    directory = layout.absolute(arguments.data_dir)
    try:
        taken = (directory / "config.yaml").exists()
    except OSError as error:
        raise CommandError(f"cannot read {directory} (--data-dir): {error.strerror}") from error
    if taken:
        raise CommandError(
            f"{directory} (--data-dir) has a node already: start it with 'kapiserver serve "
            f"--config {directory / 'config.yaml'}', or choose another folder"
        )
    address = arguments.advertise_address or _local_address(towards)
    return Machine(
        directory,
        arguments.name or platform.node() or "node-1",
        address,
        arguments.port,
        arguments.peer_port,
    )


def _local_address(towards: str) -> str:
    """The address that the machine would send from; no packet is sent."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError as error:
            raise CommandError(
                f"cannot find this machine's address ({error.strerror}): give --advertise-address"
            ) from error
        address: str = probe.getsockname()[0]
        return address


def write_machine(
    machine: Machine, authority: Authority, token_key: bytes, *, cluster_id: str, joins: bool
) -> None:
    """Certificates, keys, kubeconfig and, last, the config of a node."""
    pki = machine.directory / "pki"
    hosts = [machine.address, "127.0.0.1", "::1", machine.name, *layout.SERVICE_NAMES]
    try:
        machine.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority.write(pki)
        authority.server(machine.name, hosts).write(pki / "server.crt", pki / "server.key")
        authority.peer(machine.name, [machine.address, machine.name]).write(
            pki / "peer.crt", pki / "peer.key"
        )
        admin = authority.client(layout.ADMIN, ["system:masters"])
        admin.write(pki / "admin.crt", pki / "admin.key")
        layout.write_identity(pki, authority, token_key)
        write_kubeconfig(
            machine.directory / "kubeconfig",
            [Context("kapi", machine.url)],
            ca=authority.certificate_pem,
            user=layout.ADMIN,
            credentials=admin,
            current="kapi",
        )
        write_private(
            machine.config_path, _settings(machine, cluster_id, joins=joins, tokens=bool(token_key))
        )
    except (OSError, PkiError) as error:
        raise CommandError(f"cannot write to {machine.directory} (--data-dir): {error}") from error


def _settings(machine: Machine, cluster_id: str, *, joins: bool, tokens: bool) -> bytes:
    any_address = "::" if ":" in machine.address else "0.0.0.0"
    settings = {
        "name": machine.name,
        "data-dir": "data",
        "bind-address": any_address,
        "secure-port": str(machine.port),
        "advertise-url": machine.url,
        "tls-cert-file": "pki/server.crt",
        "tls-private-key-file": "pki/server.key",
        "client-ca-file": "pki/ca.crt",
        "listen-peer-address": f"{_bracketed(any_address)}:{machine.peer_port}",
        "advertise-peer-address": machine.peer_address,
        "initial-cluster": "" if joins else f"{machine.name}={machine.peer_address}",
        "initial-cluster-state": "existing" if joins else "new",
        "initial-cluster-token": cluster_id,
        "peer-cert-file": "pki/peer.crt",
        "peer-key-file": "pki/peer.key",
        "peer-trusted-ca-file": "pki/ca.crt",
        "cluster-ca-key-file": "pki/ca.key",
        **layout.identity_settings("pki", tokens=tokens),
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    return ("\n".join(lines) + "\n").encode()
