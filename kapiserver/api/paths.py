"""Paths that are no resources: health, version, discovery, OpenAPI, and the list of all of them.

In: a handler per first segment. Out: an answer, or None where nothing is served. GET and HEAD only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from kapiserver.errors import MethodNotAllowed
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Request, Response

PathHandler = Callable[[RequestContext], Response | None]


class Paths:
    """`handlers` by first segment; `listed` gives the paths that `/` shows."""

    def __init__(
        self, handlers: Mapping[str, PathHandler], listed: Callable[[], Sequence[str]]
    ) -> None:
        self._handlers = dict(handlers)
        self._listed = listed

    def __call__(self, context: RequestContext) -> Response | None:
        path = context.info.path
        if path in ("", "/"):
            body = {"paths": sorted(self._listed())}
            text = orjson.dumps(body, option=orjson.OPT_INDENT_2)
            return Response(200, [(b"content-type", b"application/json")], text)
        handler = self._handlers.get(path.strip("/").partition("/")[0])
        if handler is None:
            return None
        if context.request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed()
        return handler(context)


def by_segments(
    respond: Callable[[Sequence[str], Request], Response | None],
) -> PathHandler:
    """A handler that wants the path as its segments."""

    def handle(context: RequestContext) -> Response | None:
        return respond(context.info.path.strip("/").split("/"), context.request)

    return handle
