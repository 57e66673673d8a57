"""pods/log as the messages of a WebSocket, for browsers.

In: a log request that asks for an upgrade, and the stream function of its answer. Out: the 101. The
subprotocol says whether parts of the log are binary messages or base64 in text ones. The first
message is empty: it shows that the log was found, where it has no lines yet.
"""

from __future__ import annotations

import base64

from kapiserver.request import Request, Response, ResponseStream, StreamFunction
from kapiserver.websockets import (
    MessageForm,
    accept_fields,
    check_handshake,
    choose_protocol,
    over_websocket,
)

BINARY, BASE64 = "binary.k8s.io", "base64.binary.k8s.io"


def _as_they_come(part: bytes) -> tuple[bytes]:
    return (part,)


def _encoded(part: bytes) -> tuple[bytes]:
    return (base64.b64encode(part),)


_RAW = MessageForm(text=False, split=_as_they_come)
_FORMS = {"": _RAW, BINARY: _RAW, BASE64: MessageForm(text=True, split=_encoded)}


def log_protocol(request: Request) -> str:
    """The subprotocol to use. Raises BadRequest and Forbidden."""
    check_handshake(request)
    return choose_protocol(request, (BINARY, BASE64))


def log_messages(request: Request, protocol: str, relay: StreamFunction) -> Response:
    async def run(stream: ResponseStream) -> None:
        await stream.send(b"")
        await relay(stream)

    fields = accept_fields(request, protocol)
    return Response(101, fields, upgrade=over_websocket(run, _FORMS[protocol]), patient=True)
