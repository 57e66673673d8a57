"""A request is passed to a backend, and its answer back.

In: a call and the target of its request. Out: the Response: the backend's head, and a stream or
upgrade function that owns the backend's connection from then on. Nothing is held beyond one read:
a client that does not read holds the backend back, and the other way round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import trio

from kapiserver.api.call import Call
from kapiserver.errors import ApiError, BadRequest, ServiceUnavailable
from kapiserver.proxying.backend import Backend, BackendError
from kapiserver.proxying.dial import AddressNotAllowed, DialError
from kapiserver.proxying.headers import (
    content_length,
    request_fields,
    response_fields,
    switch_fields,
)
from kapiserver.proxying.rewrite import Rewriter
from kapiserver.proxying.target import Target
from kapiserver.request import Duplex, Response, ResponseStream, StreamCut, StreamFunction

BODY_BYTES = 3 * 1024 * 1024
"""Of a request body, where the front end cannot give it in parts."""
ERROR_BYTES = 256 * 1024
ERROR_SECONDS = 10.0
TUNNEL_BYTES = 64 * 1024
LAST_SECONDS = 1.0


class ProxyFailed(ApiError):
    """What kube-apiserver answers with an error that is not one of the API's: 500, no reason."""

    code, reason = 500, ""


Failure = Callable[[str], ApiError]


async def opened(call: Call, target: Target, failure: Failure) -> Backend:
    """A connection to the backend; `failure` words what goes wrong."""
    try:
        return await Backend.open(target, call.context.connection.server)
    except AddressNotAllowed as error:
        raise BadRequest(str(error)) from error
    except DialError as error:
        raise failure(str(error)) from error


async def forward(call: Call, target: Target, rewriter: Rewriter) -> Response:
    """Any method, any body, any answer: the proxy subresources."""
    request = call.context.request
    fields = request_fields(request, upgrade=False)
    fields.append((b"x-forwarded-uri", rewriter.forwarded_uri.encode()))
    backend = await opened(call, target, _unreachable)
    try:
        next_part = partial(request.chunk, BODY_BYTES) if request.has_body else None
        try:
            head = await backend.ask(request.method, target, fields, next_part)
        except BackendError as error:
            raise _unreachable(str(error)) from error
        if head.status_code == 101:
            raise _unreachable("the backend switched protocols without being asked")
        raw = head.headers.raw_items()
        headers = rewriter.response(response_fields(raw))
        length = content_length(raw)
        if request.method == "HEAD":
            await backend.close()
            return Response(head.status_code, headers, stream=_nothing, length=length)
        first = b""
        if rewriter.wants(headers):
            first, whole = await backend.read_up_to(rewriter.limit)
            page = rewriter.page(headers, first) if whole else None
            if page is not None:
                await backend.close()
                return Response(head.status_code, headers, page)
    except BackendError as error:
        await backend.close()
        raise _unreachable(str(error)) from error
    except BaseException:
        await backend.close()
        raise
    stream = relay(backend, first)
    return Response(head.status_code, headers, stream=stream, length=length, patient=True)


def _unreachable(text: str) -> ApiError:
    return ServiceUnavailable(f"error trying to reach service: {text}")


async def _nothing(stream: ResponseStream) -> None:
    """The body of an answer to HEAD."""


def relay(backend: Backend, first: bytes = b"") -> StreamFunction:
    """The stream function that passes a response body on, and closes the backend.

    `first`: what has been read of it already.
    """

    async def run(stream: ResponseStream) -> None:
        nonlocal first
        complete = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_closed, stream, nursery.cancel_scope)
                try:
                    while part := first or await backend.read():
                        first = b""
                        if not await stream.send(part):
                            break
                    else:
                        complete = True
                except BackendError:
                    pass  # the client sees that the answer is not complete
                nursery.cancel_scope.cancel()
        finally:
            await backend.close()
        if not complete:
            raise StreamCut

    return run


async def _until_closed(stream: ResponseStream, scope: trio.CancelScope) -> None:
    await stream.closed()
    scope.cancel()


async def until_left(client: Duplex, scope: trio.CancelScope) -> None:
    """Cancels when the client is gone or the server stops; what has arrived may still pass."""
    await client.closed()
    await trio.sleep(LAST_SECONDS)
    scope.cancel()


Fields = Sequence[tuple[bytes, bytes]]
Run = Callable[[Backend, bytes, Duplex], Awaitable[None]]
"""What follows a 101: the backend's connection, what came behind its head, the client's."""


async def upgrade(call: Call, target: Target) -> Response:
    """A switch of protocols, as the client and the backend agree on it."""
    request = call.context.request
    fields = request_fields(request, upgrade=True)
    return await switched(call, request.method, target, fields, switch_fields, _tunnel)


async def switched(
    call: Call,
    method: str,
    target: Target,
    fields: Fields,
    answer: Callable[[Fields], list[tuple[bytes, bytes]]],
    run: Run,
) -> Response:
    """Ask the backend to switch; `answer` makes the head of our own 101 from its.

    Nothing of what the client sends behind its head reaches the backend before its 101.
    """
    backend = await opened(call, target, lambda text: ProxyFailed(f"error dialing backend: {text}"))
    try:
        try:
            head = await backend.ask(method, target, fields, None)
            raw = head.headers.raw_items()
            if head.status_code == 101:
                after = partial(_closing, backend, run, backend.after_switch())
                return Response(101, answer(raw), upgrade=after, patient=True)
            if head.status_code < 400:
                text = f"invalid upgrade response: status code {head.status_code}"
                raise ProxyFailed(text)
            body = b""
            with trio.move_on_after(ERROR_SECONDS):
                body, _ = await backend.read_up_to(ERROR_BYTES)
        except BackendError as error:
            raise ProxyFailed(str(error)) from error
    except BaseException:
        await backend.close()
        raise
    await backend.close()
    headers = response_fields(raw)
    return Response(head.status_code, [*headers, (b"connection", b"close")], body)


async def _closing(backend: Backend, run: Run, early: bytes, client: Duplex) -> None:
    try:
        await run(backend, early, client)
    finally:
        await backend.close()


async def _tunnel(backend: Backend, early: bytes, client: Duplex) -> None:
    """Bytes both ways until either end is done; then both are closed."""
    stream = backend.stream
    async with trio.open_nursery() as nursery:

        async def to_backend() -> None:
            try:
                while data := await client.receive():
                    await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # what the backend has still to say is read by the other direction
            else:
                nursery.cancel_scope.cancel()

        nursery.start_soon(to_backend)
        nursery.start_soon(until_left, client, nursery.cancel_scope)
        try:
            data = early or await stream.receive_some(TUNNEL_BYTES)
            while data and await client.send(bytes(data)):
                data = await stream.receive_some(TUNNEL_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # a backend that is gone is one that has finished
        nursery.cancel_scope.cancel()
