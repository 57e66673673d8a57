"""A WebSocket client as browsers have it: wsproto over TLS, with the handshake."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from kapiserver.testing import APIServer

PATIENCE = 30.0
MAPS = "/api/v1/namespaces/default/configmaps"


class Socket:
    """An open socket. `protocol` is the subprotocol that the server chose."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.stream = stream
        self.protocol: str | None = None
        self.closed: int | None = None
        self.pongs: list[bytes] = []
        self.messages: list[str | bytes] = []
        self.refusal: tuple[int, dict[str, str], bytes] | None = None
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._accepted = False
        self._part: list[Any] = []

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self._ws.send(event))

    async def read(self) -> bool:
        """Take what arrives next; False when the connection has ended."""
        with trio.fail_after(PATIENCE):
            data = bytes(await self.stream.receive_some(65536))
        if not data:
            return False
        self._ws.receive_data(data)
        for event in self._ws.events():
            self._take(event)
        return True

    def _take(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self._accepted, self.protocol = True, event.subprotocol
        elif isinstance(event, RejectConnection):
            headers = {name.decode().lower(): value.decode() for name, value in event.headers}
            self.refusal = event.status_code, headers, b""
        elif isinstance(event, RejectData):
            assert self.refusal is not None
            status, headers, body = self.refusal
            self.refusal = status, headers, body + bytes(event.data)
            self._accepted = event.body_finished
        elif isinstance(event, TextMessage | BytesMessage):
            self._message(event)
        elif isinstance(event, Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, CloseConnection):
            self.closed = event.code

    def _message(self, event: Message[Any]) -> None:
        self._part.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if event.message_finished:
            self.messages.append(type(self._part[0])().join(self._part))
            self._part = []

    async def handshake(self, request: Request) -> None:
        await self.send(request)
        while not self._accepted:
            assert await self.read()

    async def until(self, count: int) -> list[str | bytes]:
        """All messages, when there are so many."""
        while len(self.messages) < count:
            assert await self.read(), self.messages
        return self.messages

    async def events(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of all events so far. Each must have come in a message of its own."""
        found = []
        for message in await self.until(count):
            assert isinstance(message, str)
            assert message.endswith("}\n")
            event = json.loads(message)
            found.append((event["type"], event["object"]["metadata"].get("name", "")))
        return found

    async def until_closed(self) -> int | None:
        """Reads on to the end of the connection; the code in the server's close frame."""
        while self.closed is None and await self.read():
            pass
        return self.closed


@asynccontextmanager
async def opened(
    server: APIServer,
    path: str,
    *,
    protocols: list[str] | None = None,
    context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Socket]:
    url = urlsplit(server.url)
    stream = await trio.open_ssl_over_tcp_stream(
        str(url.hostname),
        int(url.port or 0),
        ssl_context=context or server.ssl_context(),
        https_compatible=True,
    )
    try:
        socket = Socket(stream)
        fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await socket.handshake(
            Request(
                host=url.netloc, target=path, subprotocols=protocols or [], extra_headers=fields
            )
        )
        yield socket
    finally:
        await trio.aclose_forcefully(stream)
