"""One HTTP/1.1 exchange with a backend, on a connection of its own.

In: a request head and body parts. Out: the final response head, then its body in parts, or after a
101 the bare stream with what arrived behind the head. Heads are bounded by HEAD_BYTES; the body is
never held, only passed on. The owner closes the exchange (`close`), whatever happens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import h11
import trio

from kapiserver.errors import ApiError
from kapiserver.proxying.dial import Stream, dial
from kapiserver.proxying.target import Target
from kapiserver.request import Headers

HEAD_BYTES = 64 * 1024
READ_BYTES = 64 * 1024
HEAD_SECONDS = 600.0
"""How long a backend may think before it answers."""

NextPart = Callable[[], Awaitable[bytes]]


class BackendError(Exception):
    """The connection broke or what came back is not HTTP."""


class Backend:
    """The client's side of one request."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)

    @classmethod
    async def open(cls, target: Target, ourselves: tuple[str, int] | None) -> Backend:
        """Raises DialError and AddressNotAllowed."""
        return cls(await dial(target, ourselves))

    async def close(self) -> None:
        await trio.aclose_forcefully(self.stream)

    async def ask(
        self, method: str, target: Target, headers: Headers, next_part: NextPart | None
    ) -> h11.Response | h11.InformationalResponse:
        """Send the request; the response's head, 101 included. Raises BackendError.

        A backend that answers before it has read the whole body is not sent the rest. What
        `next_part` raises comes through.
        """
        try:
            request = h11.Request(
                method=method, target=target.request_target, headers=list(headers)
            )
            head = self._http.send(request)
        except h11.LocalProtocolError as error:
            raise BackendError(f"net/http: invalid request: {error}") from error
        answer: list[h11.Response | h11.InformationalResponse] = []
        try:
            await self.stream.send_all(head or b"")
            with trio.move_on_after(HEAD_SECONDS):
                if next_part is None:
                    await self.stream.send_all(self._http.send(h11.EndOfMessage()) or b"")
                    return await self._head()
                problem = await self._ask_with_body(next_part, answer)
                if isinstance(problem, h11.LocalProtocolError):
                    raise BackendError(f"net/http: invalid request body: {problem}")
                if problem is not None:
                    raise problem
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise BackendError("EOF") from error
        if not answer:
            raise BackendError("net/http: timeout awaiting response headers")
        return answer[0]

    async def _ask_with_body(
        self, next_part: NextPart, answer: list[h11.Response | h11.InformationalResponse]
    ) -> Exception | None:
        """Upload and wait for the head at the same time; the client's or backend's failure."""
        problems: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def upload() -> None:
                try:
                    while data := await next_part():
                        await self.stream.send_all(self._http.send(h11.Data(data=data)) or b"")
                    await self.stream.send_all(self._http.send(h11.EndOfMessage()) or b"")
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return  # a backend that wants no more may still have answered
                except (ApiError, h11.LocalProtocolError) as error:
                    problems.append(error)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(upload)
            try:
                answer.append(await self._head())
            except BackendError as error:
                problems.append(error)
            nursery.cancel_scope.cancel()
        return problems[0] if problems else None

    async def _head(self) -> h11.Response | h11.InformationalResponse:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                return event
            if isinstance(event, h11.ConnectionClosed):
                raise BackendError("EOF")

    async def read(self) -> bytes:
        """The next part of the response's body, b"" at its end. BackendError: it broke off."""
        while True:
            event = await self._event()
            if not isinstance(event, h11.Data):
                return b""  # EndOfMessage; h11 raises where the body is cut short
            if event.data:
                return bytes(event.data)

    async def read_up_to(self, limit: int) -> tuple[bytes, bool]:
        """(the body or about its first `limit` bytes, whether that is all of it)."""
        parts: list[bytes] = []
        size = 0
        while size <= limit:
            part = await self.read()
            if not part:
                return b"".join(parts), True
            parts.append(part)
            size += len(part)
        return b"".join(parts), False

    def after_switch(self) -> bytes:
        """What the backend sent behind its 101."""
        return self._http.trailing_data[0]

    async def _event(self) -> object:
        while True:
            try:
                event = self._http.next_event()
                if event is h11.PAUSED:
                    raise BackendError("malformed HTTP response")
                if event is not h11.NEED_DATA:
                    return event
                self._http.receive_data(bytes(await self.stream.receive_some(READ_BYTES)))
            except h11.RemoteProtocolError as error:
                raise BackendError(f"malformed HTTP response: {error}") from error
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise BackendError("unexpected EOF") from error
