"""Which headers pass, in both directions. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kapiserver.request import Headers, Request
from kapiserver.websockets.handshake import BEARER

Fields = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# The identity of the client is between the client and us.
_SECRET = frozenset((b"authorization",))
_IDENTITY = (b"impersonate-", b"x-remote-")
_CORS = frozenset(
    (
        b"access-control-allow-credentials",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
    )
)
_BEARER_PROTOCOL = BEARER.encode()
_PROTOCOLS = b"sec-websocket-protocol"


def _named_by_connection(fields: Headers) -> set[bytes]:
    return {
        token.strip().lower()
        for name, value in fields
        if name.lower() == b"connection"
        for token in value.split(b",")
    }


def request_fields(request: Request, *, upgrade: bool, host: bytes | None = None) -> Fields:
    """The head that a backend gets. `host` replaces the client's Host header."""
    dropped = _HOP_BY_HOP | _named_by_connection(request.headers) | {b"expect"}
    fields: Fields = []
    forwarded: list[bytes] = []
    chosen_host = host
    for name, value in request.headers:
        if name in _SECRET or name.startswith(_IDENTITY) or name.startswith(b":"):
            continue
        if name == b"host":
            chosen_host = chosen_host or value
        elif name == b"x-forwarded-for":
            forwarded.append(value)
        elif name == _PROTOCOLS and upgrade:
            fields.append((name, _without_bearer(value)))
        elif name not in dropped:
            fields.append((name, value))
    if request.connection.client is not None:
        forwarded.append(request.connection.client[0].encode())
    if forwarded:
        fields.append((b"x-forwarded-for", b", ".join(forwarded)))
    if upgrade:
        fields = [field for field in fields if field[0] != b"content-length"]  # no body is sent
        fields.append((b"connection", b"Upgrade"))
        fields += [(name, value) for name, value in request.headers if name == b"upgrade"]
    elif request.has_body and request.header(b"content-length") is None:
        fields.append((b"transfer-encoding", b"chunked"))
    return [(b"host", chosen_host or b""), *fields]


def _without_bearer(value: bytes) -> bytes:
    """Browsers put their token among the WebSocket protocols."""
    protocols = [protocol.strip() for protocol in value.split(b",")]
    return b", ".join(p for p in protocols if not p.startswith(_BEARER_PROTOCOL))


def response_fields(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The head that the client gets, without what belongs to the backend's connection."""
    listed = [(name.lower(), value) for name, value in fields]
    dropped = _HOP_BY_HOP | _named_by_connection(listed) | _CORS | {b"content-length"}
    return [(name, value) for name, value in listed if name not in dropped]


def switch_fields(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The head of a 101: what the two ends agreed on (`upgrade`, protocols, SPDY's headers)."""
    return [
        (n.lower(), v) for n, v in fields if n.lower() not in (b"connection", b"content-length")
    ]


def content_length(fields: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in fields:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None
