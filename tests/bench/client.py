"""A blocking client for what happens around a measurement: one request at a time, by HTTP/1.1."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any

from tests.bench.connection import Answer, Connection, ConnectionFailed, Loop, Server
from tests.bench.http1 import Http1


class Caller:
    """One connection; `call` waits for the answer, for at most `timeout` seconds."""

    def __init__(self, server: Server, *, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._answer: Answer | None = None
        self._connection = Http1(server, server.context("h1"), self._on_answer)
        self._connection.keep_body = True
        self._loop = Loop([self._connection])

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.close()

    def _on_answer(self, connection: Connection, answer: Answer) -> None:
        self._answer = answer
        self._loop.stop()

    def call(self, method: str, path: str, body: bytes = b"") -> Answer:
        self._answer = None
        self._connection.send(self._connection.prepare(method, path, body))
        self._loop.resume()
        if not self._loop.run(time.monotonic() + self._timeout) or self._answer is None:
            raise ConnectionFailed(f"{method} {path}: no answer within {self._timeout:.0f} s")
        return self._answer

    def json(self, method: str, path: str, body: bytes = b"") -> Any:
        answer = self.call(method, path, body)
        if answer.status >= 400:
            raise ConnectionFailed(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return json.loads(answer.body)
