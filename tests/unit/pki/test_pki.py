"""The certificates do what TLS clients and servers need, and secrets are private."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path

import pytest

from kapiserver.pki import Authority, Context, PkiError, write_kubeconfig


def test_a_client_that_trusts_the_ca_completes_a_mutual_handshake(tmp_path: Path) -> None:
    authority = Authority.create()
    authority.write(tmp_path)
    authority.server("node-1", ["127.0.0.1", "localhost"]).write(
        tmp_path / "server.crt", tmp_path / "server.key"
    )
    authority.client("admin", ["system:masters"]).write(
        tmp_path / "client.crt", tmp_path / "client.key"
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server.load_verify_locations(tmp_path / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    client.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    peer = ends[1].getpeercert()
    assert peer is not None
    subject = [pair for part in peer["subject"] for pair in part]  # type: ignore[union-attr]
    assert ("commonName", "admin") in subject
    assert ("organizationName", "system:masters") in subject


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    Authority.create().write(tmp_path)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_an_authority_survives_a_round_through_files(tmp_path: Path) -> None:
    authority = Authority.create()
    authority.write(tmp_path)
    assert Authority.read(tmp_path).fingerprint() == authority.fingerprint()


def test_a_key_of_another_authority_is_refused(tmp_path: Path) -> None:
    one, other = Authority.create(), Authority.create()
    with pytest.raises(PkiError, match="does not belong"):
        Authority.load(one.certificate_pem, other.key_pem)
    with pytest.raises(PkiError, match="cannot read"):
        Authority.read(tmp_path)


def test_a_kubeconfig_has_a_context_for_every_server(tmp_path: Path) -> None:
    authority = Authority.create()
    path = tmp_path / "kubeconfig"
    write_kubeconfig(
        path,
        [Context("kapi", "https://a"), Context("kapi-2", "https://b")],
        ca=authority.certificate_pem,
        user="admin",
        credentials=authority.client("admin", []),
        current="kapi",
    )
    document = json.loads(path.read_text())
    assert document["current-context"] == "kapi"
    assert [c["name"] for c in document["contexts"]] == ["kapi", "kapi-2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
