"""Whether a TLS secret holds a certificate and its key. In: two PEM texts. Out: what is wrong, as
Go's crypto/tls says it ("" when they fit). Pure.

It is said in a warning only: nobody is kept from storing what no server can use.
"""

from __future__ import annotations

import re
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

_LIMIT = 1 << 16  # longer chains are not looked into
_block = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)
_KINDS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)


def pair_problem(certificate: bytes, key: bytes) -> str:
    if len(certificate) > _LIMIT or len(key) > _LIMIT:
        return ""
    certificates = _blocks(certificate)
    chain = [text for kind, text in certificates if kind == "CERTIFICATE"]
    if not chain:
        return _no_certificate([kind for kind, _ in certificates])
    skipped: list[str] = []
    for kind, text in _blocks(key):
        if kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY"):
            return _mismatch(chain[0], text)
        skipped.append(kind)
    return _no_key(skipped)


def _blocks(text: bytes) -> list[tuple[str, bytes]]:
    return [(match.group(1).decode(), match.group(0)) for match in _block.finditer(text)]


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
    try:
        public: Any = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return "x509: malformed certificate"
    if not isinstance(public, _KINDS):
        return "tls: unknown public key algorithm"
    try:
        own: Any = load_pem_private_key(key, None).public_key()
    except (TypeError, ValueError):
        return "tls: failed to parse private key"
    if type(own) is not type(public):
        return "tls: private key type does not match public key type"
    if _shape(own) != _shape(public):
        return "tls: private key does not match public key"
    return ""


def _shape(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
