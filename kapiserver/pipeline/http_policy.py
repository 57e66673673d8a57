"""What the settings ask of every answer, whatever was requested and by whom.

In: the settings for cross-origin requests, strict transport security and connections that should
move on. Out: headers. A preflight of an origin that is allowed is answered here and goes no
further; one of another origin is an ordinary OPTIONS request.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from kapiserver.request import Request, Response

Headers = list[tuple[bytes, bytes]]

# What upstream allows when it allows an origin; nobody could say more there.
_CROSS_ORIGIN: Headers = [
    (b"access-control-allow-methods", b"POST, GET, OPTIONS, PUT, DELETE, PATCH"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, "
        b"X-Requested-With, If-Modified-Since",
    ),
    (b"access-control-expose-headers", b"Date"),
    (b"access-control-allow-credentials", b"true"),
]
_CLOSE = (b"connection", b"close")


class HttpPolicy:
    """`origins` are regular expressions, found anywhere in the Origin header. `goaway_chance` is
    the part of the HTTP/2 requests after which a connection is to end when it is idle."""

    def __init__(
        self,
        *,
        origins: Sequence[str] = (),
        transport_security: Sequence[str] = (),
        goaway_chance: float = 0.0,
    ) -> None:
        self._origins = tuple(re.compile(origin) for origin in origins)
        self._always: Headers = []
        if transport_security:
            value = "; ".join(transport_security).encode()
            self._always.append((b"strict-transport-security", value))
        self._goaway_chance = goaway_chance
        self.in_use = bool(self._origins or self._always or goaway_chance)

    def headers(self, request: Request) -> Headers:
        found = list(self._always)
        if self._origins and (origin := self._allowed(request)) is not None:
            found += [(b"access-control-allow-origin", origin), *_CROSS_ORIGIN]
        chance = self._goaway_chance
        if chance and request.http_version == "2" and random.random() < chance:
            found.append(_CLOSE)
        return found

    def preflight(self, request: Request) -> Response | None:
        """The whole answer to an OPTIONS request of an origin that is allowed."""
        if request.method != "OPTIONS" or not self._origins or self._allowed(request) is None:
            return None
        return Response(204, [])

    def _allowed(self, request: Request) -> bytes | None:
        origin = request.header(b"origin")
        if not origin:
            return None
        text = origin.decode("latin-1")
        return origin if any(pattern.search(text) for pattern in self._origins) else None


NO_POLICY = HttpPolicy()
