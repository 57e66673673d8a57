"""One request, repeated until it is answered, as client-go and controllers do.

What may be repeated: a connection that is refused or breaks, 429, 503 and 504 with a Status. After
an attempt that may have been carried out, what the second one is told counts as success where it
says that the first one was (`already`: AlreadyExists for a create, NotFound for a delete). Anything
else that was not expected is reported, and ends the request.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from typing import Any

import orjson
import trio

from chaos.client import Lost, NotSent
from chaos.cluster import Cluster

RETRIABLE = {429: "TooManyRequests", 503: "ServiceUnavailable", 504: "Timeout"}
ANSWER_SECONDS = 30.0
GIVE_UP_SECONDS = 60.0
PAUSE = (0.05, 0.3)

JSON = "application/json"

Report = Callable[[str], None]
"""Takes what a client could not retry on."""


class Refused(Exception):
    """The request was not carried out, for a reason that has been reported."""


class Caller:
    """A client of the whole cluster: it leaves a node that does not answer."""

    def __init__(self, cluster: Cluster, report: Report, rng: random.Random) -> None:
        self._cluster = cluster
        self._report = report
        self._random = rng
        self._node = rng.choice(cluster.names)
        self._client = cluster.client(self._node)
        self.requests = 0
        self.retries = 0

    async def close(self) -> None:
        await self._client.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expected: Collection[int] = (200, 201),
        already: Collection[int] = (),
        content_type: str = JSON,
        accept: str = JSON,
    ) -> tuple[int, Any]:
        """(status, document). Raises Refused."""
        data = b"" if body is None else orjson.dumps(body)
        deadline = trio.current_time() + GIVE_UP_SECONDS
        perhaps_done = False
        last = ""
        self.requests += 1
        while trio.current_time() < deadline:
            try:
                status, answer = await self._client.request(
                    method, path, data, timeout=ANSWER_SECONDS,
                    content_type=content_type, accept=accept,
                )  # fmt: skip
            except NotSent as error:
                last = str(error)
                await self._move()
                continue
            except Lost as error:
                last, perhaps_done = str(error), True
                if "not HTTP" in last or "no answer within" in last:
                    self._report(f"{method} {path} to {self._node}: {last}")
                await self._move()
                continue
            document, problem = parsed(answer)
            what = f"{method} {path} to {self._node}: {status} {answer[:400].decode()}"
            if problem:
                self._report(f"{what}: {problem}")
                raise Refused
            if status in expected or (perhaps_done and status in already):
                return status, document
            if retriable(status, document):
                last, perhaps_done = what, perhaps_done or status == 504
                await self._pause()
                continue
            self._report(what)
            raise Refused
        self._report(f"{method} {path}: no success in {GIVE_UP_SECONDS:.0f} s, at last {last}")
        raise Refused

    async def _pause(self) -> None:
        self.retries += 1
        await trio.sleep(self._random.uniform(*PAUSE))

    async def _move(self) -> None:
        await self._client.close()
        self._node = self._random.choice(self._cluster.names)
        self._client = self._cluster.client(self._node)
        await self._pause()


def parsed(answer: bytes) -> tuple[Any, str]:
    """(document, what is wrong with it)."""
    try:
        document = orjson.loads(answer)
    except ValueError:
        return None, "the answer is not JSON"
    if not isinstance(document, dict) or "kind" not in document:
        return None, "the answer is no API object"
    return document, ""


def retriable(status: int, document: Any) -> bool:
    """Whether a client library would take this for something that passes."""
    reason = RETRIABLE.get(status)
    return bool(reason and document["kind"] == "Status" and document.get("reason") == reason)
