"""The folder of a local cluster (`kapiserver up`): what lies where, and how it is made.

DIR/cluster.json          nodes, ports, cluster id, format version
DIR/pki/                  the CA, certificates of the admin and for kubelets, the tokens' key
DIR/kubeconfig            contexts kapi, kapi-1, kapi-2, …
DIR/node-1/config.yaml    the node's settings
DIR/node-1/pki/           its serving and peer certificates
DIR/node-1/data/          log and snapshots
DIR/node-1/node.log, pid
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from kapiserver.cli.command import CommandError
from kapiserver.pki import (
    Authority,
    Context,
    PkiError,
    new_signing_key,
    write_kubeconfig,
    write_private,
)

FORMAT = 1
DEFAULT_DIRECTORY = "kapi-data"
DEFAULT_PORT = 6443
HOST = "127.0.0.1"
PEER_PORT_OFFSET = 10000
SERVICE_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
ADMIN = "kapi-admin"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
TOKEN_KEY = "sa.key"


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One node of a local cluster."""

    name: str
    port: int
    peer_port: int
    directory: Path

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def config_path(self) -> Path:
        return self.directory / "config.yaml"

    @property
    def data_path(self) -> Path:
        return self.directory / "data"

    @property
    def has_data(self) -> bool:
        return (self.data_path / "meta").exists()

    @property
    def formed_mark(self) -> Path:
        """See kapiserver/server/amnesia.py."""
        return self.directory / "data.formed"

    @property
    def peer_address(self) -> str:
        return f"{HOST}:{self.peer_port}"

    @property
    def log_path(self) -> Path:
        return self.directory / "node.log"

    @property
    def pid_path(self) -> Path:
        return self.directory / "pid"


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A local cluster as cluster.json describes it.

    `formed`: all nodes have been ready once, so one without data has lost it.
    """

    directory: Path
    cluster_id: str
    nodes: tuple[LocalNode, ...]
    formed: bool = False

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.directory / "pki"


def exists(directory: Path) -> bool:
    try:
        return (directory / "cluster.json").exists()
    except OSError as error:
        raise CommandError(f"cannot read {directory} (--data-dir): {error.strerror}") from error


def load(directory: Path) -> LocalCluster:
    """The cluster in `directory`; CommandError when there is none or it cannot be used."""
    path = directory / "cluster.json"
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CommandError(
            f"there is no cluster in {directory} (--data-dir): start one with 'kapiserver up'"
        ) from error
    except OSError as error:
        raise CommandError(f"cannot read {path} (--data-dir): {error.strerror}") from error
    except ValueError as error:
        raise CommandError(
            f"{path} is damaged: {error}; restore it, or use another --data-dir"
        ) from error
    if document.get("format", 0) > FORMAT:
        raise CommandError(
            f"{directory} was written by a newer kapiserver (format {document['format']}, this one "
            f"knows {FORMAT}): upgrade kapiserver, or use another --data-dir"
        )
    try:
        nodes = tuple(
            LocalNode(node["name"], node["port"], node["peerPort"], directory / node["name"])
            for node in document["nodes"]
        )
        formed = bool(document.get("formed"))
        return LocalCluster(directory, document["clusterId"], nodes, formed)
    except (KeyError, TypeError) as error:
        raise CommandError(f"{path} is damaged: {error!r} is missing or wrong") from error


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _peer_ports(base: int, count: int) -> list[int]:
    """Ports for peer traffic: at a fixed distance from the API's if free, else any."""
    wanted = [base + PEER_PORT_OFFSET + i for i in range(count)]
    if wanted[-1] <= 65535 and all(port_is_free(port) for port in wanted):
        return wanted
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def create(directory: Path, *, count: int, base_port: int) -> LocalCluster:
    """Make the folder of a new cluster: certificates, node configs, kubeconfig."""
    peer_ports = _peer_ports(base_port, count)
    nodes = tuple(
        LocalNode(f"node-{i + 1}", base_port + i, peer_ports[i], directory / f"node-{i + 1}")
        for i in range(count)
    )
    cluster = LocalCluster(directory, f"kapi-{secrets.token_hex(6)}", nodes)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = Authority.create()
        authority.write(cluster.pki)
        admin = authority.client(ADMIN, ["system:masters"])
        admin.write(cluster.pki / "admin.crt", cluster.pki / "admin.key")
        write_identity(cluster.pki, authority, new_signing_key())
        for node in nodes:
            _write_node(cluster, node, authority)
        write_kubeconfig(
            cluster.kubeconfig,
            [
                Context("kapi", nodes[0].url),
                *(Context(f"kapi-{i + 1}", node.url) for i, node in enumerate(nodes)),
            ],
            ca=authority.certificate_pem,
            user=ADMIN,
            credentials=admin,
            current="kapi",
        )
        save(cluster)  # last: a folder with a cluster.json is complete
    except (OSError, PkiError) as error:
        raise CommandError(f"cannot write to {directory} (--data-dir): {error}") from error
    return cluster


