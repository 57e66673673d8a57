"""The settings of one node, from flags and a config file.

In: the table of settings, flags, and a config file (`--config FILE`, YAML) with the same names
without the dashes in front; a flag wins over the file. Out: a `ServerConfig`, or ConfigError.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ryaml

from kapiserver.setting_table import OPTIONS, Option
from kapiserver.setting_values import (
    Networks,
    members,
    names,
    origins,
    path_list,
    transport_security,
)

# Settings that are text with several parts: not set means none of them.
_LISTS = (members, names, origins, path_list, transport_security)

LONGEST_TOKEN_SECONDS = 1 << 32


class ConfigError(Exception):
    """A setting is unknown, unreadable or makes no sense; the text names the flag or the file."""


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
    goaway_chance: float
    cors_allowed_origins: tuple[str, ...]
    strict_transport_security_directives: tuple[str, ...]
    shutdown_grace_period: float
    client_ca_file: Path | None
    root_ca_file: Path | None
    token_auth_file: Path | None
    anonymous_auth: bool
    service_account_signing_key_file: Path | None
    service_account_key_file: tuple[Path, ...]
    service_account_issuer: tuple[str, ...]
    service_account_jwks_uri: str
    api_audiences: tuple[str, ...]
    service_account_max_token_expiration: float | None
    service_account_extend_token_expiration: bool
    service_cluster_ip_range: Networks
    service_node_port_range: tuple[int, int]
    kubelet_preferred_address_types: tuple[str, ...]
    kubelet_client_certificate: Path | None
    kubelet_client_key: Path | None
    kubelet_certificate_authority: Path | None
    enable_admission_plugins: tuple[str, ...]
    disable_admission_plugins: tuple[str, ...]
    default_not_ready_toleration_seconds: int
    default_unreachable_toleration_seconds: int
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
        return () if option.parse in _LISTS else "" if option.parse is str else None
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
        elif option.parse is path_list and base is not None:
            value = tuple(base / path for path in value)
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
    if not config.request_timeout > 0:
        raise ConfigError("--request-timeout must be longer than nothing")
    if (config.tls_cert_file is None) != (config.tls_private_key_file is None):
        raise ConfigError("--tls-cert-file and --tls-private-key-file go together: set both")
    if (config.kubelet_client_certificate is None) != (config.kubelet_client_key is None):
        raise ConfigError(
            "--kubelet-client-certificate and --kubelet-client-key go together: set both"
        )
    _check_tokens(config)
    return config


def _check_tokens(config: ServerConfig) -> None:
    longest = config.service_account_max_token_expiration
    if longest is not None and not 3600 <= longest <= LONGEST_TOKEN_SECONDS:
        raise ConfigError(
            "--service-account-max-token-expiration must be between 1 hour and 2^32 seconds"
        )
    if config.service_account_signing_key_file is not None and not config.service_account_issuer:
        raise ConfigError("--service-account-issuer is not set: tokens need somebody who made them")


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
        parse = _BY_NAME[name].parse
        if parse in (Path, path_list) and settings[name] and name not in flags:
            settings[name] = ",".join(str(base / path) for path in path_list(settings[name]))
    return make_config({**settings, **flags})


def required_files(config: ServerConfig) -> Sequence[tuple[str, Path]]:
    """(flag, file) of every file that the config names and that must be there."""
    named = (
        ("--tls-cert-file", config.tls_cert_file),
        ("--tls-private-key-file", config.tls_private_key_file),
        ("--client-ca-file", config.client_ca_file),
        ("--root-ca-file", config.root_ca_file),
        ("--token-auth-file", config.token_auth_file),
        ("--service-account-signing-key-file", config.service_account_signing_key_file),
        *(("--service-account-key-file", path) for path in config.service_account_key_file),
        ("--kubelet-client-certificate", config.kubelet_client_certificate),
        ("--kubelet-client-key", config.kubelet_client_key),
        ("--kubelet-certificate-authority", config.kubelet_certificate_authority),
        ("--peer-cert-file", config.peer_cert_file),
        ("--peer-key-file", config.peer_key_file),
        ("--peer-trusted-ca-file", config.peer_trusted_ca_file),
        ("--cluster-ca-key-file", config.cluster_ca_key_file),
    )
    return [(flag, path) for flag, path in named if path is not None]
