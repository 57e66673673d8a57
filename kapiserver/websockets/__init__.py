"""WebSockets (RFC 6455) on connections of the API: handshake, socket, streams of messages.

In: an upgradable Request, then its connection as a `Duplex`. Out: the head of the 101, and sockets
that send and receive. Who may open one is not decided here.
"""

from .handshake import (
    accept_fields,
    asked_protocols,
    check_handshake,
    choose_protocol,
    is_websocket,
    protocol_tokens,
)
from .socket import GOING_WELL, PROTOCOL_ERROR, ServerSocket
from .stream import MessageForm, over_websocket

__all__ = [
    "GOING_WELL",
    "PROTOCOL_ERROR",
    "MessageForm",
    "ServerSocket",
    "accept_fields",
    "asked_protocols",
    "check_handshake",
    "choose_protocol",
    "is_websocket",
    "over_websocket",
    "protocol_tokens",
]
