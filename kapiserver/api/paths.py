"""Paths that are no resources: health, version, discovery, OpenAPI, and the list of all of them.

In: a handler per first segment. Out: an answer, or PathNotFound where nothing is served. Most
handlers answer at once, to any method; those that have routes upstream (`routed`) are for GET only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson

from kapiserver.api.documents import check_route
from kapiserver.errors import NotFound
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Request, Response

PathHandler = Callable[[RequestContext], Response | None]
WaitingPathHandler = Callable[[RequestContext], Awaitable[Response]]


_INDEX = ("", "/", "/index.html")


class PathNotFound(NotFound):
    """Nothing is served at a path at all: upstream answers in plain text there."""

    def __init__(self) -> None:
        super().__init__("404 page not found")


class Paths:
    """`handlers` and `waiting` by first segment; `listed` gives the paths that `/` shows."""

    def __init__(
        self,
        handlers: Mapping[str, PathHandler],
        listed: Callable[[], Sequence[str]],
        waiting: Mapping[str, WaitingPathHandler] | None = None,
    ) -> None:
        self._handlers = dict(handlers)
        self._listed = listed
        self._waiting = dict(waiting or {})

    def answer_now(self, context: RequestContext) -> Response | None:
        """The answer, or None if `answer` has to be awaited for it. Raises ApiError."""
        path = context.info.path
        if path in _INDEX:
            body = {"paths": sorted(self._listed())}
            text = orjson.dumps(body, option=orjson.OPT_INDENT_2)
            return Response(200, [(b"content-type", b"application/json")], text)
        first = path.strip("/").partition("/")[0]
        if first in self._waiting:
            return None
        handler = self._handlers.get(first)
        if handler is None:
            raise PathNotFound()
        response = handler(context)
        if response is None:
            raise PathNotFound()
        return response

    async def answer(self, context: RequestContext) -> Response:
        response = self.answer_now(context)
        if response is not None:
            return response
        first = context.info.path.strip("/").partition("/")[0]
        return await self._waiting[first](context)


def routed(handler: PathHandler, root: str, *produced: str) -> PathHandler:
    """A handler behind upstream's router: GET only, in these forms; 404s below are a Status."""

    def handle(context: RequestContext) -> Response | None:
        response = handler(context)
        if response is None:
            if context.info.path.startswith(f"{root}/"):
                raise NotFound.resource()
            return None
        check_route(context.request, produced)
        return response

    return handle


def by_segments(
    respond: Callable[[Sequence[str], Request], Response | None],
) -> PathHandler:
    """A handler that wants the path as its segments."""

    def handle(context: RequestContext) -> Response | None:
        return respond(context.info.path.strip("/").split("/"), context.request)

    return handle
