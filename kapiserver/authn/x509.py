"""Client certificates: the subject's CN is the user name, its O's are the groups.

The TLS layer accepts any certificate; here it must chain to one of the client CAs, be valid now
and allow client authentication. The outcome is remembered on the connection, failures included:
a connection has one certificate for all its life. Expiry ends an identity that was remembered.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from kapiserver.authn.authenticator import authenticated
from kapiserver.errors import Unauthorized
from kapiserver.request import Request, UserInfo

_MEMO = "x509"
_UID = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")  # registered for Kubernetes
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


def _for_clients(
    policy: Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    allowed = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(oid in usage for oid in allowed):
        raise ValueError("the certificate is not meant for client authentication")


class ClientCertificates:
    """`authorities`: the certificates of the CAs that may sign clients (PEM, any number)."""

    def __init__(self, authorities: bytes) -> None:
        self._store = Store(x509.load_pem_x509_certificates(authorities))
        self._leaf_policy = ExtensionPolicy.permit_all().may_be_present(
            x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients
        )
        self._authority_policy = ExtensionPolicy.permit_all().require_present(
            x509.BasicConstraints, Criticality.AGNOSTIC, None
        )

    def authenticate(self, request: Request) -> UserInfo | None:
        connection = request.connection
        if connection.peer_certificate is None:
            return None
        known = connection.memo.get(_MEMO)
        if known is None:
            known = connection.memo[_MEMO] = self._identify(connection.peer_certificate)
        user: UserInfo | None = known[0]
        if user is None or time.time() > known[1]:
            raise Unauthorized()
        return user

    def _identify(self, der: bytes) -> tuple[UserInfo | None, float]:
        """(user, until when); no user for a certificate that is not to be trusted."""
        refused = (None, 0.0)
        try:
            leaf = x509.load_der_x509_certificate(der)
            verifier = (
                PolicyBuilder()
                .store(self._store)
                .time(datetime.now(UTC))
                .extension_policies(ca_policy=self._authority_policy, ee_policy=self._leaf_policy)
                .build_client_verifier()
            )
            verifier.verify(leaf, [])
        except (ValueError, VerificationError, x509.UnsupportedGeneralNameType):
            return refused
        names = _values(leaf, NameOID.COMMON_NAME)
        if not names or not names[0]:
            return refused
        groups = tuple(_values(leaf, NameOID.ORGANIZATION_NAME))
        uids = _values(leaf, _UID)
        fingerprint = leaf.fingerprint(SHA256()).hex()
        user = UserInfo(
            names[0],
            uid=uids[0] if uids else "",
            groups=groups,
            extra={CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)},
        )
        return authenticated(user), leaf.not_valid_after_utc.timestamp()


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> Sequence[str]:
    found = (attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid))
    return [
        value.decode(errors="replace") if isinstance(value, bytes) else value for value in found
    ]
