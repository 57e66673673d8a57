"""The life of a request: parse, pass the stages, be answered. The only place that knows the order.

In: what the front end hands over. Out: a Response for every request: errors become answers here
and nowhere else. `fast` does the same as `handle` where nothing has to be waited for, without a
task; when it cannot, nothing has happened and `handle` starts over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import trio

from kapiserver.api.durations import DurationError, parse_duration
from kapiserver.api.negotiation import PLAIN, Output
from kapiserver.api.paths import PathNotFound
from kapiserver.api.render import output_of, respond, respond_raw
from kapiserver.errors import ApiError, BadRequest, InternalError, Timeout
from kapiserver.pipeline.context import RequestContext, warning_header
from kapiserver.pipeline.http_policy import NO_POLICY, HttpPolicy
from kapiserver.pipeline.query import first
from kapiserver.pipeline.request_info import NoResource, parse
from kapiserver.pipeline.stage import Stage
from kapiserver.request import Request, Response
from kapiserver.resources.protobuf import Encoder

log = logging.getLogger(__name__)

# How long a request that is no watch may take by default.
REQUEST_SECONDS = 60.0

# Subresources whose requests last as long as the client wants; deadlines are where they wait.
LONG_RUNNING = frozenset(("attach", "exec", "log", "portforward", "proxy"))

READS = frozenset(("get", "head", "list", "watch"))

_PRIVATE = (b"cache-control", b"no-cache, private")


class Answerer(Protocol):
    """Answers one kind of request: at once, or (None) only when it is awaited."""

    def answer_now(self, context: RequestContext) -> Response | None: ...

    async def answer(self, context: RequestContext) -> Response: ...


class PipelineDispatcher:
    """`stages` in the order in which a request passes them; `encoder` writes protobuf.

    `request_seconds`: how long a request may take that does not last by its nature; `policy` adds
    headers to answers.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        resources: Answerer,
        paths: Answerer,
        encoder: Encoder | None = None,
        *,
        request_seconds: float = REQUEST_SECONDS,
        policy: HttpPolicy = NO_POLICY,
    ) -> None:
        self._stages = tuple(stages)
        self._encoder = encoder
        self._resources = resources
        self._paths = paths
        self._request_seconds = request_seconds
        self._policy = policy

    def fast(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return None
        context: RequestContext | None = None
        passed = 0
        response: Response | None = None
        try:
            info = parse(request.method, request.path, request.query)
            context = RequestContext(request, info, self._encoder)
            if request.query:
                self._time_limit(context)
            for stage in self._stages:
                if not stage.check(context):
                    return None
                passed += 1
            if context.info.is_resource_request:
                response = self._resources.answer_now(context)
            else:
                response = self._paths.answer_now(context)
        except ApiError as error:
            response = error_answer(error, context)
        except Exception:  # noqa: BLE001  a bug must cost one request, not the connection
            response = self._bug(request)
        finally:
            if context is not None:
                self._leave(context, passed, response)
        return None if response is None else self._finished(request, context, response)

    async def handle(self, request: Request) -> Response:
        context: RequestContext | None = None
        passed = 0
        response: Response | None = None
        try:
            info = parse(request.method, request.path, request.query)
            context = RequestContext(request, info, self._encoder)
            limit = self._time_limit(context)
            if (response := self._policy.preflight(request)) is not None:
                return self._finished(request, context, response)
            for stage in self._stages:
                if not stage.check(context):
                    await stage.wait(context)
                passed += 1
            response = await self._answer(context, limit)
        except ApiError as error:
            response = error_answer(error, context)
        except Exception:  # noqa: BLE001  a bug must cost one request, not the server
            response = self._bug(request)
        finally:
            if context is not None:
                self._leave(context, passed, response)
        return self._finished(request, context, response)

    async def _answer(self, context: RequestContext, limit: float) -> Response:
        answerer = self._resources if context.info.is_resource_request else self._paths
        if context.info.subresource in LONG_RUNNING:
            return await answerer.answer(context)
        try:
            with trio.fail_after(limit):
                return await answerer.answer(context)
        except trio.TooSlowError as error:
            text = "Timeout: request did not complete within the allotted timeout"
            if context.info.verb not in READS:
                text += "; if it was a write, its outcome is unknown"
            raise Timeout(text) from error

    def _time_limit(self, context: RequestContext) -> float:
        """`?timeout=` may ask for less; what lasts by its nature does not look at it."""
        info = context.info
        text = first(info.query, "timeout")
        if not text or info.verb == "watch" or info.subresource in LONG_RUNNING:
            return self._request_seconds
        try:
            seconds = parse_duration(text)
        except DurationError as error:
            message = f"invalid timeout specified in the request URL - {error}"
            raise BadRequest(message) from error
        return min(seconds, self._request_seconds) if seconds > 0 else self._request_seconds

    def _leave(self, context: RequestContext, passed: int, response: Response | None) -> None:
        for stage in reversed(self._stages[:passed]):
            stage.done(context, response)

    def _finished(
        self, request: Request, context: RequestContext | None, response: Response
    ) -> Response:
        """The headers that every answer has."""
        headers = response.headers
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append(_PRIVATE)
        if self._policy.in_use:
            headers += self._policy.headers(request)
        if context is not None:
            headers.append((b"audit-id", context.audit_id))
            for text in context.warnings:
                headers.append((b"warning", warning_header(text)))
        return response

    def _bug(self, request: Request) -> Response:
        log.exception("unexpected failure in %s %s", request.method, request.path)
        error = InternalError(
            "Internal error occurred: the request failed in a way that is not foreseen; the "
            "server's log says more"
        )
        return error_answer(error)


def error_answer(error: ApiError, context: RequestContext | None = None) -> Response:
    """A Status, in the form that the client accepts, or in JSON if it accepts none."""
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    if isinstance(error, (PathNotFound, NoResource)):
        plain = (b"content-type", b"text/plain; charset=utf-8")
        nosniff = (b"x-content-type-options", b"nosniff")
        return Response(error.code, [plain, nosniff, *headers], f"{error.message}\n".encode())
    if error.retry_after:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    output = _output(context)
    if output is None:
        response = respond_raw(error.status(), error.code)
    else:
        response = respond(error.status(), output, error.code)
    response.headers.extend(headers)
    return response


def _output(context: RequestContext | None) -> Output | None:
    """None: nothing that could be sent is accepted."""
    if context is None:
        return PLAIN
    try:
        return output_of(context, convertible=False)
    except ApiError:
        return None
