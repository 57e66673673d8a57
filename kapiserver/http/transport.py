"""One TLS connection as bytes in and bytes out, straight on the socket.

In: an accepted non-blocking socket and a TLS context. Out: `receive` (waits), `write` (never waits;
what the socket does not take is kept and drained by one task) and `drained` (backpressure). A peer
that accepts nothing for `write_timeout` while bytes wait for it is cut off. The kept bytes are
bounded by the callers, who look at `pending_size` before they produce more. No method raises on a
broken connection except `receive` and `handshake`, which raise trio.BrokenResourceError.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from math import inf

import trio
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

RECORD = 16 * 1024
READ_BATCH = 64 * 1024

WANT_IO = (SSL.WantReadError, SSL.WantWriteError)
# SSL.Error covers ZeroReturnError and SysCallError; ValueError is a descriptor closed meanwhile.
BROKEN = (SSL.Error, OSError, ValueError)

# To who speaks HTTP without TLS, in the words that kube-apiserver says it with.
PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


def tune(sock: socket.socket, dead_after: float) -> None:
    """Let the kernel notice peers that vanished without a FIN."""
    options = [
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", int(dead_after * 1000)),
    ]
    for level, name, value in options:
        number = getattr(socket, name, None)  # not every platform has all of them
        if number is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(level, number, value)


class Transport:
    """The TLS stream under one client connection."""

    def __init__(self, sock: socket.socket, context: SSL.Context, write_timeout: float) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.pending_size = 0
        self.broken = False
        self.greedy = False  # take every TLS record that has arrived (HTTP/2)
        self._ssl = SSL.Connection(context, sock)
        self._ssl.set_accept_state()
        self._write_timeout = write_timeout
        self._pending: deque[bytes | memoryview] = deque()
        self._drained = trio.Event()
        self._closed = False
        self.nursery: trio.Nursery | None = None
        """The connection's nursery, set before the first `write`; runs the draining task."""

    async def handshake(self) -> None:
        while True:
            try:
                self._ssl.do_handshake()
            except SSL.WantReadError:
                await self._readable()
            except SSL.WantWriteError:
                await self._writable()
            except BROKEN as error:
                if _is_plain_http(error):
                    self._answer_in_plain()
                raise trio.BrokenResourceError from error
            else:
                return

    def _answer_in_plain(self) -> None:
        """What the socket takes at once: a client with the wrong scheme gets to know why."""
        with contextlib.suppress(OSError):
            self.sock.send(PLAIN_HTTP)
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.recv(READ_BATCH)  # closed with bytes unread, the answer could be lost

    def alpn(self) -> bytes:
        return self._ssl.get_alpn_proto_negotiated()

    def peer_certificate(self) -> bytes | None:
        """DER of the client's certificate, verified by nobody yet."""
        certificate = self._ssl.get_peer_certificate()
        if certificate is None:
            return None
        return certificate.to_cryptography().public_bytes(Encoding.DER)

    async def receive(self) -> bytes:
        """What has arrived, at least one byte; b"" when the peer has finished sending."""
        if self._closed:
            raise trio.ClosedResourceError
        if self._ssl.pending():
            await trio.lowlevel.checkpoint()
        else:
            await self._readable()
        while not self.broken:
            try:
                data = self._ssl.recv(RECORD)
            except SSL.WantReadError:
                await self._readable()
            except SSL.WantWriteError:
                await self._writable()
            except SSL.ZeroReturnError:
                return b""
            except BROKEN as error:
                raise trio.BrokenResourceError from error
            else:
                return self._rest_of(data) if self.greedy and data else data
        raise trio.BrokenResourceError

    def _rest_of(self, data: bytes) -> bytes:
        """The record just read and those behind it, so that one flush answers all of them."""
        parts = [data]
        size = len(data)
        # An error is seen again by the next `receive`, after these bytes have been handled.
        with contextlib.suppress(*BROKEN):
            while size < READ_BATCH:
                more = self._ssl.recv(RECORD)
                if not more:
                    break
                parts.append(more)
                size += len(more)
        return b"".join(parts) if len(parts) > 1 else data

    def write(self, data: bytes) -> None:
        """Send now what the socket takes, keep the rest in order. Never waits, never raises."""
        if self.broken:
            return
        if self._pending:
            self._pending.append(data)
            self.pending_size += len(data)
            return
        size = len(data)
        sent = 0
        try:
            sent = self._ssl.send(data)
            if sent < size:
                view = memoryview(data)
                while sent < size:
                    sent += self._ssl.send(view[sent:])
        except WANT_IO:
            self._pending.append(memoryview(data)[sent:])
            self.pending_size += size - sent
            self._drained = trio.Event()
            assert self.nursery is not None
            self.nursery.start_soon(self._drain)
        except BROKEN:
            self._break()

    async def _drain(self) -> None:
        """Send what `write` had to keep; runs only while there is something."""
        while self._pending:
            with trio.move_on_after(self._write_timeout) as deadline:
                try:
                    await self._writable()
                except trio.BrokenResourceError:
                    self._break()
            if deadline.cancelled_caught:
                self._break()
            self._send_pending()
        self._drained.set()

    def _send_pending(self) -> None:
        pending = self._pending
        try:
            while pending:
                # The partial rest stays first: TLS wants a refused write repeated as it was.
                sent = self._ssl.send(pending[0])
                self.pending_size -= sent
                if sent == len(pending[0]):
                    pending.popleft()
                else:
                    pending[0] = memoryview(pending[0])[sent:]
        except WANT_IO:
            pass
        except BROKEN:
            self._break()

    def be_patient(self) -> None:
        """From now on the peer may stop reading for as long as it likes.

        What waits for it is bounded, and the kernel still notices when it is gone.
        """
        self._write_timeout = inf
        number = getattr(socket, "TCP_USER_TIMEOUT", None)
        if number is not None:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.IPPROTO_TCP, number, 0)

    async def drained(self) -> None:
        """Returns when nothing is kept back any more, or the connection is gone."""
        while self.pending_size and not self.broken:
            await self._drained.wait()

    def _break(self) -> None:
        """No more bytes go out; the reader is woken by the shut-down socket."""
        self.broken = True
        self._pending.clear()
        self.pending_size = 0
        self._drained.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Tell the peer that we are done: close_notify, then FIN. Reading goes on."""
        if self.broken:
            return
        with contextlib.suppress(*BROKEN):
            self._ssl.shutdown()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket now. Idempotent, does not wait."""
        if self._closed:
            return
        self._closed = True
        if not self.broken:
            with contextlib.suppress(*BROKEN):
                self._ssl.shutdown()
        self._break()
        trio.lowlevel.notify_closing(self.sock)
        self.sock.close()

    async def _readable(self) -> None:
        if self._closed:
            raise trio.BrokenResourceError
        try:
            await trio.lowlevel.wait_readable(self.sock)
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError from error

    async def _writable(self) -> None:
        if self._closed:
            raise trio.BrokenResourceError
        try:
            await trio.lowlevel.wait_writable(self.sock)
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError from error


def _is_plain_http(error: Exception) -> bool:
    """OpenSSL knows the first bytes of the usual methods."""
    queue = error.args[0] if error.args else None
    return isinstance(queue, list) and any("http request" in entry for entry in queue)
