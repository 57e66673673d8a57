"""Every bound of the front end, in one place.

In: nothing but numbers that the operator or a test chooses. Out: `FrontEndConfig`, read by all
other rooms here, and `Budget`, the leaky bucket behind "too much of this is abuse".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kapiserver.request import AUTHENTICATED_CONNECTION, Request

AUTHENTICATED = AUTHENTICATED_CONNECTION
"""Key of `Connection.memo`: a true value lifts the limits for unauthenticated connections."""

GZIP_MINIMUM = 128 * 1024
"""Answers smaller than this are not compressed, as kube-apiserver."""

PIECE = 128 * 1024
"""Big bodies are written (and compressed) in pieces of about this size, with a checkpoint each."""

DISCARDED_BODY = 256 * 1024
"""Unread body bytes that are skipped to keep an HTTP/1.1 connection; beyond this it is closed."""

INLINE_REQUESTS = 24
"""Requests answered from one read before the other connections get their turn."""

Finished = Callable[[Request, int, int, float], None]
"""Called once per finished request with its status, body bytes sent and seconds taken."""


@dataclass(frozen=True, slots=True)
class FrontEndConfig:
    """What `serve` needs to know. Times are seconds, sizes are bytes."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    """Only its subject names are used: they are offered to clients as hints which certificate to
    send. Certificates are verified by authn, not here."""

    host: str = "127.0.0.1"
    port: int = 6443
    backlog: int = 1024
    max_connections: int = 16_384
    """Connections beyond this are closed as soon as they are accepted."""

    max_header_bytes: int = 64 * 1024
    max_header_count: int = 200
    max_url_bytes: int = 32 * 1024
    max_streams: int = 250
    max_streams_unauthenticated: int = 100

    upload_window: int = 256 * 1024
    """Unread body bytes kept per request before its sender is told to wait."""
    connection_window: int = 8 * 1024 * 1024
    stream_buffer: int = 512 * 1024
    """Unsent bytes kept per stream; a push beyond this is refused and the watcher dropped."""
    transport_buffer: int = 256 * 1024
    """Unsent bytes kept per connection before its streams queue (and its reads stop)."""

    handshake_timeout: float = 10.0
    header_timeout: float = 32.0
    body_timeout: float = 30.0
    """The longest silence inside a request body."""
    write_timeout: float = 30.0
    """The longest time a client may accept nothing while bytes wait for it."""
    idle_timeout: float = 180.0
    grace_period: float = 10.0
    linger: float = 1.0
    """How long a client that was cut short may still read our last words."""
    check_interval: float = 1.0
    """How often all connections are looked at for the timeouts above."""
    reload_interval: float = 2.0
    """How often the certificate files' modification times are looked at (on accept)."""

    on_finished: Finished | None = field(default=None, compare=False)


class Budget:
    """A leaky bucket: `spend` says no after `burst` uses that outpace `per_second`."""

    __slots__ = ("_burst", "_last", "_left", "_rate")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = float(burst)
        self._rate = per_second
        self._left = float(burst)
        self._last = 0.0

    def spend(self, now: float) -> bool:
        refilled = self._left + (now - self._last) * self._rate
        self._left = min(self._burst, refilled) - 1
        self._last = now
        return self._left >= 0
