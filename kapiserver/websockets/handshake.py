"""The opening handshake of a WebSocket. Pure.

In: a request that asks for an upgrade. Out: what it offers, and the head of the 101. Browsers
cannot set headers and put their bearer token among the subprotocols: it is never one of those that
are offered here, so that no answer echoes it.
"""

from __future__ import annotations

import base64
import hashlib

from kapiserver.errors import BadRequest, Forbidden
from kapiserver.request import Request

BEARER = "base64url.bearer.authorization.k8s.io."

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PROTOCOLS = b"sec-websocket-protocol"
_VERSION = "13"


def is_websocket(request: Request) -> bool:
    if not request.upgradable or request.method != "GET":
        return False
    return (request.header(b"upgrade") or b"").lower() == b"websocket"


def _listed(request: Request) -> list[str]:
    if not is_websocket(request):
        return []
    return [
        protocol.strip().decode("latin-1")
        for name, value in request.headers
        if name == _PROTOCOLS
        for protocol in value.split(b",")
    ]


def asked_protocols(request: Request) -> list[str]:
    """The subprotocols of a WebSocket request; none when it is something else."""
    return [protocol for protocol in _listed(request) if not protocol.startswith(BEARER)]


def protocol_tokens(request: Request) -> list[str]:
    """What is offered as bearer tokens, still encoded."""
    listed = _listed(request)
    return [protocol.removeprefix(BEARER) for protocol in listed if protocol.startswith(BEARER)]


def check_handshake(request: Request) -> None:
    """Raises BadRequest for what no WebSocket client of today sends."""
    if not request.header(b"sec-websocket-key"):
        raise BadRequest("mismatch challenge/response")
    if request.header(b"sec-websocket-version") != _VERSION.encode():
        headers = {"Sec-WebSocket-Version": _VERSION}
        raise BadRequest("missing or bad WebSocket Version", headers=headers)


def choose_protocol(request: Request, served: tuple[str, ...]) -> str:
    """The first offered subprotocol that is served; "" where none is offered. Raises Forbidden."""
    asked = asked_protocols(request)
    for protocol in asked:
        if protocol in served:
            return protocol
    if not asked:
        return ""
    raise Forbidden(
        f"requested protocol(s) are not supported: [{' '.join(asked)}]; "
        f"supports [{' '.join(served)}]"
    )


def accept_fields(request: Request, protocol: str) -> list[tuple[bytes, bytes]]:
    """The head of the 101; without a subprotocol where there is none."""
    key = request.header(b"sec-websocket-key") or b""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    fields = [(b"upgrade", b"websocket"), (b"sec-websocket-accept", base64.b64encode(digest))]
    return [*fields, (_PROTOCOLS, protocol.encode("latin-1"))] if protocol else fields
