"""Which certificates a client needs to verify a server. Pure.

In: the chain that the server shows, and authorities that may have signed it, both PEM. Out: PEM.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from kapiserver.pki.files import PkiError


def root_certificates(chain: bytes, authorities: bytes) -> bytes:
    """The authorities if one of them signed the chain, else the root that the chain ends with.

    Empty when there is neither: then nobody here knows. Raises PkiError.
    """
    shown, known = _certificates(chain), _certificates(authorities)
    if _signed(shown, known):
        return authorities
    root = shown[-1:]
    return root[0].public_bytes(Encoding.PEM) if _signed(root, root) else b""


def _certificates(pem: bytes) -> list[x509.Certificate]:
    if not pem:
        return []
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise PkiError(f"not a PEM certificate: {error}") from error


def _signed(
    certificates: Iterable[x509.Certificate], authorities: Iterable[x509.Certificate]
) -> bool:
    known = list(authorities)
    return any(_signed_by(one, authority) for one in certificates for authority in known)


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):  # of another name, or another kind of key
        return False
    return True
