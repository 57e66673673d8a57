"""The settings of one node: one table for flags, config file and the reference page.

Names are kube-apiserver's where it has the setting and etcd's where etcd has it, so that what
people know carries over. A config file (`--config FILE`, YAML) uses the same names without the
dashes in front; a flag wins over the file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ryaml

from kapiserver.setting_values import (
    Networks,
    address,
    boolean,
    duration,
    members,
    names,
    networks,
    port,
    port_range,
    size,
)


class ConfigError(Exception):
    """A setting is unknown, unreadable or makes no sense; the text names the flag or the file."""


class Option(NamedTuple):
    """One setting. `default` is written as a user would write it; "" means not set."""

    name: str
    parse: Callable[[str], Any]
    default: str
    metavar: str
    help: str
    section: str


OPTIONS: tuple[Option, ...] = (
    Option("name", str, "node-1", "NAME", "The node's name in the cluster.", "Node"),
    Option("data-dir", Path, "", "DIR", "Where the node keeps its log and snapshots.", "Node"),
    Option("bind-address", str, "0.0.0.0", "IP", "The address to serve the API on.", "Serving"),
    Option("secure-port", port, "6443", "PORT", "The port to serve the API on.", "Serving"),
    Option(
        "advertise-url", str, "", "URL", "The URL under which clients reach this node.", "Serving"
    ),
    Option("tls-cert-file", Path, "", "FILE", "The serving certificate (PEM).", "Serving"),
    Option("tls-private-key-file", Path, "", "FILE", "The key of --tls-cert-file.", "Serving"),
    Option(
        "http2-max-streams-per-connection",
        int,
        "250",
        "N",
        "How many requests a client may have in flight on one HTTP/2 connection.",
        "Serving",
    ),
    Option(
        "max-resource-write-bytes",
        size,
        "3Mi",
        "SIZE",
        "The largest request body that is read.",
        "Serving",
    ),
    Option(
        "request-timeout",
        duration,
        "1m",
        "DURATION",
        "How long a request other than a watch may take.",
        "Serving",
    ),
    Option(
        "min-request-timeout",
        duration,
        "30m",
        "DURATION",
        "A watch without timeoutSeconds ends at random between this and twice this.",
        "Serving",
    ),
    Option(
        "shutdown-grace-period",
        duration,
        "10s",
        "DURATION",
        "How long requests in flight may take to finish after SIGTERM.",
        "Serving",
    ),
    Option(
        "client-ca-file",
        Path,
        "",
        "FILE",
        "Certificates signed by this CA authenticate: CN is the user, O are the groups.",
        "Authentication",
    ),
    Option(
        "token-auth-file",
        Path,
        "",
        "FILE",
        'Static bearer tokens, CSV: token,user,uid,"group1,group2".',
        "Authentication",
    ),
    Option(
        "anonymous-auth",
        boolean,
        "true",
        "BOOL",
        "Treat requests without credentials as system:anonymous (health and version only).",
        "Authentication",
    ),
    Option(
        "service-cluster-ip-range",
        networks,
        "10.96.0.0/16",
        "CIDR[,CIDR]",
        "Where services get their addresses from; with two, of both IP families, dual-stack.",
        "Services",
    ),
    Option(
        "service-node-port-range",
        port_range,
        "30000-32767",
        "FIRST-LAST",
        "The ports that services may open on every node.",
        "Services",
    ),
    Option(
        "kubelet-preferred-address-types",
        names,
        "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP",
        "TYPES",
        "Which of a node's addresses to reach its kubelet at, best first.",
        "Kubelets",
    ),
    Option(
        "kubelet-client-certificate",
        Path,
        "",
        "FILE",
        "The certificate that kubelets know this server by (logs, exec, port-forward).",
        "Kubelets",
    ),
    Option(
        "kubelet-client-key",
        Path,
        "",
        "FILE",
        "The key of --kubelet-client-certificate.",
        "Kubelets",
    ),
    Option(
        "kubelet-certificate-authority",
        Path,
        "",
        "FILE",
        "The CA that signs kubelets' certificates. Without it they are not verified.",
        "Kubelets",
    ),
    Option("event-ttl", duration, "1h", "DURATION", "How long Event objects are kept.", "Storage"),
    Option(
        "max-request-bytes", size, "1536Ki", "SIZE", "The largest write to the store.", "Storage"
    ),
    Option(
        "quota-backend-bytes",
        size,
        "2Gi",
        "SIZE",
        "The database size at which only reads and deletes are accepted.",
        "Storage",
    ),
    Option(
        "auto-compaction-retention",
        duration,
        "5m",
        "DURATION",
        "How long history is kept for watches and paged lists to resume from.",
        "Storage",
    ),
    Option(
        "auto-compaction-max-revisions",
        int,
        "100000",
        "N",
        "How many revisions of history are kept at most.",
        "Storage",
    ),
    Option(
        "snapshot-count",
        int,
        "10000",
        "N",
        "How many log entries are written before a snapshot is made.",
        "Storage",
    ),
    Option(
        "listen-peer-address",
        address,
        "",
        "HOST:PORT",
        "Where the other nodes reach this one. Not needed for a cluster of one.",
        "Cluster",
    ),
    Option(
        "advertise-peer-address",
        str,
        "",
        "HOST:PORT",
        "The peer address that others are told, when it differs from --listen-peer-address.",
        "Cluster",
    ),
    Option(
        "initial-cluster",
        members,
        "",
        "NAME=HOST:PORT,…",
        "The members of a new cluster. Ignored once the node has data.",
        "Cluster",
    ),
    Option(
        "initial-cluster-token",
        str,
        "kapi",
        "TEXT",
        "The id of a new cluster; nodes with another id are refused.",
        "Cluster",
    ),
    Option(
        "initial-cluster-state",
        str,
        "new",
        "new|existing",
        "existing: this node joins a running cluster and waits to be added.",
        "Cluster",
    ),
    Option("peer-cert-file", Path, "", "FILE", "The certificate for peer traffic.", "Cluster"),
    Option("peer-key-file", Path, "", "FILE", "The key of --peer-cert-file.", "Cluster"),
    Option(
        "peer-trusted-ca-file", Path, "", "FILE", "The CA that signs peer certificates.", "Cluster"
    ),
    Option(
        "cluster-ca-key-file",
        Path,
        "",
        "FILE",
        "The key of --peer-trusted-ca-file: with it, this node can let new nodes join.",
        "Cluster",
    ),
    Option(
        "heartbeat-interval",
        duration,
        "50ms",
        "DURATION",
        "How often the leader tells the others that it is there.",
        "Cluster",
    ),
    Option(
        "election-timeout",
        duration,
        "300ms",
        "DURATION",
        "How long a follower waits for the leader before it calls an election (up to twice this).",
        "Cluster",
    ),
    Option("log-format", str, "text", "text|json", "How log lines look.", "Logging"),
    Option("log-level", str, "info", "LEVEL", "debug, info, warning or error.", "Logging"),
)
_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The settings of a node, parsed. Durations are seconds, sizes bytes, "" or None: not set."""

    name: str
    data_dir: Path
    bind_address: str
    secure_port: int
    advertise_url: str
    tls_cert_file: Path | None
    tls_private_key_file: Path | None
    http2_max_streams_per_connection: int
    max_resource_write_bytes: int
    request_timeout: float
    min_request_timeout: float
    shutdown_grace_period: float
    client_ca_file: Path | None
    token_auth_file: Path | None
    anonymous_auth: bool
    service_cluster_ip_range: Networks
    service_node_port_range: tuple[int, int]
    kubelet_preferred_address_types: tuple[str, ...]
    kubelet_client_certificate: Path | None
    kubelet_client_key: Path | None
    kubelet_certificate_authority: Path | None
    event_ttl: float
    max_request_bytes: int
    quota_backend_bytes: int
    auto_compaction_retention: float
    auto_compaction_max_revisions: int
    snapshot_count: int
    listen_peer_address: tuple[str, int] | None
    advertise_peer_address: str
    initial_cluster: tuple[tuple[str, str], ...]
    initial_cluster_token: str
    initial_cluster_state: str
    peer_cert_file: Path | None
    peer_key_file: Path | None
    peer_trusted_ca_file: Path | None
    cluster_ca_key_file: Path | None
    heartbeat_interval: float
    election_timeout: float
    log_format: str
    log_level: str


