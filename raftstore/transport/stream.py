"""A non-blocking socket, TLS or plain, with waiting left to trio.

`ssl.SSLSocket` on `wait_readable` costs about half of `trio.SSLStream`, and lets the commit path
write to a peer synchronously: `write_now` hands over what the kernel takes and never waits.
Errors come out as OSError (ssl.SSLError is one). One task may read and one may write.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import trio

RECEIVE_SIZE = 256 << 10
_TLS_RECORD = 16 << 10


class PeerStream:
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._closed = False

    @classmethod
    def adopt(
        cls, stream: trio.SocketStream, context: ssl.SSLContext | None, *, server_side: bool
    ) -> PeerStream:
        """Take the socket out of trio's stream; with a context, TLS is laid over it."""
        sock = socket.socket(fileno=stream.socket.detach())
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if context is None:
            return cls(sock)
        wrapped = context.wrap_socket(sock, server_side=server_side, do_handshake_on_connect=False)
        return cls(wrapped)

    async def handshake(self) -> None:
        if not isinstance(self._socket, ssl.SSLSocket):
            return
        while True:
            try:
                self._socket.do_handshake()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._socket)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._socket)
            else:
                return

    @property
    def encrypted(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    def peer_certificate(self) -> dict[str, Any] | None:
        """The verified certificate of the other side, or None."""
        if isinstance(self._socket, ssl.SSLSocket):
            return self._socket.getpeercert()
        return None

    def remote(self) -> str:
        try:
            host, port = self._socket.getpeername()[:2]
        except OSError:
            return "unknown"
        return f"{host}:{port}"

    async def receive_some(self) -> bytes:
        """At least one byte, or b"" when the other side has closed."""
        waited = False
        while True:
            try:
                data = self._socket.recv(RECEIVE_SIZE)
            except (ssl.SSLWantReadError, BlockingIOError):
                waited = True
                await trio.lowlevel.wait_readable(self._socket)
            except ssl.SSLZeroReturnError:
                return b""
            else:
                break
        if not waited:
            await trio.lowlevel.checkpoint()
        if self.encrypted and len(data) == _TLS_RECORD:
            return self._drain(data)
        return data

    def _drain(self, data: bytes) -> bytes:
        """A full TLS record is rarely the last one: collect what has arrived already."""
        parts = [data]
        size = len(data)
        while len(data) == _TLS_RECORD and size < RECEIVE_SIZE:
            try:
                data = self._socket.recv(RECEIVE_SIZE)
            except (ssl.SSLWantReadError, BlockingIOError, ssl.SSLZeroReturnError):
                break
            parts.append(data)
            size += len(data)
        return b"".join(parts)

    def write_now(self, data: bytes | memoryview) -> int:
        """How many bytes were taken, 0 if it would have to wait."""
        try:
            return self._socket.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            return 0

    async def wait_writable(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)

    async def send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            sent = self.write_now(view)
            view = view[sent:]
            if view:
                await self.wait_writable()

    def close(self) -> None:
        """At once; a task that is waiting on the socket gets ClosedResourceError."""
        if self._closed:
            return
        self._closed = True
        trio.lowlevel.notify_closing(self._socket)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
