"""The Quart application: pages beside the API, WebSockets, and the API on any ASGI server.

In: routes that the caller adds. Out: an ASGI application. On our own listener API requests go to
the Dispatcher without passing through Quart, and only paths that Quart has a route for (`owns`)
come here. On another ASGI server everything comes here, and the catch-all route hands what is not
Quart's to the Dispatcher.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from hypercorn.typing import HTTPScope
from quart import Response as QuartResponse
from quart import request as quart_request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from kapiserver.request import Dispatcher

from . import asgi, faults
from .stream import Exchange
from .target import API_ROOTS

CATCH_ALL = "kubernetes_api"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class KapiApp(QuartTrio):
    """Quart with the Kubernetes API behind its catch-all route."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__("kapiserver", static_folder=None)
        self.dispatcher = dispatcher
        self.config["RESPONSE_TIMEOUT"] = None  # watches are open for minutes
        self.config["BODY_TIMEOUT"] = 60
        self.config["MAX_CONTENT_LENGTH"] = asgi.MAX_BODY
        self.url_map.merge_slashes = False
        self._owned: frozenset[str] | None = None
        for rule in ("/", "/<path:rest>"):
            self.add_url_rule(
                rule,
                CATCH_ALL,
                self._dispatch,
                methods=METHODS,
                provide_automatic_options=False,
                defaults={"rest": ""} if rule == "/" else None,
            )

    def owns(self, path: str) -> bool:
        """Does Quart answer this path? Decided by its first segment, at the cost of one lookup."""
        owned = self._owned
        if owned is None:
            owned = self._owned = self._first_segments()
        return path[1:].partition("/")[0] in owned

    def owns_websocket(self, path: str) -> bool:
        """Is there a WebSocket route for this path? Asked only for upgrades of API requests."""
        routes = self.url_map.bind("localhost", url_scheme="wss")
        try:
            routes.match(path, "GET", websocket=True)
        except (HTTPException, RoutingException):
            return False
        return True

    def _first_segments(self) -> frozenset[str]:
        found: set[str] = set()
        for rule in self.url_map.iter_rules():
            if rule.endpoint == CATCH_ALL or getattr(rule, "websocket", False):
                continue
            first = rule.rule[1:].partition("/")[0]
            if first in API_ROOTS or "<" in first:
                raise ValueError(f"route {rule.rule} would take requests away from the API")
            found.add(first)
        return frozenset(found)

    async def run_exchange(self, exchange: Exchange) -> None:
        """Answer a request of our own listener with one of Quart's routes."""
        bridge = asgi.Bridge(exchange)
        scope = asgi.scope_of(exchange.request, exchange.front.state)
        if not await faults.run_app(partial(self, scope, bridge.receive, bridge.send)):
            bridge.failed()

    async def _dispatch(self, rest: str) -> QuartResponse:
        request = asgi.request_from(cast(HTTPScope, quart_request.scope), quart_request.body)
        response = await faults.answer(self.dispatcher, request)
        return asgi.to_quart(response)

    async def startup(self) -> None:
        """Fails at start, not at the first request, when a route collides with the API."""
        self.owns("/")
        await super().startup()
