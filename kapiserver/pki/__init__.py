"""The cluster's certificates and keys: the CA and what it signs, token keys, kubeconfig files.

Comes in: names and addresses. Goes out: PEM files with safe modes. Nothing here opens a socket.
"""

from kapiserver.pki.authority import Authority, KeyPair, new_key
from kapiserver.pki.files import PkiError, read_pem, write_private, write_public
from kapiserver.pki.kubeconfig import Context, write_kubeconfig
from kapiserver.pki.signing import (
    SigningKey,
    VerifyingKey,
    new_signing_key,
    signing_key,
    verifying_keys,
)

__all__ = [
    "Authority",
    "Context",
    "KeyPair",
    "PkiError",
    "SigningKey",
    "VerifyingKey",
    "new_key",
    "new_signing_key",
    "read_pem",
    "signing_key",
    "verifying_keys",
    "write_kubeconfig",
    "write_private",
    "write_public",
]