def _parsed(option: Option, text: str, source: str) -> Any:
    if text == "":
        return () if option.parse in (members, names) else "" if option.parse is str else None
    try:
        return option.parse(text)
    except ValueError as error:
        raise ConfigError(f"{source}: {text!r} is not valid: {error}") from error


def make_config(given: Mapping[str, str], *, base: Path | None = None) -> ServerConfig:
    """A config from settings by option name; what is not given has its default.

    Relative paths are taken from `base` (the config file's folder). Raises ConfigError.
    """
    values: dict[str, Any] = {}
    for option in OPTIONS:
        text = given.get(option.name, option.default)
        value = _parsed(option, text, f"--{option.name}")
        if isinstance(value, Path) and base is not None:
            value = base / value
        values[option.name.replace("-", "_")] = value
    if values["data_dir"] is None:
        raise ConfigError("--data-dir is not set: say where the node keeps its data")
    for name, allowed in (
        ("initial_cluster_state", ("new", "existing")),
        ("log_format", ("text", "json")),
        ("log_level", ("debug", "info", "warning", "error")),
    ):
        if values[name] not in allowed:
            flag = "--" + name.replace("_", "-")
            raise ConfigError(f"{flag}: {values[name]!r} is not one of {', '.join(allowed)}")
    config = ServerConfig(**values)
    if (config.tls_cert_file is None) != (config.tls_private_key_file is None):
        raise ConfigError("--tls-cert-file and --tls-private-key-file go together: set both")
    if (config.kubelet_client_certificate is None) != (config.kubelet_client_key is None):
        raise ConfigError(
            "--kubelet-client-certificate and --kubelet-client-key go together: set both"
        )
    return config


