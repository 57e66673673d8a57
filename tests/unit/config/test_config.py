"""Flags and the config file: one table, one meaning, clear errors."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from kapiserver import config
from kapiserver.config import ConfigError, add_flags, from_arguments, make_config
from kapiserver.setting_values import duration, networks, port_range, size


def parse(*flags: str) -> config.ServerConfig:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return from_arguments(parser.parse_args(flags))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600.0), ("1m30s", 90.0), ("250ms", 0.25), ("0.5s", 0.5), ("1h30m", 5400.0)],
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1x", "1h banana"])
def test_a_bad_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(text)


def test_sizes_know_decimal_and_binary_units() -> None:
    assert [size(text) for text in ("1", "1k", "1Ki", "8Gi")] == [1, 1000, 1024, 8 << 30]


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("data-dir: data\nsecure-port: 7000\nevent-ttl: 2h\n")
    parsed = parse("--config", str(file), "--secure-port", "7001")
    assert parsed.secure_port == 7001
    assert parsed.event_ttl == 7200
    assert parsed.bind_address == "0.0.0.0"


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("data-dir: data\nclient-ca-file: ../pki/ca.crt\n")
    parsed = parse("--config", str(file))
    assert parsed.data_dir == tmp_path / "data"
    assert parsed.client_ca_file == tmp_path / "../pki/ca.crt"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense: 1\n", "unknown setting 'nonsense'"),
        ("- a\n", "must be a mapping"),
        ("secure-port: [1]\n", "secure-port must be a single value"),
        ("secure-port: high\n", "--secure-port: 'high' is not valid"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_a_bad_file_is_named_with_the_fault(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        parse("--config", str(file), "--data-dir", "x")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config: cannot read .*no\.yaml"):
        parse("--config", str(tmp_path / "no.yaml"))


def test_what_belongs_together_is_asked_for_together() -> None:
    with pytest.raises(ConfigError, match="go together"):
        make_config({"data-dir": "d", "tls-cert-file": "a.crt"})
    with pytest.raises(ConfigError, match="--request-timeout must be longer"):
        make_config({"data-dir": "d", "request-timeout": "0s"})
    with pytest.raises(ConfigError, match="--data-dir is not set"):
        make_config({})


def test_initial_cluster_is_names_and_addresses() -> None:
    parsed = make_config({"data-dir": "d", "initial-cluster": "a=10.0.0.1:1,b=[::1]:2"})
    assert parsed.initial_cluster == (("a", "10.0.0.1:1"), ("b", "[::1]:2"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.96.0.0/16", ["10.96.0.0/16"]),
        ("10.96.0.7/16", ["10.96.0.0/16"]),
        ("fd00::/112,10.0.0.0/24", ["fd00::/112", "10.0.0.0/24"]),
    ],
)
def test_service_ranges(text: str, expected: list[str]) -> None:
    assert [str(network) for network in networks(text)] == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "10.0.0.0/24,10.1.0.0/24", "10.0.0.0/31", "fd00::/48", "a,b,c"]
)
def test_a_bad_service_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  some come from ipaddress
        networks(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30000-32767", (30000, 32767)), ("30000+10", (30000, 30010)), ("5-5", (5, 5))],
)
def test_port_ranges(text: str, expected: tuple[int, int]) -> None:
    assert port_range(text) == expected


@pytest.mark.parametrize("text", ["", "30000", "2-1", "0-5", "1-70000", "a-b"])
def test_a_bad_port_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="port"):
        port_range(text)


def test_settings_of_tokens(tmp_path: Path) -> None:
    parsed = make_config(
        {"data-dir": "d", "service-account-key-file": "a.pub,/k/b.pub"}, base=tmp_path
    )
    assert parsed.service_account_key_file == (tmp_path / "a.pub", Path("/k/b.pub"))
    assert parsed.service_account_issuer == ("https://kubernetes.default.svc.cluster.local",)
    with pytest.raises(ConfigError, match="between 1 hour and"):
        make_config({"data-dir": "d", "service-account-max-token-expiration": "30m"})
    with pytest.raises(ConfigError, match="service-account-issuer is not set"):
        make_config(
            {
                "data-dir": "d",
                "service-account-signing-key-file": "k",
                "service-account-issuer": "",
            }
        )
