"""Where a fault in our own code stops: the client gets a 500 Status, the log gets the traceback.

In: calls into the pipeline, and whole connections. Out: always an answer; never an exception other
than cancellation. This is the one room of the front end that catches everything, because a server
may not die of one request.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson

from kapiserver.errors import ApiError, BadRequest, InternalError
from kapiserver.request import Dispatcher, Request, Response, StreamCut, json_headers

log = logging.getLogger(__name__)

Stream = TypeVar("Stream")


class UriTooLong(ApiError):
    code, reason = 414, ""


class HeadersTooLarge(ApiError):
    code, reason = 431, ""


class RequestTimeout(ApiError):
    code, reason = 408, "Timeout"


class MethodUnsupported(ApiError):
    code, reason = 405, "MethodNotAllowed"


NOT_ASCII = BadRequest("the request path must be ASCII, with everything else percent-encoded")


def status_answer(error: ApiError) -> Response:
    headers = json_headers((k.lower().encode(), v.encode()) for k, v in error.headers.items())
    body = orjson.dumps(error.status(), option=orjson.OPT_APPEND_NEWLINE)
    return Response(status=error.code, headers=headers, body=body)


def internal_error(request: Request) -> Response:
    """Call it while the exception is being handled: the traceback goes to the log."""
    request_id = secrets.token_hex(8)
    log.exception("request %s: %r %r failed", request_id, request.method, request.path)
    error = InternalError(
        f"internal error; the server's log has the details under request id {request_id}"
    )
    return status_answer(error)


def answer_now(dispatcher: Dispatcher, request: Request) -> Response | None:
    try:
        return dispatcher.fast(request)
    except Exception:  # noqa: BLE001 - the boundary: a fault becomes an answer
        return internal_error(request)


async def answer(dispatcher: Dispatcher, request: Request) -> Response:
    try:
        return await dispatcher.handle(request)
    except Exception:  # noqa: BLE001 - the boundary: a fault becomes an answer
        return internal_error(request)


async def run_stream(
    function: Callable[[Stream], Awaitable[None]], stream: Stream, request: Request
) -> bool:
    """Run the body of a streamed answer; False when it failed and the body is not complete."""
    try:
        await function(stream)
    except StreamCut:
        return False
    except Exception:  # noqa: BLE001 - the boundary: the head is out, only the stream can be cut
        internal_error(request)
        return False
    return True


async def run_app(app: Callable[[], Awaitable[None]]) -> bool:
    """Run an ASGI application for one request; False when it failed."""
    try:
        await app()
    except Exception:
        log.exception("the application failed")
        return False
    return True


async def contain(serve: Callable[[], Awaitable[None]]) -> None:
    """Run one client connection; what goes wrong there ends there."""
    try:
        await serve()
    except Exception:  # the boundary: one bad connection never ends the server
        log.exception("a client connection failed")


def contain_now(act: Callable[[], None], what: object) -> None:
    """The same for what is done to a connection from outside."""
    try:
        act()
    except Exception:  # the boundary: one bad connection never ends the server
        log.exception("a client connection failed: %s", what)
