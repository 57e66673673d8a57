"""The certificate authority of a cluster, and what it signs.

Keys are ECDSA P-256: small, quick to make (a node is ready in about a second) and understood by
every client. Certificates start five minutes in the past, so that clocks may differ a little.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kapiserver.pki.files import PkiError, read_pem, write_private, write_public

CA_YEARS = 10
LEAF_DAYS = 365
CLOCK_SKEW = timedelta(minutes=5)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _subject(common_name: str, organizations: Iterable[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, org) for org in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(hosts: Iterable[str], uris: Iterable[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    names += [x509.UniformResourceIdentifier(uri) for uri in uris]
    return names


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, certificate_path: Path, key_path: Path) -> None:
        write_private(key_path, self.key)
        write_public(certificate_path, self.certificate)


class Authority:
    """Signs certificates. `certificate_pem` is what clients trust."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key
        self.certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.key_pem = key_pem(key)

    @classmethod
    def create(cls, common_name: str = "kapiserver-ca") -> Authority:
        key = new_key()
        now = datetime.now(UTC)
        name = _subject(common_name, ())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + timedelta(days=365 * CA_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate_pem: bytes, key_pem: bytes) -> Authority:
        """From PEM; raises PkiError when the two do not belong together."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            key = serialization.load_pem_private_key(key_pem, None)
        except (ValueError, TypeError) as error:
            raise PkiError(f"not a usable CA certificate and key: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise PkiError("the CA key is not an elliptic curve key")
        if certificate.public_key() != key.public_key():
            raise PkiError("the CA certificate does not belong to the CA key")
        return cls(certificate, key)

    @classmethod
    def read(cls, directory: Path) -> Authority:
        return cls.load(read_pem(directory / "ca.crt"), read_pem(directory / "ca.key"))

    def write(self, directory: Path) -> None:
        write_private(directory / "ca.key", self.key_pem)
        write_public(directory / "ca.crt", self.certificate_pem)

    def fingerprint(self) -> str:
        """SHA-256 of the certificate (DER), hex: what a join token pins."""
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        return hashlib.sha256(der).hexdigest()

    def server(self, common_name: str, hosts: Sequence[str]) -> KeyPair:
        """A certificate to serve the API with."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        return self._sign(_subject(common_name, ()), hosts, (), usages)

    def client(self, common_name: str, groups: Sequence[str]) -> KeyPair:
        """A certificate that authenticates a user (CN) with groups (O)."""
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._sign(_subject(common_name, groups), (), (), usages)

    def peer(self, node_id: str, hosts: Sequence[str]) -> KeyPair:
        """A certificate for raft: client and server in one, naming the node."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._sign(_subject(node_id, ()), hosts, (f"raftstore:{node_id}",), usages)

    def _sign(
        self,
        subject: x509.Name,
        hosts: Iterable[str],
        uris: Iterable[str],
        usages: Sequence[x509.ObjectIdentifier],
    ) -> KeyPair:
        key = new_key()
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(now + timedelta(days=LEAF_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
        )
        names = _alternative_names(hosts, uris)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
