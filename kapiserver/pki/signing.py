"""The keys that sign service account tokens, and those that verify them.

In: PEM, as kube-apiserver takes it: a private key to sign with; private keys, public keys and
certificates, any number in a file, to verify with. Out: keys with the id and the algorithm that
kube-apiserver gives them, and their public half as a JSON Web Key. No token is looked at here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from kapiserver.pki.authority import key_pem, new_key
from kapiserver.pki.files import PkiError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
_MEMBERS = ("use", "kty", "kid", "crv", "alg", "x", "y", "n", "e")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """`kid` is derived from the key, so that all who have the key call it the same."""

    key: PublicKey
    kid: str
    algorithm: str

    def jwk(self) -> dict[str, Any]:
        """RFC 7517, with the members that kube-apiserver publishes, in its order."""
        if isinstance(self.key, rsa.RSAPublicKey):
            text = RSAAlgorithm.to_jwk(self.key)
        else:
            text = ECAlgorithm.to_jwk(self.key)
        found = {**json.loads(text), "use": "sig", "kid": self.kid, "alg": self.algorithm}
        return {name: found[name] for name in _MEMBERS if name in found}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its public half."""

    key: PrivateKey
    public: VerifyingKey


def new_signing_key() -> bytes:
    """The PEM of a key for a new cluster (ECDSA P-256, like the cluster's other keys)."""
    return key_pem(new_key())


def signing_key(pem: bytes) -> SigningKey:
    """The private key in a file. Raises PkiError."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except _UNREADABLE as error:
        raise PkiError(f"not a private key in PEM: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PkiError("the key is neither an RSA nor an elliptic curve key")
    return SigningKey(key, _verifying(key.public_key()))


def verifying_keys(pem: bytes) -> list[VerifyingKey]:
    """The public keys in a file, in order; of private keys the public half. Raises PkiError."""
    found = []
    for block in _BLOCK.finditer(pem):
        try:
            key = _public_key(block[1].decode(), block[0] + b"\n")
        except _UNREADABLE as error:
            raise PkiError(f"a key cannot be read: {error}") from error
        if key is not None:
            found.append(_verifying(key))
    if not found:
        raise PkiError("data does not contain any valid RSA or ECDSA public keys")
    return found


def _public_key(label: str, pem: bytes) -> Any:
    """None for what is no key, such as the parameters that openssl writes before one."""
    if label == "CERTIFICATE":
        return x509.load_pem_x509_certificate(pem).public_key()
    if label.endswith("PRIVATE KEY"):
        return serialization.load_pem_private_key(pem, None).public_key()
    if label.endswith("PUBLIC KEY"):
        return serialization.load_pem_public_key(pem)
    return None


def _verifying(key: object) -> VerifyingKey:
    if isinstance(key, rsa.RSAPublicKey):
        algorithm = "RS256"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        algorithm = _CURVES.get(key.curve.name, "")
        if not algorithm:
            raise PkiError("unknown private key curve, must be 256, 384, or 521")
    else:
        raise PkiError("the key is neither an RSA nor an elliptic curve key")
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kid = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    return VerifyingKey(key, kid, algorithm)
