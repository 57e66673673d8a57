"""Mutual TLS 1.3 between members, and who a certificate says its holder is.

A member's certificate carries the URI `raftstore:<node_id>` as a subject alternative name (or, for
tools that cannot write URIs, as its common name). The prefix matters: the same authority may sign
certificates for other purposes, and none of those must ever pass as a member.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raftstore.errors import TransportError

IDENTITY_PREFIX = "raftstore:"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files. They are read again when they change (certificates are renewed)."""

    ca: str | os.PathLike[str]
    cert: str | os.PathLike[str]
    key: str | os.PathLike[str]


def identity_of(certificate: Mapping[str, Any] | None) -> str | None:
    """The node id in a verified certificate (the dict of `SSLSocket.getpeercert`), or None."""
    if not certificate:
        return None
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    names = [
        value
        for group in certificate.get("subject", ())
        for kind, value in group
        if kind == "commonName"
    ]
    found = {
        name.removeprefix(IDENTITY_PREFIX)
        for name in (*uris, *names)
        if name.startswith(IDENTITY_PREFIX)
    }
    return found.pop() if len(found) == 1 else None


class TlsContexts:
    """Makes the contexts for both directions and remakes them when a file has changed."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._loaded: tuple[object, ...] = ()
        self._server: ssl.SSLContext | None = None
        self._client: ssl.SSLContext | None = None

    def server(self) -> ssl.SSLContext:
        """A client certificate is asked for but optional: a joining machine has none yet."""
        self._refresh()
        if self._server is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.verify_mode = ssl.CERT_OPTIONAL
            context.num_tickets = 0
            self._server = self._load(context)
        return self._server

    def client(self) -> ssl.SSLContext:
        """Members are known by their id, not by a host name; `identity_of` takes its place."""
        self._refresh()
        if self._client is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_REQUIRED
            self._client = self._load(context)
        return self._client

    def ca_pem(self) -> str:
        with open(self.files.ca, encoding="ascii") as file:
            return file.read()

    def _load(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.files.cert, self.files.key)
        context.load_verify_locations(self.files.ca)
        return context

    def _refresh(self) -> None:
        stamps = tuple(
            (status.st_mtime_ns, status.st_size, status.st_ino)
            for status in map(os.stat, (self.files.ca, self.files.cert, self.files.key))
        )
        if stamps != self._loaded:
            self._loaded, self._server, self._client = stamps, None, None


def joiner_context(*, ca_pem: str | None) -> ssl.SSLContext:
    """For a machine without a certificate. Without `ca_pem` nothing is verified: only for asking
    for the authority's certificate, which is then checked against a pin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    if ca_pem is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise TransportError(f"the authority's certificate cannot be read: {error}") from error
    return context
