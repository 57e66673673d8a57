"""The server's end of a WebSocket on a connection that has been upgraded.

In: a `Duplex`. Out: parts of binary messages as they arrive (a message is never held whole), and
whole messages sent. Pings are answered here.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque

import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from kapiserver.request import Duplex, Request

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GOING_WELL, PROTOCOL_ERROR = 1000, 1002
_NOT_SENT = 1005, 1006  # codes that only say that there was none


def asked_protocols(request: Request) -> list[str]:
    """The subprotocols of a WebSocket request; none when it is something else."""
    upgrade = request.header(b"upgrade") or b""
    if not request.upgradable or upgrade.lower() != b"websocket" or request.method != "GET":
        return []
    return [
        protocol.strip().decode("latin-1")
        for name, value in request.headers
        if name == b"sec-websocket-protocol"
        for protocol in value.split(b",")
    ]


def accept_fields(request: Request, protocol: str) -> list[tuple[bytes, bytes]]:
    """The head of the 101."""
    key = request.header(b"sec-websocket-key") or b""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return [
        (b"upgrade", b"websocket"),
        (b"sec-websocket-accept", base64.b64encode(digest)),
        (b"sec-websocket-protocol", protocol.encode("latin-1")),
    ]


class ServerSocket:
    def __init__(self, client: Duplex) -> None:
        self._client = client
        self._protocol = Connection(ConnectionType.SERVER)
        self._sending = trio.Lock()
        self._parts: deque[tuple[bytes, bool]] = deque()
        self._starts = True  # the next part is the first of its message
        self._closed = False

    async def receive(self) -> tuple[bytes, bool] | None:
        """(bytes, whether a message starts with them); None: closed, or not a WebSocket's bytes."""
        while not self._parts:
            if self._closed:
                return None
            data = await self._client.receive()
            if not data:
                return None
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                await self._take(event)
        return self._parts.popleft()

    async def _take(self, event: object) -> None:
        if isinstance(event, BytesMessage | TextMessage):
            data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
            if data:
                self._parts.append((data, self._starts))
                self._starts = False
            if event.message_finished:
                self._starts = True
        elif isinstance(event, Ping):
            async with self._sending:
                if self._protocol.state is ConnectionState.OPEN:
                    await self._client.send(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            await self.close(event.code)  # theirs, or why wsproto cannot read on

    async def send(self, data: bytes) -> bool:
        """One binary message; False when the client is gone."""
        async with self._sending:
            if self._closed or self._protocol.state is not ConnectionState.OPEN:
                return False
            return await self._client.send(self._protocol.send(BytesMessage(data=data)))

    async def close(self, code: int = GOING_WELL) -> None:
        async with self._sending:
            if not self._closed:
                self._closed = True
                code = GOING_WELL if code in _NOT_SENT else code
                await self._client.send(self._protocol.send(CloseConnection(code=code)))
