"""One TLS connection of the load generator: a non-blocking socket in an epoll loop.

In: prepared requests. Out: one `Answer` per request, handed to the connection's callback. A broken
connection raises ConnectionFailed: a measurement with losses is not a measurement.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

READ_SIZE = 262_144
CONNECT_SECONDS = 20.0


class ConnectionFailed(Exception):
    """The server closed the connection or broke the protocol."""


class Prepared(NamedTuple):
    """A request as bytes: the whole of it on HTTP/1.1; the header block and the body on HTTP/2."""

    head: bytes
    body: bytes


class Answer(NamedTuple):
    """`tag` is what the request was sent with; `body` is empty unless it was asked to be kept."""

    tag: Any
    status: int
    size: int
    body: bytes


OnAnswer = Callable[["Connection", Answer], None]
OnData = Callable[["Connection", bytes], None]


@dataclass(frozen=True, slots=True)
class Server:
    """Where and as whom to connect. Files are PEM; what is "" is not used."""

    host: str
    port: int
    ca: str = ""
    certificate: str = ""
    key: str = ""
    token: str = ""

    def context(self, protocol: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca or None)
        if not self.ca:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(["h2" if protocol == "h2" else "http/1.1"])
        return context


class Connection(ABC):
    """Sends prepared requests, reports answers. `stream` (when set) gets body data as it comes."""

    def __init__(self, server: Server, context: ssl.SSLContext, on_answer: OnAnswer) -> None:
        self.server = server
        self.on_answer = on_answer
        self.stream: OnData | None = None
        self.keep_body = False
        self.owner: Any = None
        raw = socket.create_connection((server.host, server.port), timeout=CONNECT_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = context.wrap_socket(raw, server_hostname=server.host)
        except OSError:
            raw.close()
            raise
        self.socket.settimeout(0.0)
        self._unsent = bytearray()

    @abstractmethod
    def prepare(
        self, method: str, path: str, body: bytes = b"", *, accept: str = "", gzip: bool = False
    ) -> Prepared:
        """A request that can be sent any number of times."""

    @abstractmethod
    def send(self, request: Prepared, tag: Any = None) -> None:
        """Put the request on the wire."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Parse what came in."""

    def write(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self.socket.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        if sent < len(data):
            self._unsent += data[sent:]

    def flush(self) -> None:
        if self._unsent:
            pending, self._unsent = bytes(self._unsent), bytearray()
            self.write(pending)

    @property
    def wants_write(self) -> bool:
        return bool(self._unsent)

    def readable(self) -> None:
        """Read until nothing is left, then parse: a TLS record may hide behind another."""
        while True:
            try:
                data = self.socket.recv(READ_SIZE)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                raise ConnectionFailed("the server closed the connection")
            self.received(data)

    def close(self) -> None:
        self.socket.close()


class Loop:
    """epoll over the connections; `run` returns when `stop` was called or at the deadline."""

    def __init__(self, connections: list[Connection]) -> None:
        self._by_fd = {connection.socket.fileno(): connection for connection in connections}
        self._epoll = select.epoll()
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def resume(self) -> None:
        self._stopped = False

    def run(self, deadline: float) -> bool:
        """True when stopped, False when the deadline (time.monotonic) passed first."""
        while not self._stopped:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for fd, events in self._epoll.poll(min(left, 0.5)):
                connection = self._by_fd[fd]
                if events & select.EPOLLOUT:
                    connection.flush()
                connection.readable()
                wanted = select.EPOLLIN | (select.EPOLLOUT if connection.wants_write else 0)
                if wanted != select.EPOLLIN or events & select.EPOLLOUT:
                    self._epoll.modify(fd, wanted)
        return True

    def close(self) -> None:
        self._epoll.close()
        for connection in self._by_fd.values():
            connection.close()
