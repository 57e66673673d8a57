"""Client certificates: the subject's CN is the user name, its O's are the groups.

The TLS layer accepts any certificate; here it must chain to one of the client CAs, be valid now
and allow client authentication. The outcome is remembered on the connection, failures included:
a connection has one certificate for all its life. Expiry ends an identity that was remembered.

OpenSSL verifies the chain, as it takes what Go takes: version 1 certificates among them, which is
what `openssl x509 -req` makes and what much of Kubernetes' documentation leads to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from kapiserver.authn.authenticator import authenticated
from kapiserver.errors import Unauthorized
from kapiserver.histogram import Histogram
from kapiserver.request import Request, UserInfo

_MEMO = "x509"
# Upper bounds in seconds of how long certificates that are used have still to live.
LIFETIMES = (
    *(0.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0, 172800.0, 345600.0, 604800.0),
    *(2592000.0, 7776000.0, 15552000.0, 31104000.0),
)
_UID = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")  # registered for Kubernetes
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
_CLIENT_USES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)

# What a certificate that somebody made up can raise while it is read and verified.
_BAD_CERTIFICATE = (
    ValueError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    crypto.X509StoreContextError,
    crypto.Error,
)


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """A certificate that names its uses must name this one."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return any(use in uses for use in _CLIENT_USES)


class ClientCertificates:
    """`authorities`: the certificates of the CAs that may sign clients (PEM, any number)."""

    def __init__(self, authorities: bytes) -> None:
        self._store = crypto.X509Store()
        self._store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)  # each one is trusted as it is
        for authority in x509.load_pem_x509_certificates(authorities):
            self._store.add_cert(crypto.X509.from_cryptography(authority))
        self.lifetimes = Histogram(LIFETIMES)

    def authenticate(self, request: Request) -> UserInfo | None:
        connection = request.connection
        if connection.peer_certificate is None:
            return None
        known = connection.memo.get(_MEMO)
        if known is None:
            known = connection.memo[_MEMO] = self._identify(connection.peer_certificate)
        user: UserInfo | None
        user, until = known
        left = until - time.time()
        if left < 0:
            raise Unauthorized()
        self.lifetimes.observe(left)
        return user

    def _identify(self, der: bytes) -> tuple[UserInfo | None, float]:
        """(user, until when), for ever in the past for a certificate that is not to be trusted.

        No user: a good certificate that names nobody, which is as none.
        """
        refused = (None, 0.0)
        try:
            leaf = x509.load_der_x509_certificate(der)
            if not _is_for_clients(leaf):
                return refused
            certificate = crypto.X509.from_cryptography(leaf)
            crypto.X509StoreContext(self._store, certificate).verify_certificate()
        except _BAD_CERTIFICATE:
            return refused
        until = leaf.not_valid_after_utc.timestamp()
        names = _values(leaf, NameOID.COMMON_NAME)
        if not names or not names[-1]:
            return None, until
        groups = tuple(_values(leaf, NameOID.ORGANIZATION_NAME))
        uids = _values(leaf, _UID)
        if len(uids) > 1 or "" in uids:  # whose it is cannot be told
            return refused
        fingerprint = leaf.fingerprint(SHA256()).hex()
        user = UserInfo(
            names[-1],
            uid=uids[0] if uids else "",
            groups=groups,
            extra={CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)},
        )
        return authenticated(user), until


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> Sequence[str]:
    found = (attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid))
    return [
        value.decode(errors="replace") if isinstance(value, bytes) else value for value in found
    ]
