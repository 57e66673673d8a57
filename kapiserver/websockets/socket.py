"""The server's end of a WebSocket on a connection that has been upgraded.

In: a `Duplex`. Out: parts of messages as they arrive (a message is never held whole), and whole
messages sent. Pings are answered here. Nothing is written behind a message of which, because its
sender was cancelled, only a part is out: the connection then ends without a word.
"""

from __future__ import annotations

import struct
from collections import deque

import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from kapiserver.request import Duplex, Frame

GOING_WELL, PROTOCOL_ERROR = 1000, 1002
_NOT_SENT = 1005, 1006  # codes that only say that there was none

_TEXT, _BINARY = 0x81, 0x82  # the last (and only) frame of a message, and its type
_IN_TWO_BYTES, _IN_EIGHT_BYTES = 126, 127
_MOST_IN_TWO_BYTES = 0xFFFF


def message(data: bytes, *, text: bool = False) -> bytes:
    """A whole message as a server sends it: one frame, which is not masked."""
    first, size = _TEXT if text else _BINARY, len(data)
    if size < _IN_TWO_BYTES:
        return struct.pack("!BB", first, size) + data
    if size <= _MOST_IN_TWO_BYTES:
        return struct.pack("!BBH", first, _IN_TWO_BYTES, size) + data
    return struct.pack("!BBQ", first, _IN_EIGHT_BYTES, size) + data


class ServerSocket:
    def __init__(self, client: Duplex) -> None:
        self._client = client
        self._protocol = Connection(ConnectionType.SERVER)
        self._sending = trio.Lock()
        self._within = False  # a part of some message is out, and the rest is not
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
            await self._answer(event)
        elif isinstance(event, CloseConnection):
            await self.close(event.code)  # theirs, or why wsproto cannot read on

    async def _answer(self, ping: Ping) -> None:
        """Without waiting for the client to take it: one that is stuck can do without."""
        async with self._sending:
            if self._sendable and self._client.push(Frame(self._protocol.send(ping.response()))):
                self._client.flush()

    @property
    def _sendable(self) -> bool:
        return self._protocol.state is ConnectionState.OPEN and not self._within

    async def send(self, data: bytes) -> bool:
        """One binary message; False when the client is gone."""
        return await self.send_messages(message(data))

    async def send_messages(self, ready: bytes) -> bool:
        """Messages in their frames; False when the client is gone."""
        async with self._sending:
            if not self._sendable:
                return False
            self._within = True
            sent = await self._client.send(ready)
            self._within = False
            return sent

    def push(self, ready: Frame) -> bool:
        """The same without waiting: see `ResponseStream`."""
        return self._sendable and self._client.push(ready)

    async def close(self, code: int = GOING_WELL) -> None:
        async with self._sending:
            if not (self._closed or self._within):
                self._closed = True
                code = GOING_WELL if code in _NOT_SENT else code
                await self._client.send(self._protocol.send(CloseConnection(code=code)))
