"""A small HTTP/1.1 client that says what is known about a request that failed.

In: method, path, body. Out: status and body, or one of two errors. `NotSent`: no byte of the
request left, so it had no effect. `Lost`: it was sent, at least in part, and no whole answer came;
it may have had an effect. Nothing is ever sent twice.

One connection, kept alive, one request at a time. Every wait has a deadline.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import httptools
import trio

CHUNK = 64 * 1024
CONNECT_SECONDS = 3.0
ANSWER_LIMIT = 32 << 20
JSON = "application/json"


class NotSent(Exception):
    """The request did not leave."""


class Lost(Exception):
    """The request left and was not answered."""


class _Answer:
    """httptools calls these."""

    def __init__(self, on_body: Callable[[bytes], None]) -> None:
        self.on_body = on_body
        self.headers_done = False
        self.complete = False
        self.keep_alive = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"connection" and value.lower() == b"close":
            self.keep_alive = False

    def on_headers_complete(self) -> None:
        self.headers_done = True

    def on_message_complete(self) -> None:
        self.complete = True


class Client:
    """Talks to one server. Not connected until the first request; connects again when needed."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._context = context
        self._stream: trio.SSLStream[trio.SocketStream] | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        timeout: float = 5.0,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> tuple[int, bytes]:
        """The whole answer. Raises NotSent, Lost."""
        data: list[bytes] = []
        answer = _Answer(data.append)
        try:
            with trio.fail_after(timeout):
                parser = await self._send(method, path, body, answer, content_type, accept)
                while not answer.complete:
                    self._feed(parser, await self._receive())
        except trio.TooSlowError as error:
            await self.close()
            raise Lost(f"no answer within {timeout:.0f} s") from error
        if not answer.keep_alive:
            await self.close()
        return parser.get_status_code(), b"".join(data)

    async def stream(
        self, path: str, *, timeout: float, idle: float
    ) -> AsyncIterator[tuple[int, bytes]]:
        """A GET whose body is handed over as it comes: (status, piece), the first with b"".

        `timeout` is for the head; a body that is silent for `idle` seconds ends it with Lost.
        """
        data: list[bytes] = []
        answer = _Answer(data.append)
        try:
            with trio.fail_after(timeout):
                parser = await self._send("GET", path, b"", answer)
                while not answer.headers_done:
                    self._feed(parser, await self._receive())
            yield parser.get_status_code(), b""
            while True:
                if data:
                    piece = b"".join(data)
                    data.clear()
                    yield parser.get_status_code(), piece
                if answer.complete:
                    return
                with trio.fail_after(idle):
                    self._feed(parser, await self._receive())
        except trio.TooSlowError as error:
            raise Lost("the server is silent") from error
        finally:
            await self.close()

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await trio.aclose_forcefully(stream)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        answer: _Answer,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> httptools.HttpResponseParser:
        if self._stream is None:
            self._stream = await self._connect()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Accept: {accept}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {content_type}\r\n\r\n"
        )
        try:
            await self._stream.send_all(head.encode() + body)
        except (trio.BrokenResourceError, OSError) as error:
            await self.close()
            raise Lost(f"the connection broke: {error}") from error
        return httptools.HttpResponseParser(answer)

    async def _connect(self) -> trio.SSLStream[trio.SocketStream]:
        stream: trio.SSLStream[trio.SocketStream] | None = None
        try:
            with trio.fail_after(CONNECT_SECONDS):
                stream = await trio.open_ssl_over_tcp_stream(
                    self._host, self._port, https_compatible=True, ssl_context=self._context
                )
                await stream.do_handshake()
                return stream
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            if stream is not None:
                await trio.aclose_forcefully(stream)
            raise NotSent(str(error) or type(error).__name__) from error

    async def _receive(self) -> bytes:
        if self._stream is None:
            raise Lost("the connection was closed")
        try:
            data = bytes(await self._stream.receive_some(CHUNK))
        except (trio.BrokenResourceError, OSError) as error:
            await self.close()
            raise Lost(f"the connection broke: {error}") from error
        if not data:
            await self.close()
            raise Lost("the server closed the connection")
        return data

    def _feed(self, parser: httptools.HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise Lost(f"the answer is not HTTP: {error}") from error
