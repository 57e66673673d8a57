"""TLS settings, and their renewal while the server runs.

In: paths of PEM files. Out: an OpenSSL context for the next accepted connection. A client
certificate is asked for, never demanded, and never judged here: one that nobody trusts must become
a 401 Status further up, not a broken handshake. The standard library's `ssl` cannot ask for a
certificate without verifying it, which is why pyOpenSSL is used. A broken file on disk may not take
a working certificate away.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from OpenSSL import SSL, crypto

from .limits import FrontEndConfig

log = logging.getLogger(__name__)

ALPN = (b"h2", b"http/1.1")
TLS12_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"

# What reading a certificate, a key or a list of authorities can raise.
BAD_FILE = (OSError, ValueError, SSL.Error, crypto.Error)

Stamp = tuple[tuple[int, int, int], ...]


class BadCertificate(Exception):
    """The server cannot start with these files; the message says which, and why."""


def _accept_any(
    connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
) -> bool:
    return True


def _choose_protocol(connection: SSL.Connection, offered: Sequence[bytes]) -> object:
    for protocol in ALPN:
        if protocol in offered:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


def make_context(config: FrontEndConfig) -> SSL.Context:
    """A server context from the files as they are now; raises one of BAD_FILE."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # idle watchers hold no TLS buffers
    context.set_cipher_list(TLS12_CIPHERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # tickets are kept by the clients
    context.set_session_id(b"kapiserver")  # required for tickets when certificates are asked for
    context.set_verify(SSL.VERIFY_PEER, _accept_any)
    context.set_alpn_select_callback(_choose_protocol)  # type: ignore[arg-type]
    context.use_certificate_chain_file(str(config.cert_file))
    context.use_privatekey_file(str(config.key_file))
    context.check_privatekey()
    if config.client_ca_file is not None:
        context.load_client_ca(str(config.client_ca_file).encode())
    return context


class CertificateFiles:
    """The current context; looks at the files again at most every `reload_interval` seconds."""

    def __init__(self, config: FrontEndConfig) -> None:
        self._config = config
        self._checked = 0.0
        try:
            self._stamp = self._read_stamp()
            self._context = make_context(config)
        except BAD_FILE as error:
            raise BadCertificate(
                f"cannot use the TLS certificate {config.cert_file} with the key {config.key_file}"
                f" (--tls-cert-file, --tls-private-key-file): {error}"
            ) from error

    def context(self, now: float) -> SSL.Context:
        """The context for a connection accepted at `now` (trio's clock)."""
        if now - self._checked >= self._config.reload_interval:
            self._checked = now
            self._reload()
        return self._context

    def _reload(self) -> None:
        try:
            stamp = self._read_stamp()
            if stamp == self._stamp:
                return
            # Remembered before it is tried: a bad file is reported once, not at every accept.
            self._stamp = stamp
            self._context = make_context(self._config)
        except BAD_FILE as error:
            log.error("the new TLS certificate is not usable, keeping the old one: %s", error)
        else:
            log.info("TLS certificate reloaded from %s", self._config.cert_file)

    def _read_stamp(self) -> Stamp:
        files: list[Path] = [self._config.cert_file, self._config.key_file]
        if self._config.client_ca_file is not None:
            files.append(self._config.client_ca_file)
        stats = [path.stat() for path in files]
        return tuple((s.st_mtime_ns, s.st_ino, s.st_size) for s in stats)