def complete(cluster: LocalCluster) -> None:
    """Add what the folder of an earlier version lacks: the key of service account tokens, and the
    certificate for kubelets. Nodes take them up when they start."""
    if (cluster.pki / TOKEN_KEY).exists():
        return
    try:
        for node in cluster.nodes:
            text = node.config_path.read_text()
            for name, value in identity_settings("../pki").items():
                if f"{name}:" not in text:
                    text += f"{name}: {json.dumps(value)}\n"
            write_private(node.config_path, text.encode())
        write_identity(cluster.pki, Authority.read(cluster.pki), new_signing_key())
    except (OSError, PkiError) as error:
        raise CommandError(f"cannot complete {cluster.directory} (--data-dir): {error}") from error


def write_identity(pki: Path, authority: Authority, token_key: bytes) -> None:
    """The certificate that kubelets know the nodes by and, last, the key of tokens (if any)."""
    authority.client(KUBELET_CLIENT, ["system:masters"]).write(
        pki / "apiserver-kubelet-client.crt", pki / "apiserver-kubelet-client.key"
    )
    if token_key:
        write_private(pki / TOKEN_KEY, token_key)


def identity_settings(pki: str, *, tokens: bool = True) -> dict[str, str]:
    """The settings that name the files of `write_identity`."""
    found = {
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "root-ca-file": f"{pki}/ca.crt",
    }
    if tokens:
        found["service-account-signing-key-file"] = f"{pki}/{TOKEN_KEY}"
    return found


def save(cluster: LocalCluster) -> None:
    """Write cluster.json."""
    document = {
        "format": FORMAT,
        "clusterId": cluster.cluster_id,
        "formed": cluster.formed,
        "nodes": [
            {"name": node.name, "port": node.port, "peerPort": node.peer_port}
            for node in cluster.nodes
        ],
    }
    path = cluster.directory / "cluster.json"
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")


def _write_node(cluster: LocalCluster, node: LocalNode, authority: Authority) -> None:
    pki = node.directory / "pki"
    authority.server(node.name, [HOST, "::1", *SERVICE_NAMES]).write(
        pki / "server.crt", pki / "server.key"
    )
    authority.peer(node.name, [HOST, "localhost"]).write(pki / "peer.crt", pki / "peer.key")
    members = ",".join(f"{other.name}={other.peer_address}" for other in cluster.nodes)
    settings = {
        "name": node.name,
        "data-dir": "data",
        "bind-address": HOST,
        "secure-port": str(node.port),
        "advertise-url": node.url,
        "tls-cert-file": "pki/server.crt",
        "tls-private-key-file": "pki/server.key",
        "client-ca-file": "../pki/ca.crt",
        "listen-peer-address": node.peer_address,
        "initial-cluster": members,
        "initial-cluster-token": cluster.cluster_id,
        "peer-cert-file": "pki/peer.crt",
        "peer-key-file": "pki/peer.key",
        "peer-trusted-ca-file": "../pki/ca.crt",
        "cluster-ca-key-file": "../pki/ca.key",
        **identity_settings("../pki"),
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    write_private(node.config_path, ("\n".join(lines) + "\n").encode())


def absolute(directory: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(directory)))


def shortest(path: Path) -> str:
    """The path as one would type it here."""
    return min(os.path.relpath(path), str(path), key=len)
