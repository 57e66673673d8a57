"""Whether a TLS secret holds a certificate and its key. In: two PEM texts. Out: what is wrong, as
Go's crypto/tls says it ("" when they fit). Pure.

It is said in a warning only: nobody is kept from storing what no server can use.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kapiserver.resources.validation.certificates import (
    MALFORMED,
    certificate_of,
    private_key_of,
    public_key_of,
    same_key,
)
from kapiserver.resources.validation.pem import pem_blocks

_LIMIT = 1 << 16  # longer chains are not looked into
_KINDS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)


def pair_problem(certificate: bytes, key: bytes) -> str:
    if len(certificate) > _LIMIT or len(key) > _LIMIT:
        return ""
    certificates = list(pem_blocks(certificate))
    chain = [block.data for block in certificates if block.kind == "CERTIFICATE"]
    if not chain:
        return _no_certificate([block.kind for block in certificates])
    skipped: list[str] = []
    for block in pem_blocks(key):
        if block.kind == "PRIVATE KEY" or block.kind.endswith(" PRIVATE KEY"):
            return _mismatch(chain[0], block.data)
        skipped.append(block.kind)
    return _no_key(skipped)


def _no_certificate(skipped: list[str]) -> str:
    if not skipped:
        return "tls: failed to find any PEM data in certificate input"
    if len(skipped) == 1 and skipped[0].endswith("PRIVATE KEY"):
        return (
            "tls: failed to find certificate PEM data in certificate input, but did find a "
            "private key; PEM inputs may have been switched"
        )
    return (
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM '
        f"blocks of the following types: [{' '.join(skipped)}]"
    )


def _no_key(skipped: list[str]) -> str:
    if not skipped:
        return "tls: failed to find any PEM data in key input"
    if skipped == ["CERTIFICATE"]:
        return "tls: found a certificate rather than a key in the PEM for the private key"
    return (
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after '
        f"skipping PEM blocks of the following types: [{' '.join(skipped)}]"
    )


def _mismatch(certificate: bytes, key: bytes) -> str:
    leaf = certificate_of(certificate)
    if leaf is None:
        return MALFORMED
    public = public_key_of(leaf)
    if not isinstance(public, _KINDS):
        return "tls: unknown public key algorithm"
    private = private_key_of(key)
    if private is None:
        return "tls: failed to parse private key"
    own = private.public_key()
    if type(own) is not type(public):
        return "tls: private key type does not match public key type"
    return "" if same_key(own, public) else "tls: private key does not match public key"
