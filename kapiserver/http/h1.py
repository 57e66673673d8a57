"""HTTP/1.1: requests parsed by llhttp, answered in order, one write per answer.

In: bytes of one connection. Out: exchanges, and their answers on the wire. Upgrades of API requests
are exchanges too, whose answer may take the connection over (`switched`). WebSockets for Quart's
routes are handed, with all that follows, to Hypercorn's own H11Protocol, which this class extends.
Never more than QUEUE requests wait behind the one being answered: then the connection is not read.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import httptools
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import ConnectionState

from kapiserver.errors import ApiError, BadRequest
from kapiserver.request import Request, Response

from . import faults
from .h1stream import H1Exchange
from .limits import DISCARDED_BODY, GZIP_MINIMUM, INLINE_REQUESTS
from .target import is_api, parse_target

if TYPE_CHECKING:
    from .connection import ClientConnection

QUEUE = 16


class H1Protocol(H11Protocol):
    """The server side of one HTTP/1.1 connection."""

    def __init__(self, owner: ClientConnection, group: TaskGroup, state: ConnectionState) -> None:
        super().__init__(*owner.hypercorn_arguments(group, state))
        self.owner = owner
        self.front = owner.front
        self.transport = owner.transport
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[H1Exchange] = deque()
        self._current: H1Exchange | None = None
        self._incoming: H1Exchange | None = None
        self._pumping = False
        self._refusal: ApiError | None = None
        self._last = False  # no request follows the ones in the queue
        self._upgrading: H1Exchange | None = None
        self._websocket = False  # what is upgrading is a WebSocket of Quart's
        self._upgraded = False  # Hypercorn's protocol has the connection
        self._switched = False  # the current exchange has the connection
        self._rest = b""
        self._head_bytes = 0
        self._head_since: float | None = None
        self._idle_since = trio.current_time()
        self._room: trio.Event | None = None
        self._settled: trio.Event | None = None
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._in_head = False

    # Called by the parser. An exception here would be reported as a parse error: none is raised.

    def on_message_begin(self) -> None:
        self._url, self._fields, self._in_head = b"", [], True

    def on_url(self, part: bytes) -> None:
        self._url += part
        if len(self._url) > self.front.config.max_url_bytes:
            self._refuse(faults.UriTooLong("the request URI is too long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer
        self._fields.append((name.lower(), value))
        if len(self._fields) > self.front.config.max_header_count:
            self._refuse(faults.HeadersTooLarge("the request has too many headers"))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes, self._head_since = 0, None
        if self._refusal is not None:
            return None
        exchange = H1Exchange(self)
        target = parse_target(self._url)
        headers, upgrade, hosts, has_body = self._fields, b"", 0, False
        for name, value in headers:
            if name == b"host":
                hosts += 1
            elif name == b"expect":
                exchange.expects_continue = value.lower() == b"100-continue"
            elif name == b"content-length" or name == b"transfer-encoding":
                has_body = True
            elif name == b"upgrade":
                upgrade = value.lower()
        version = self._parser.get_http_version()
        method = self._parser.get_method().decode("ascii")
        if method == "CONNECT":
            return self._refuse(faults.MethodUnsupported("CONNECT is not supported"))
        if target is None:
            return self._refuse(faults.NOT_ASCII)
        if hosts > 1 or (not hosts and version == "1.1"):
            return self._refuse(BadRequest("a request needs exactly one Host header"))
        exchange.keep = self._parser.should_keep_alive() and version == "1.1"
        # Without a body the request does not point back here: no garbage cycle per request.
        read_body = exchange.read_body if has_body else None
        read_chunk = exchange.read_chunk if has_body else None
        upgradable = self._parser.should_upgrade()
        exchange.request = Request(
            method,
            target[0],
            target[1],
            headers,
            self.owner.facts,
            version,
            read_body,
            read_chunk,
            upgradable,
        )
        if upgradable:
            # Whatever the answer, bytes after this head are not another request.
            exchange.keep, self._last = False, True
            websocket = upgrade == b"websocket" and method == "GET"
            api = is_api(target[0])
            if websocket:
                self._websocket = not api or self.front.app.owns_websocket(target[0])
            if websocket or api:
                self._upgrading = exchange
        elif not exchange.keep:
            self._last = True
        self._incoming = exchange
        self._queue.append(exchange)
        return None

    def on_body(self, data: bytes) -> None:
        exchange = self._incoming
        if exchange is None or self._refusal is not None:
            return
        if exchange.complete or exchange.gone:
            exchange.discarded += len(data)
        else:
            exchange.feed(data)

    def on_message_complete(self) -> None:
        if self._incoming is not None and self._refusal is None:
            self._incoming.feed_end()
            self._incoming = None

    def _refuse(self, error: ApiError) -> None:
        """Answer with an error after what is queued, then close."""
        if self._refusal is None:
            self._refusal = error
            self._last = True

    # Bytes from the connection.

    async def handle(self, event: Event) -> None:
        if isinstance(event, RawData):
            if self._upgraded:
                await super().handle(event)
            else:
                self._parse(event.data)
                await self._pump()
        else:
            self._disconnected()
            if self._upgraded:
                await super().handle(Closed())

    def _parse(self, data: bytes) -> None:
        if self._switched:
            if self._incoming is not None:
                self._incoming.feed(data)
            return
        if self._upgrading is not None and (self._incoming is None or self._websocket):
            if len(self._rest) + len(data) > self.front.config.upload_window:
                self.owner.kill()
            self._rest += data
            return
        if self._last and self._incoming is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._rest = data[upgrade.args[0] :] if self._upgrading is not None else b""
        except httptools.HttpParserError:
            if not (self._last and self._incoming is None):
                self._refuse(BadRequest("the request is not valid HTTP/1.1"))
                if self._incoming is not None:
                    self._incoming.disconnect()
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_since is None:
                self._head_since = trio.current_time()
            if self._head_bytes > self.front.config.max_header_bytes:
                self._refuse(faults.HeadersTooLarge("the request's headers are too large"))

    def _disconnected(self) -> None:
        self._last = True
        self._queue.clear()
        if self._current is not None:
            self._current.disconnect()
        self.wake_reader()

    # Answers, in order.

    async def _pump(self) -> None:
        """Answer what is queued until one needs time; then its task goes on from here."""
        if self._pumping or self._current is not None:
            return
        self._pumping = True
        turns = 0
        try:
            while self._queue and self._current is None:
                await self._next(self._queue.popleft())
                turns += 1
                if turns >= INLINE_REQUESTS:
                    turns = 0
                    await trio.lowlevel.checkpoint()
        finally:
            self._pumping = False
        if self._current is None:
            self._idle_since = trio.current_time()
            self._maybe_end()
        self.wake_reader()

    async def _next(self, exchange: H1Exchange) -> None:
        request = exchange.request
        if exchange is self._upgrading and self._websocket:
            return await self._upgrade(exchange)
        response: Response | None = None
        if self.front.app.owns(request.path):
            exchange.runner = self.front.app.run_exchange
        elif not exchange.has_body:
            response = faults.answer_now(self.front.dispatcher, request)
            if response is not None and response.stream is None:
                body = response.body
                if type(body) is bytes and len(body) < GZIP_MINIMUM:
                    exchange.start(
                        response.status, response.headers, body, end=True, length=len(body)
                    )
                    exchange.finished()
                    del exchange.request  # it may point back, if it named a length of 0
                    if not exchange.keep:
                        self._last = True
                        self._queue.clear()
                    return None
        self._current = exchange
        self.owner.nursery.start_soon(exchange.run, response)
        return None

    async def answered(self, exchange: H1Exchange) -> None:
        """The current exchange's task is done."""
        if self._current is exchange:
            self._current = None
        if self._upgrading is exchange:
            self._upgrading, self._rest = None, b""
        if not exchange.keep or exchange.gone:
            self._last = True
            self._queue.clear()
        if exchange.started and not exchange.complete:
            self._refusal = None  # another head in the middle of a body would be read as body
        if self._settled is not None:
            self._settled.set()
        await self._pump()

    def _maybe_end(self) -> None:
        """Nothing is being answered: end the connection if nothing can follow."""
        if self._queue or self._upgraded:
            return
        incoming = self._incoming
        if incoming is not None and incoming.unread + incoming.discarded > DISCARDED_BODY:
            self._last = True
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            self._write_refusal(refusal)
            self.owner.end(linger=True)
        elif self._last or (self.front.draining and not self._in_head):
            self.owner.end(linger=incoming is not None)

    def _write_refusal(self, error: ApiError) -> None:
        response = faults.status_answer(error)
        exchange = H1Exchange(self)
        exchange.keep = False
        exchange.request = Request("GET", "/", b"", (), self.owner.facts, "1.1", None)
        body = response.body
        assert isinstance(body, bytes)
        exchange.start(response.status, response.headers, body, end=True, length=len(body))

    def switched(self, exchange: H1Exchange) -> None:
        """The exchange has answered 101: what arrives is its, from the end of its request on."""
        self._switched = True
        self._incoming = exchange
        if exchange.patient:
            self.transport.be_patient()
        rest, self._rest = self._rest, b""
        if rest:
            exchange.feed(rest)

    async def _upgrade(self, exchange: H1Exchange) -> None:
        """A WebSocket: Hypercorn's protocol takes over, from the request's head on."""
        self._upgraded = True
        lines = [b"GET %b HTTP/1.1\r\n" % self._url]
        lines += [b"%b: %b\r\n" % field for field in exchange.request.headers]
        rest, self._rest = self._rest, b""
        await super().handle(RawData(b"".join(lines) + b"\r\n" + rest))

    # Backpressure and time.

    @property
    def full(self) -> bool:
        """Should the connection not be read for now?"""
        if len(self._queue) > QUEUE:
            return True
        incoming = self._incoming
        if incoming is None or incoming.complete or incoming.gone:
            return False
        return incoming.unread > self.front.config.upload_window

    async def wait_not_full(self) -> None:
        while self.full:
            self._room = trio.Event()
            await self._room.wait()

    def wake_reader(self) -> None:
        if self._room is not None:
            self._room.set()

    async def settled(self) -> None:
        """Returns when no exchange is running any more."""
        while self._current is not None:
            self._settled = trio.Event()
            await self._settled.wait()

    @property
    def idle(self) -> bool:
        return self._current is None and not self._queue and not self._upgraded

    def check(self, now: float) -> None:
        config = self.front.config
        if self._head_since is not None and now - self._head_since > config.header_timeout:
            self._refuse(faults.RequestTimeout("the request head did not arrive in time"))
            if self.idle:
                self._maybe_end()
        elif self.idle and now - self._idle_since > config.idle_timeout:
            self.owner.end()

    def drain(self) -> None:
        if self._current is not None:
            self._current.leave()
        elif self.idle and not self._in_head:
            self.owner.end()
