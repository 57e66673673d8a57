"""kubeconfig files: one user, one context per server URL.

Written as JSON, which is YAML: every client reads it, and no YAML writer is needed.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from kapiserver.pki.authority import KeyPair
from kapiserver.pki.files import write_private


class Context(NamedTuple):
    """A context and the server it points to, e.g. ("kapi-1", "https://127.0.0.1:6443")."""

    name: str
    server: str


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def render_kubeconfig(
    contexts: Sequence[Context], *, ca: bytes, user: str, credentials: KeyPair, current: str
) -> bytes:
    """The file's bytes. Certificates are embedded, so that the file can be copied elsewhere."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [
            {
                "name": context.name,
                "cluster": {
                    "server": context.server,
                    "certificate-authority-data": _base64(ca),
                },
            }
            for context in contexts
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _base64(credentials.certificate),
                    "client-key-data": _base64(credentials.key),
                },
            }
        ],
        "contexts": [
            {"name": context.name, "context": {"cluster": context.name, "user": user}}
            for context in contexts
        ],
        "preferences": {},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def write_kubeconfig(
    path: Path,
    contexts: Sequence[Context],
    *,
    ca: bytes,
    user: str,
    credentials: KeyPair,
    current: str,
) -> None:
    """Write the file with mode 0600: it holds a key of system:masters."""
    write_private(
        path,
        render_kubeconfig(contexts, ca=ca, user=user, credentials=credentials, current=current),
    )