def read_config_file(path: Path) -> dict[str, str]:
    """The settings of a YAML file, as text by option name. Raises ConfigError."""
    try:
        document = ryaml.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"--config: cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # InvalidYamlError is one
        raise ConfigError(f"--config: {path} is not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"--config: {path} must be a mapping of setting names to values")
    settings: dict[str, str] = {}
    for name, value in document.items():
        if name not in _BY_NAME:
            raise ConfigError(f"--config: {path}: unknown setting {name!r}")
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, (dict, list)):
            raise ConfigError(f"--config: {path}: {name} must be a single value")
        settings[name] = "" if value is None else str(value)
    return settings


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag per option; not given means: from the config file, or the default."""
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file with the same names as the flags"
    )
    for section in dict.fromkeys(option.section for option in OPTIONS):
        group = parser.add_argument_group(section)
        for option in OPTIONS:
            if option.section == section:
                shown = f" Default: {option.default}." if option.default else ""
                group.add_argument(
                    f"--{option.name}",
                    metavar=option.metavar,
                    dest=f"option:{option.name}",
                    help=(option.help + shown).replace("%", "%%"),
                )


def from_arguments(arguments: argparse.Namespace) -> ServerConfig:
    """The config of parsed flags and the file that --config names. Raises ConfigError."""
    flags = {
        name.removeprefix("option:"): value
        for name, value in vars(arguments).items()
        if name.startswith("option:") and value is not None
    }
    if arguments.config is None:
        return make_config(flags)
    path = Path(arguments.config)
    base = Path(os.path.abspath(path)).parent
    settings = read_config_file(path)
    for name in settings:
        if _BY_NAME[name].parse is Path and settings[name] and name not in flags:
            settings[name] = str(base / settings[name])
    return make_config({**settings, **flags})


def required_files(config: ServerConfig) -> Sequence[tuple[str, Path]]:
    """(flag, file) of every file that the config names and that must be there."""
    named = (
        ("--tls-cert-file", config.tls_cert_file),
        ("--tls-private-key-file", config.tls_private_key_file),
        ("--client-ca-file", config.client_ca_file),
        ("--token-auth-file", config.token_auth_file),
        ("--kubelet-client-certificate", config.kubelet_client_certificate),
        ("--kubelet-client-key", config.kubelet_client_key),
        ("--kubelet-certificate-authority", config.kubelet_certificate_authority),
        ("--peer-cert-file", config.peer_cert_file),
        ("--peer-key-file", config.peer_key_file),
        ("--peer-trusted-ca-file", config.peer_trusted_ca_file),
        ("--cluster-ca-key-file", config.cluster_ca_key_file),
    )
    return [(flag, path) for flag, path in named if path is not None]
