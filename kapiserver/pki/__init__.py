"""The cluster's certificates: one CA, server, peer and client certificates, kubeconfig files.

Comes in: names and addresses. Goes out: PEM files with safe modes. Nothing here opens a socket.
"""

from kapiserver.pki.authority import Authority, KeyPair, new_key
from kapiserver.pki.files import PkiError, read_pem, write_private, write_public
from kapiserver.pki.kubeconfig import Context, write_kubeconfig

__all__ = [
    "Authority",
    "Context",
    "KeyPair",
    "PkiError",
    "new_key",
    "read_pem",
    "write_kubeconfig",
    "write_private",
    "write_public",
]
