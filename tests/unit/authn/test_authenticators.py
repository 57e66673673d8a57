"""Client certificates and bearer tokens: who is let in as whom."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from kapiserver.authn.authenticator import Anonymous, Authentication
from kapiserver.authn.bearer import BearerTokens
from kapiserver.authn.tokens import StaticTokens, TokenFileError, read_tokens
from kapiserver.authn.x509 import ClientCertificates
from kapiserver.errors import Unauthorized
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import parse
from kapiserver.request import Connection, Request

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
UID = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")


class Authority:
    """A CA that signs what it is told to."""

    def __init__(self, name: str = "ca") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def client(
        self,
        name: str = "jane",
        groups: Sequence[str] = (),
        *,
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        until: datetime.datetime = NOW + DAY,
        since: datetime.datetime = NOW - DAY,
        uids: Sequence[str] = (),
    ) -> bytes:
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject += [x509.NameAttribute(UID, uid) for uid in uids]
        if name:
            subject.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._sign(
            x509.Name(subject), key.public_key(), usage=usage, until=until, since=since
        )
        return signed.public_bytes(serialization.Encoding.DER)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        ca: bool = False,
        usage: x509.ObjectIdentifier | None = None,
        until: datetime.datetime = NOW + DAY,
        since: datetime.datetime = NOW - DAY,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def request(certificate: bytes | None = None, **headers: str) -> Request:
    return Request(
        "GET",
        "/",
        b"",
        [(name.encode(), value.encode()) for name, value in headers.items()],
        Connection(None, None, certificate),
        "2",
        None,
    )


def test_the_subject_is_the_user() -> None:
    ca = Authority()
    asked = request(ca.client("jane", ["dev", "ops"]))
    user = ClientCertificates(ca.pem).authenticate(asked)
    assert user is not None
    assert user.name == "jane"
    assert user.groups == ("dev", "ops", "system:authenticated")


def test_a_certificate_has_one_uid_at_most() -> None:
    ca = Authority()
    certificates = ClientCertificates(ca.pem)
    user = certificates.authenticate(request(ca.client(uids=["u-1"])))
    assert user is not None
    assert user.uid == "u-1"
    with pytest.raises(Unauthorized):
        certificates.authenticate(request(ca.client(uids=["u-1", "u-2"])))


def test_the_identity_is_worked_out_once_per_connection() -> None:
    ca = Authority()
    authenticator = ClientCertificates(ca.pem)
    asked = request(ca.client())
    assert authenticator.authenticate(asked) is authenticator.authenticate(asked)


def test_no_certificate_is_no_opinion() -> None:
    assert ClientCertificates(Authority().pem).authenticate(request()) is None


def test_any_of_several_authorities_will_do() -> None:
    old, new = Authority("old"), Authority("new")
    authenticator = ClientCertificates(old.pem + new.pem)
    assert authenticator.authenticate(request(new.client())) is not None
    assert authenticator.authenticate(request(old.client())) is not None


def test_bad_certificates_are_refused_again_and_again() -> None:
    ca = Authority()
    authenticator = ClientCertificates(ca.pem)
    bad = {
        "another authority of the same name": Authority().client(),
        "expired": ca.client(until=NOW - DAY / 2),
        "not yet valid": ca.client(since=NOW + DAY / 2),
        "for servers": ca.client(usage=ExtendedKeyUsageOID.SERVER_AUTH),
        "not a certificate": b"garbage",
    }
    accepted = []
    for what, certificate in bad.items():
        asked = request(certificate)
        for _ in range(2):
            try:
                authenticator.authenticate(asked)
            except Unauthorized:
                continue
            accepted.append(what)
    assert accepted == []


def test_a_certificate_without_a_stated_use_is_fine() -> None:
    ca = Authority()
    assert ClientCertificates(ca.pem).authenticate(request(ca.client(usage=None))) is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # only old tools make such certificates
def test_a_version_1_certificate_as_openssl_makes_them_is_fine() -> None:
    authority = Authority()
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_RSA, 2048)
    signed = crypto.X509()
    signed.set_version(0)
    signed.set_serial_number(7)
    signed.set_issuer(crypto.X509.from_cryptography(authority.certificate).get_subject())
    signed.get_subject().O = "system:masters"
    signed.get_subject().CN = "ada"
    signed.gmtime_adj_notBefore(-60)
    signed.gmtime_adj_notAfter(3600)
    signed.set_pubkey(key)
    signed.sign(crypto.PKey.from_cryptography_key(authority.key), "sha256")
    der = crypto.dump_certificate(crypto.FILETYPE_ASN1, signed)
    user = ClientCertificates(authority.pem).authenticate(request(der))
    assert user is not None
    assert (user.name, user.groups) == ("ada", ("system:masters", "system:authenticated"))


def test_tokens() -> None:
    users = read_tokens(['tok,jane,7,"dev,ops"', "", "other,bob,8"])
    authenticator = BearerTokens([StaticTokens(users)])
    user = authenticator.authenticate(request(authorization="Bearer tok"))
    assert user is not None
    assert (user.name, user.uid) == ("jane", "7")
    assert user.groups == ("dev", "ops", "system:authenticated")
    assert authenticator.authenticate(request(authorization="bearer other")) is not None
    assert authenticator.authenticate(request()) is None
    assert authenticator.authenticate(request(authorization="Basic dXNlcg==")) is None
    # as upstream cuts the header up
    assert authenticator.authenticate(request(authorization="Bearer tok x")) is not None
    assert authenticator.authenticate(request(authorization="Bearer  tok")) is None
    assert authenticator.authenticate(request(authorization="Bearer\ttok")) is None
    for wrong in ("Bearer tokk", "Bearer to", "Bearer x tok"):
        with pytest.raises(Unauthorized):
            authenticator.authenticate(request(authorization=wrong))


def test_token_files_with_mistakes_say_where() -> None:
    with pytest.raises(TokenFileError, match="line 2 must have at least 3 columns"):
        read_tokens(["a,b,c", "d,e"])
    with pytest.raises(TokenFileError, match="line 1 has an empty token"):
        read_tokens([",b,c"])


def test_a_certificate_without_a_name_is_as_none() -> None:
    ca = Authority()
    certificates = ClientCertificates(ca.pem)
    assert certificates.authenticate(request(ca.client("", ["system:masters"]))) is None


def test_how_long_certificates_have_to_live_is_counted() -> None:
    ca = Authority()
    certificates = ClientCertificates(ca.pem)
    asked = request(ca.client(until=NOW + DAY / 2))
    for _ in range(3):
        certificates.authenticate(asked)
    lifetimes = certificates.lifetimes
    assert lifetimes.counts[lifetimes.bounds.index(43200.0)] == 3


def test_a_wrong_credential_does_not_spoil_a_good_one() -> None:
    ca = Authority()
    tokens = BearerTokens([StaticTokens(read_tokens(["tok,jane,7"]))])
    stage = Authentication([ClientCertificates(ca.pem), tokens, Anonymous()])
    stranger = Authority("other").client("eve", ["system:masters"])

    def user(der: bytes | None, authorization: str) -> str:
        asked = request(der, authorization=authorization) if authorization else request(der)
        context = RequestContext(asked, parse("GET", "/"))
        stage.check(context)
        return context.user.name

    assert user(stranger, "Bearer tok") == "jane"
    assert user(ca.client("ada"), "Bearer wrong") == "ada"
    assert user(ca.client("ada"), "Bearer tok") == "ada"
    for der, authorization in ((stranger, ""), (stranger, "Bearer x"), (None, "Bearer x")):
        with pytest.raises(Unauthorized):
            user(der, authorization)


def test_the_first_credential_decides() -> None:
    stage = Authentication([BearerTokens([StaticTokens(read_tokens(["tok,jane,7"]))]), Anonymous()])

    def user(asked: Request) -> str:
        context = RequestContext(asked, parse("GET", "/"))
        stage.check(context)
        return context.user.name

    assert user(request(authorization="Bearer tok")) == "jane"
    assert user(request()) == "system:anonymous"
    with pytest.raises(Unauthorized):
        user(request(authorization="Bearer wrong"))
    closed = Authentication([BearerTokens([StaticTokens({})])])
    with pytest.raises(Unauthorized):
        closed.check(RequestContext(request(), parse("GET", "/")))
