"""Certificates, requests for them and keys, from the bytes that clients send.

In: DER. Out: what it holds, or None when that cannot be used: bytes of another kind, versions
that do not exist, keys of unknown kinds. cryptography has an exception of its own for each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

# what Go says of bytes that are no certificate, where it says more
MALFORMED = "x509: malformed certificate"

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


class SigningRequest(NamedTuple):
    """What a PKCS#10 request says. Type checks tell keys apart: `key` is one of cryptography's."""

    key: Any
    is_signed: bool


def certificate_of(data: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(data)
    except _UNREADABLE:
        return None


def public_key_of(certificate: x509.Certificate) -> Any | None:
    try:
        return certificate.public_key()
    except _UNREADABLE:
        return None


def request_of(data: bytes) -> SigningRequest | None:
    try:
        request = x509.load_der_x509_csr(data)
        return SigningRequest(request.public_key(), request.is_signature_valid)
    except _UNREADABLE:
        return None


def private_key_of(data: bytes) -> Any | None:
    try:
        return load_der_private_key(data, None)
    except _UNREADABLE:
        return None


def same_key(one: Any, other: Any) -> bool:
    """Whether two public keys are one."""
    return _encoded(one) == _encoded(other)


def _encoded(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
