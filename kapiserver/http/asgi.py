"""Between ASGI and our Request and Response, in both directions.

`Bridge` runs an ASGI application (Quart's routes) for an Exchange of our listener. `request_from`
and `to_quart` run the Dispatcher for a request that another ASGI server received. Nothing of either
world is known beyond this room. Bodies and streams stay bounded on both ways.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, cast

import trio
from hypercorn.typing import (
    ASGIReceiveEvent,
    ASGISendEvent,
    ConnectionState,
    HTTPScope,
    LifespanState,
)
from quart import Response as QuartResponse
from quart.wrappers.request import Body
from quart.wrappers.response import ResponseBody

from kapiserver.errors import ApiError, RequestEntityTooLarge
from kapiserver.request import Connection, Frame, Request, Response, StreamFunction

from . import faults, gzip
from .stream import Exchange

CONNECTION_KEY = "kapi.connection"
"""Where Quart's handlers find our Connection: `scope["state"][CONNECTION_KEY]`."""
REQUEST_KEY = "kapi.request"
"""The same for our Request (not for WebSockets)."""

MAX_BODY = 16 * 1024 * 1024
STREAM_BUFFER = 512 * 1024


def scope_of(request: Request, state: LifespanState) -> HTTPScope:
    """The ASGI scope of one of our requests."""
    own = {**state, CONNECTION_KEY: request.connection, REQUEST_KEY: request}
    return {
        "type": "http",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": "https",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "root_path": "",
        "headers": request.headers,
        "client": request.connection.client,
        "server": request.connection.server,
        "state": ConnectionState(own),
        "extensions": {},
    }


class Bridge:
    """The two callables that an ASGI application gets, on top of an Exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._length: int | None = None
        self._body_read = False
        self._over = False

    async def receive(self) -> ASGIReceiveEvent:
        exchange = self._exchange
        if not self._body_read:
            try:
                data = await exchange.read_chunk()
            except ApiError:
                self._body_read = True
                return {"type": "http.disconnect"}
            self._body_read = not data
            return {"type": "http.request", "body": data, "more_body": bool(data)}
        await exchange.wait_gone()
        return {"type": "http.disconnect"}

    async def send(self, event: ASGISendEvent) -> None:
        exchange = self._exchange
        if event["type"] == "http.response.start":
            self._status = event["status"]
            for name, value in event["headers"]:
                if name.lower() == b"content-length":
                    self._length = int(value)
                else:
                    self._headers.append((name.lower(), value))
        elif event["type"] == "http.response.body" and not self._over:
            body, more = event.get("body", b""), event.get("more_body", False)
            self._over = not more
            if not exchange.started:
                length = len(body) if self._over else self._length
                first = body if self._over else b""
                exchange.start(self._status, self._headers, first, end=self._over, length=length)
                if self._over:
                    await exchange.flushed()
                    return
            if exchange.request.method == "HEAD":
                body = b""
            if body:
                await exchange.send(body)
            if self._over:
                exchange.finish()
                await exchange.flushed()

    def failed(self) -> None:
        """The application raised: answer 500 if nothing was said yet, cut the answer otherwise."""
        exchange = self._exchange
        if exchange.started:
            exchange.abort()
            return
        response = faults.internal_error(exchange.request)
        body = response.body
        assert isinstance(body, bytes)
        exchange.start(response.status, response.headers, body, end=True, length=len(body))


def request_from(scope: HTTPScope, body: Body) -> Request:
    """Our Request for an ASGI scope; the body is Quart's."""

    async def read_body(limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for data in body:
            size += len(data)
            if size > limit:
                raise RequestEntityTooLarge(f"limit is {limit}")
            parts.append(data)
        return b"".join(parts)

    headers = [(name.lower(), value) for name, value in scope["headers"]]
    connection = scope.get("state", {}).get(CONNECTION_KEY)
    if connection is None:  # another server's connection: it tells us nothing of certificates
        server = scope["server"]
        where = (server[0], server[1] or 0) if server is not None else None
        connection = Connection(scope["client"], where, None)
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"],
        headers,
        connection,
        scope["http_version"],
        read_body,
    )


def to_quart(response: Response) -> QuartResponse:
    """Quart's form of a Response."""
    body: ResponseBody
    if response.stream is not None:
        body = StreamBody(response.stream)
    else:
        body = _Pieces(response.body)
    out = QuartResponse(body, status=response.status)
    out.headers.clear()
    for name, value in response.headers:
        out.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    if response.stream is None:
        chunks = response.body
        size = len(chunks) if isinstance(chunks, bytes) else sum(map(len, chunks))
        out.headers["content-length"] = str(size)
    out.timeout = None
    return out


class _Pieces(ResponseBody):
    """A complete body, sent in pieces."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aenter__(self) -> _Pieces:
        return self

    async def __aexit__(self, kind: type, error: BaseException, trace: TracebackType) -> None: ...

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in gzip.pieces(self._body):
            yield piece


class StreamBody(ResponseBody):
    """A streamed answer: the stream function runs in a nursery of the response's own task."""

    def __init__(self, function: StreamFunction) -> None:
        self._function = function
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._changed = trio.Event()
        self._taken = trio.Event()
        self._nursery_manager: AbstractAsyncContextManager[trio.Nursery] = trio.open_nursery()
        self._nursery: trio.Nursery

    async def __aenter__(self) -> StreamBody:
        self._nursery = await self._nursery_manager.__aenter__()
        self._nursery.start_soon(self._run)
        return self

    async def __aexit__(self, kind: type, error: BaseException, trace: TracebackType) -> None:
        self._ended = True
        self._nursery.cancel_scope.cancel()
        await self._nursery_manager.__aexit__(kind, error, trace)

    async def _run(self) -> None:
        await faults.run_app(lambda: cast(Any, self._function(self)))
        self._ended = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._queue:
                data = b"".join(self._queue)
                self._queue.clear()
                self._size = 0
                yield data
                self._taken.set()
                self._taken = trio.Event()
            if self._ended:
                return
            self._changed = trio.Event()
            await self._changed.wait()

    # The ResponseStream.

    def push(self, frame: Frame) -> bool:
        return self._put(frame.data)

    def flush(self) -> None:
        self._changed.set()

    def _put(self, data: bytes) -> bool:
        if self._ended or self._size > STREAM_BUFFER:
            return False
        self._queue.append(data)
        self._size += len(data)
        return True

    async def send(self, data: bytes) -> bool:
        while self._size > STREAM_BUFFER and not self._ended:
            await self._taken.wait()
        sent = self._put(data)
        self.flush()
        await trio.lowlevel.checkpoint()
        return sent

    async def closed(self) -> None:
        # A client that goes away cancels this whole response, with the stream function in it.
        await trio.sleep_forever()
