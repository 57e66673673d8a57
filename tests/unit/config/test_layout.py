"""The folder of a local cluster: what the nodes' settings name is there, and only the owner's."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from kapiserver.cli import layout
from kapiserver.config import make_config, read_config_file, required_files
from kapiserver.pki import signing_key

NEW = ("service-account-signing-key-file", "kubelet-client-certificate", "kubelet-client-key")


def missing_files(cluster: layout.LocalCluster) -> list[str]:
    return [
        flag
        for node in cluster.nodes
        for flag, path in required_files(
            make_config(read_config_file(node.config_path), base=node.directory)
        )
        if not path.exists()
    ]


def test_all_nodes_have_the_same_key_for_tokens(tmp_path: Path) -> None:
    cluster = layout.create(tmp_path / "c", count=2, base_port=23443)
    assert missing_files(cluster) == []
    key = cluster.pki / "sa.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert signing_key(key.read_bytes()).public.algorithm == "ES256"


def test_kubelets_know_the_nodes_as_administrators(tmp_path: Path) -> None:
    cluster = layout.create(tmp_path / "c", count=1, base_port=23443)
    pem = (cluster.pki / "apiserver-kubelet-client.crt").read_bytes()
    subject = x509.load_pem_x509_certificate(pem).subject
    names = {
        oid: subject.get_attributes_for_oid(oid)[0].value
        for oid in (
            NameOID.COMMON_NAME,
            NameOID.ORGANIZATION_NAME,
        )
    }
    assert names == {
        NameOID.COMMON_NAME: "kube-apiserver-kubelet-client",
        NameOID.ORGANIZATION_NAME: "system:masters",
    }


def test_a_folder_of_an_earlier_version_is_completed(tmp_path: Path) -> None:
    cluster = layout.create(tmp_path / "c", count=2, base_port=23443)
    for node in cluster.nodes:
        lines = node.config_path.read_text().splitlines(keepends=True)
        old = [line for line in lines if not line.startswith(NEW)]
        node.config_path.write_text("".join([*old, 'log-level: "debug"\n']))
    (cluster.pki / "sa.key").unlink()
    layout.complete(cluster)
    assert missing_files(cluster) == []
    for node in cluster.nodes:
        settings = read_config_file(node.config_path)
        assert set(NEW) <= set(settings)
        assert settings["log-level"] == "debug"
    key = (cluster.pki / "sa.key").read_bytes()
    layout.complete(cluster)
    assert (cluster.pki / "sa.key").read_bytes() == key
    assert json.loads((cluster.directory / "cluster.json").read_text())["clusterId"]


def test_a_path_is_shown_as_one_would_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert layout.shortest(tmp_path / "data") == "data"
    assert layout.shortest(Path("/kapi")) == "/kapi"
