"""Which certificates pods are given to know the server."""

from __future__ import annotations

import pytest

from kapiserver.pki import Authority, PkiError
from kapiserver.pki.verification import root_certificates

OURS = Authority.create()
OTHER = Authority.create()
CHAIN = OURS.server("node", ["127.0.0.1"]).certificate


def test_the_authority_that_signed_the_server_is_what_pods_need() -> None:
    assert root_certificates(CHAIN, OURS.certificate_pem) == OURS.certificate_pem
    both = OTHER.certificate_pem + OURS.certificate_pem
    assert root_certificates(CHAIN, both) == both


def test_an_authority_of_clients_only_says_nothing_about_the_server() -> None:
    assert root_certificates(CHAIN, OTHER.certificate_pem) == b""
    assert root_certificates(CHAIN, b"") == b""


def test_a_chain_that_ends_with_its_root_has_it_itself() -> None:
    chain = CHAIN + OURS.certificate_pem
    assert root_certificates(chain, OTHER.certificate_pem) == OURS.certificate_pem


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(PkiError):
        root_certificates(b"not PEM", b"")
