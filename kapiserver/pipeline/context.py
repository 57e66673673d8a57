"""One request on its way through the stages: the facts, and what each stage has found out.

`RequestContext` is made by the dispatcher and filled from left to right: authn sets `user`, the
stages may add warnings and headers, the verbs read everything. It lives as long as the request.
"""

from __future__ import annotations

from time import perf_counter
from uuid import uuid4

from kapiserver.pipeline.query import Query
from kapiserver.pipeline.request_info import RequestInfo
from kapiserver.request import Connection, Request, UserInfo
from kapiserver.resources.protobuf import Encoder

NOBODY = UserInfo("")

# If the warnings of one answer have more characters than this together, each is cut to so many.
WARNINGS_LIMIT = 4096
CUT_WARNING = 256


class RequestContext:
    """What the stages and the verbs know of a request."""

    __slots__ = (
        "_cut",
        "_heard",
        "_warned",
        "audit_id",
        "encoder",
        "impersonator",
        "info",
        "request",
        "started",
        "user",
        "warnings",
    )

    def __init__(self, request: Request, info: RequestInfo, encoder: Encoder | None = None) -> None:
        self.request = request
        self.info = info
        self.encoder = encoder  # of answers in protobuf; None: there are no such answers
        self.started = perf_counter()
        self.user = NOBODY
        self.impersonator: UserInfo | None = None  # who asks, when `user` is somebody else
        self.audit_id = request.header(b"audit-id") or str(uuid4()).encode()
        self.warnings: list[str] = []
        self._heard: list[str] = []  # the same, uncut
        self._warned = 0
        self._cut = False

    @property
    def query(self) -> Query:
        return self.info.query

    @property
    def connection(self) -> Connection:
        return self.request.connection

    def warn(self, text: str) -> None:
        """Tell the client something without failing; the same text once.

        From the first text that does not fit on, all are cut, also those of before; what comes
        when cut ones have filled the room is not told.
        """
        if not text or (self._cut and self._warned >= WARNINGS_LIMIT) or text in self._heard:
            return
        self._heard.append(text)
        if not self._cut and self._warned + len(text) > WARNINGS_LIMIT:
            self._cut = True
            self.warnings = [heard[:CUT_WARNING] for heard in self._heard]
            self._warned = sum(map(len, self.warnings))
            return
        self.warnings.append(text[:CUT_WARNING] if self._cut else text)
        self._warned += len(self.warnings[-1])


def warning_header(text: str) -> bytes:
    """A Warning header's value: RFC 7234, code 299, the text as a quoted string."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'.encode()
