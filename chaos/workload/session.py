"""One client: sends operations to one node after another and records each with its outcome.

In: what to do. Out: the recorded `Op`. How an answer is classed is the heart of the matter:

- 2xx: ok.
- 409, 404 and the like: a refusal; the server says that nothing was changed. So are 429 and 503:
  this server uses them only for what was certainly not carried out.
- 500, 504, a lost connection, no answer in time: unknown for a write. A read that was not answered
  says nothing and is recorded as a failure.
"""

from __future__ import annotations

import orjson

from chaos.client import Client, Lost, NotSent
from chaos.cluster import Cluster
from chaos.history import WRITES, Action, Op, Outcome
from chaos.recorder import Recorder
from chaos.workload.objects import (
    COLLECTION,
    body_of,
    delete_options,
    items_of,
    path_of,
    version_of,
)

UNKNOWN_STATUSES = (500, 502, 504)
METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE", "get": "GET", "list": "GET"}


class Session:
    def __init__(self, name: str, node: str, cluster: Cluster, recorder: Recorder) -> None:
        self.name = name
        self.node = node
        self._cluster = cluster
        self._recorder = recorder
        self._client: Client = cluster.client(node)

    async def move(self, node: str) -> None:
        """Talk to another node from now on."""
        await self.close()
        self.node = node
        self._client = self._cluster.client(node)

    async def close(self) -> None:
        await self._client.close()

    async def run(
        self,
        action: Action,
        key: str = "",
        *,
        guard: int = 0,
        final: bool = False,
        timeout: float = 5.0,
    ) -> Op:
        """Carry out one operation; returns what was recorded."""
        recorder = self._recorder
        number = recorder.number()
        write = f"{self.name}-{number}" if action in ("create", "update") else ""
        body = b""
        if write:
            body = body_of(key, write, guard)
        elif action == "delete":
            body = delete_options(guard)
        path = COLLECTION if action in ("create", "list") else path_of(key)
        status, answer, why = 0, b"", ""
        outcome: Outcome = "ok"
        invoke = recorder.now()
        try:
            status, answer = await self._client.request(
                METHODS[action], path, body, timeout=timeout
            )
        except NotSent as error:
            outcome, why = "fail", str(error)
        except Lost as error:
            outcome, why = "unknown" if action in WRITES else "fail", str(error)
        complete = recorder.now()
        if status and status >= 400:
            outcome, why = classify(action, status, answer)
        revision, seen = 0, ""
        items: tuple[tuple[str, int, str], ...] = ()
        if outcome == "ok" and status < 400:
            revision, seen, items = content(action, answer)
        elif status == 404 and action == "get":
            outcome, why = "ok", ""
        op = Op(
            number,
            self.name,
            self.node,
            action,
            key,
            invoke,
            complete,
            outcome,
            status,
            guard,
            revision,
            write or seen,
            why[:200],
            final,
            items,
        )
        recorder.add(op)
        return op


def classify(action: str, status: int, answer: bytes) -> tuple[Outcome, str]:
    try:
        document = orjson.loads(answer)
        reason, message = document.get("reason", ""), document.get("message", "")
    except (ValueError, AttributeError):
        reason, message = "", answer[:100].decode(errors="replace")
    if reason == "AlreadyExists":
        return "fail", "exists"
    if reason == "Conflict":
        return "fail", "conflict"
    if reason == "NotFound":
        return "fail", "absent"
    if action in WRITES and status in UNKNOWN_STATUSES:
        return "unknown", f"{status} {message}"
    return "fail", f"{status} {message}"


def content(action: str, answer: bytes) -> tuple[int, str, tuple[tuple[str, int, str], ...]]:
    """(revision, write id, items) of a good answer; an answer that is not understood is a bug
    of the server, and is recorded as revision -1, which no check lets pass."""
    try:
        document = orjson.loads(answer)
        if action == "list":
            return int(document["metadata"]["resourceVersion"]), "", items_of(document)
        if action == "delete":
            return 0, "", ()
        return (*version_of(document), ())
    except (ValueError, KeyError, TypeError):
        return -1, "", ()
