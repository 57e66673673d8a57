"""A small HTTPS client for the commands: one request, one answer, with a deadline."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11
import trio

CHUNK = 65536


class RequestFailed(Exception):
    """The server could not be reached, or answered with an error; the text says which."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files: the CA to trust, and the client certificate."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise RequestFailed(
                f"cannot use the certificates in {self.ca.parent}: {error}"
            ) from error
        return context


class Answer:
    """The head of an answer; read the body with `chunks` or `read`."""

    def __init__(self, status: int, chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self.chunks = chunks

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks])


@asynccontextmanager
async def request(
    method: str, url: str, credentials: Credentials, *, body: bytes = b"", timeout: float = 5.0
) -> AsyncIterator[Answer]:
    """Send a request. `timeout` is for the head; reading the body is up to the caller."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    connection = h11.Connection(h11.CLIENT)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    head = h11.Request(
        method=method,
        target=target,
        headers=[
            ("host", f"{host}:{port}"),
            ("connection", "close"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ],
    )
    stream: trio.SSLStream[trio.SocketStream] | None = None
    try:
        with trio.fail_after(timeout):
            stream = await trio.open_ssl_over_tcp_stream(
                host, port, https_compatible=True, ssl_context=credentials.context()
            )
            data = connection.send(head) or b""
            if body:
                data += connection.send(h11.Data(data=body)) or b""
            data += connection.send(h11.EndOfMessage()) or b""
            await stream.send_all(data)
            response = await _next_event(connection, stream)
        if not isinstance(response, h11.Response):
            raise RequestFailed(f"{url}: the server did not answer")
        yield Answer(response.status_code, _body(connection, stream))
    except trio.TooSlowError as error:
        raise RequestFailed(f"{url}: no answer within {timeout:.0f} s") from error
    except (OSError, ssl.SSLError, trio.BrokenResourceError, h11.RemoteProtocolError) as error:
        raise RequestFailed(f"{url}: {error or type(error).__name__}") from error
    finally:
        if stream is not None:
            with trio.move_on_after(0.1) as cleanup:
                cleanup.shield = True
                await trio.aclose_forcefully(stream)


async def _next_event(
    connection: h11.Connection, stream: trio.SSLStream[trio.SocketStream]
) -> h11.Event | type[h11.PAUSED]:
    while True:
        event = connection.next_event()
        if event is not h11.NEED_DATA:
            return event  # type: ignore[return-value]
        connection.receive_data(bytes(await stream.receive_some(CHUNK)))


async def _body(
    connection: h11.Connection, stream: trio.SSLStream[trio.SocketStream]
) -> AsyncIterator[bytes]:
    while True:
        event = await _next_event(connection, stream)
        if not isinstance(event, h11.Data):
            return
        yield bytes(event.data)


async def call(
    method: str, url: str, credentials: Credentials, *, body: Any = None, timeout: float = 5.0
) -> Any:
    """JSON in, JSON out; RequestFailed with the Status' message on an error answer."""
    encoded = b"" if body is None else json.dumps(body).encode()
    with trio.move_on_after(timeout) as limit:
        async with request(method, url, credentials, body=encoded, timeout=timeout) as answer:
            data = await answer.read()
    if limit.cancelled_caught:
        raise RequestFailed(f"{url}: no answer within {timeout:.0f} s")
    try:
        document = json.loads(data) if data else {}
    except ValueError:
        document = {"message": data[:200].decode(errors="replace")}
    if answer.status >= 400:
        message = document.get("message", "") if isinstance(document, dict) else ""
        raise RequestFailed(f"{url}: {answer.status} {message}", answer.status)
    return document
