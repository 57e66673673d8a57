"""One request and its answer, whatever the protocol under it.

In: body bytes and "the client is gone" from the protocol; a Response from the pipeline. Out: calls
of the few writing primitives that HTTP/1.1 and HTTP/2 each implement. An Exchange is also the
`ResponseStream` of a streamed answer. It never raises because of what a client does, and whatever
happens its request is finished exactly once (`finished`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from kapiserver.errors import BadRequest, RequestEntityTooLarge
from kapiserver.request import Frame, Headers, Request, Response, UpgradeFunction

from . import faults, gzip
from .limits import PIECE

if TYPE_CHECKING:
    from .connection import Front

BODYLESS = frozenset((204, 304))
LEAVE_TIME = 5.0
"""Seconds that a stream function has to return after its client has gone."""


class Exchange(ABC):
    """A request being answered. Subclassed by each protocol."""

    __slots__ = (
        "_arrived",
        "_closed",
        "_left",
        "_parts",
        "_scope",
        "_streaming",
        "body_done",
        "expects_continue",
        "front",
        "gone",
        "patient",
        "request",
        "runner",
        "sent",
        "started",
        "started_at",
        "status",
        "unread",
    )

    def __init__(self, front: Front) -> None:
        self.front = front
        self.request: Request
        self.runner: Callable[[Exchange], Awaitable[None]] | None = None
        """Answers instead of the dispatcher (Quart's routes)."""
        self.status = 0
        self.sent = 0
        self.started = False
        self.started_at = time.perf_counter() if front.config.on_finished is not None else 0.0
        self.gone = False
        self.patient = False
        self.body_done = False
        self.expects_continue = False
        self.unread = 0
        self._parts: deque[bytes] | None = None
        self._arrived: trio.Event | None = None
        self._closed: trio.Event | None = None
        self._left: trio.Event | None = None
        self._scope: trio.CancelScope | None = None
        self._streaming = False

    # The body, from the protocol to the reader.

    def feed(self, data: bytes) -> None:
        if self._parts is None:
            self._parts = deque()
        self._parts.append(data)
        self.unread += len(data)
        if self._arrived is not None:
            self._arrived.set()

    def feed_end(self) -> None:
        self.body_done = True
        if self._arrived is not None:
            self._arrived.set()

    @property
    def has_body(self) -> bool:
        return not self.body_done or self._parts is not None

    async def read_chunk(self) -> bytes:
        """The next part of the body, b"" at its end. Raises BadRequest when it is cut short."""
        while not self._parts:
            if self.body_done:
                return b""
            if self.gone:
                raise BadRequest("the request body ended before it was complete")
            if self.expects_continue:
                self.expects_continue = False
                self.send_continue()
            self._arrived = trio.Event()
            with trio.move_on_after(self.front.config.body_timeout) as deadline:
                await self._arrived.wait()
            self._arrived = None
            if deadline.cancelled_caught:
                raise faults.RequestTimeout("the request body did not arrive in time")
        data = self._parts.popleft()
        self.unread -= len(data)
        self.consumed(len(data))
        return data

    async def read_body(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := await self.read_chunk():
            size += len(data)
            if size > limit:
                raise RequestEntityTooLarge(f"limit is {limit}")
            parts.append(data)
        return b"".join(parts)

    # The client's side going away.

    def disconnect(self) -> None:
        """The client is gone: readers end, a handler is cancelled, a stream is told to leave."""
        if self.gone:
            return
        self.gone = True
        if self._arrived is not None:
            self._arrived.set()
        if self._scope is not None:
            if self._streaming:
                self._scope.deadline = min(self._scope.deadline, trio.current_time() + LEAVE_TIME)
            else:
                self._scope.cancel()
        if self._left is not None:
            self._left.set()
        self.leave()

    def leave(self) -> None:
        """Ends the wait in `closed`: the client is gone or the server is draining."""
        if self._closed is not None:
            self._closed.set()

    async def closed(self) -> None:
        if self.gone or self.front.draining:
            return
        if self._closed is None:
            self._closed = trio.Event()
        await self._closed.wait()

    async def wait_gone(self) -> None:
        """Returns when the client has gone away (and only then)."""
        if not self.gone:
            if self._left is None:
                self._left = trio.Event()
            await self._left.wait()

    # The answer.

    async def run(self, response: Response | None) -> None:
        """Answer the request; `response` when it is known already. The exchange's own task."""
        complete = False
        try:
            with trio.CancelScope() as self._scope:
                if self.gone:
                    return
                if self.runner is not None:
                    await self.runner(self)
                    complete = True
                    return
                if response is None:
                    response = await faults.answer(self.front.dispatcher, self.request)
                complete = await self._respond(response)
        finally:
            self._scope = None
            if not complete:
                self.abort()
            self.finished()
            await self.after()
            del self.request  # which may point back here: no garbage cycle per request

    async def _respond(self, response: Response) -> bool:
        headers = response.headers
        if response.upgrade is not None:
            self._streaming = True
            self.patient = response.patient
            return await self.switch(response.headers, response.upgrade)
        if response.stream is not None:
            self._streaming = True
            self.patient = response.patient
            self.start(response.status, headers, b"", end=False, length=response.length)
            if self.request.method == "HEAD":
                self.finish()
                return True
            if not await faults.run_stream(response.stream, self, self.request):
                return False
            if not self.gone:
                self.finish()
            return await self.flushed()
        body = response.body
        size = len(body) if isinstance(body, bytes) else sum(map(len, body))
        if response.compressible and gzip.worth_compressing(size):
            headers = [*headers, (b"vary", b"accept-encoding")]
            if gzip.accepts_gzip(self.request.header(b"accept-encoding")):
                return await self._respond_gzip(response, headers)
        if size <= PIECE or self.request.method == "HEAD" or response.status in BODYLESS:
            whole = body if isinstance(body, bytes) else b"".join(body)
            self.start(response.status, headers, whole, end=True, length=size)
            return await self.flushed()
        self.start(response.status, headers, b"", end=False, length=size)
        for piece in gzip.pieces(body):
            if not await self.send(piece):
                return False
        self.finish()
        return await self.flushed()

    async def _respond_gzip(self, response: Response, headers: list[tuple[bytes, bytes]]) -> bool:
        headers.append((b"content-encoding", b"gzip"))
        self.start(response.status, headers, b"", end=False, length=None)
        if self.request.method != "HEAD":
            for piece in gzip.compressed(response.body):
                if piece:
                    if not await self.send(piece):
                        return False
                else:
                    await trio.lowlevel.checkpoint()
        self.finish()
        return await self.flushed()

    def finished(self) -> None:
        """Report the facts, once."""
        report = self.front.config.on_finished
        if report is not None:
            seconds = time.perf_counter() - self.started_at
            report(self.request, self.status or 499, self.sent, seconds)

    # What a protocol provides. `push`, `flush` and `send` are the ResponseStream.

    @abstractmethod
    def send_continue(self) -> None:
        """Tell the client that its body is wanted (Expect: 100-continue)."""

    @abstractmethod
    def consumed(self, size: int) -> None:
        """The reader took `size` body bytes: more may come."""

    @abstractmethod
    def start(
        self, status: int, headers: Headers, body: bytes, *, end: bool, length: int | None
    ) -> None:
        """Write the head and the first body bytes at once.

        `length` becomes content-length; None: unknown, the body is delimited by the protocol.
        """

    async def switch(self, headers: Headers, upgrade: UpgradeFunction) -> bool:
        """Answer 101 and give the connection away. Only HTTP/1.1 can."""
        raise RuntimeError("this protocol has no upgrades")

    @abstractmethod
    def push(self, frame: Frame) -> bool: ...

    @abstractmethod
    def flush(self) -> None: ...

    @abstractmethod
    async def send(self, data: bytes) -> bool: ...

    @abstractmethod
    def finish(self) -> None:
        """The body is complete."""

    @abstractmethod
    async def flushed(self) -> bool:
        """Waits until the answer has left this exchange's buffers; False when it never will."""

    @abstractmethod
    def abort(self) -> None:
        """The answer cannot be completed: make sure that the client notices."""

    @abstractmethod
    async def after(self) -> None:
        """The exchange's task is about to end: the protocol goes on with the next thing."""
