"""What a client of the load generator does: each script yields requests, one after another.

A script is a generator: it yields (request, whether this ends an operation) and is sent the answer.
It ends when there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.bench import objects
from tests.bench.connection import Answer, Connection, Prepared

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True, slots=True)
class Step:
    """A request; `expect` is the status without which the run is void."""

    request: Prepared
    expect: int = 200
    ends_operation: bool = True


Script = Generator[Step, Answer, None]


def get(connection: Connection, spec: dict[str, Any], client: int) -> Script:
    paths = [
        objects.item(spec["namespace"], f"{spec['prefix']}-{(client * 37 + i) % spec['objects']}")
        for i in range(min(50, spec["objects"]))
    ]
    requests = [connection.prepare("GET", path) for path in paths]
    while True:
        for request in requests:
            yield Step(request)


def list_all(connection: Connection, spec: dict[str, Any], client: int) -> Script:
    accept = TABLE if spec.get("table") else ""
    path = objects.collection(spec["namespace"])
    request = connection.prepare("GET", path, accept=accept, gzip=bool(spec.get("gzip")))
    while True:
        yield Step(request)


def list_pages(connection: Connection, spec: dict[str, Any], client: int) -> Script:
    """One operation is the whole collection in pages."""
    path = f"{objects.collection(spec['namespace'])}?limit={spec['limit']}"
    connection.keep_body = True
    token = ""
    pages = -(-spec["objects"] // spec["limit"])
    seen, final = 0, pages == 1
    while True:
        page = path + (f"&continue={quote(token)}" if token else "")
        answer = yield Step(connection.prepare("GET", page), ends_operation=final)
        token = continue_of(answer.body)
        seen += 1
        final = seen % pages == pages - 1


def continue_of(body: bytes) -> str:
    """The continue token of a list, found without parsing the items."""
    at = body.find(b'"continue":')
    if at < 0:
        return ""
    start = body.index(b'"', at + 11) + 1
    return body[start : body.index(b'"', start)].decode()


def create(connection: Connection, spec: dict[str, Any], client: int) -> Script:
    """Numbers are dealt out to the clients in turn; ends at `objects` when that is not 0."""
    path = objects.collection(spec["namespace"])
    number = spec.get("first", 0) + client
    while not spec["objects"] or number < spec["objects"]:
        body = objects.config_map(f"{spec['prefix']}-{number}")
        yield Step(connection.prepare("POST", path, body), expect=201)
        number += spec["clients"]


def update(connection: Connection, spec: dict[str, Any], client: int) -> Script:
    """Each client replaces an object of its own, guarded by the revision of its last write."""
    name = f"{spec['prefix']}-{client}"
    path = objects.item(spec["namespace"], name)
    connection.keep_body = True
    answer = yield Step(connection.prepare("GET", path), ends_operation=False)
    count = 0
    while True:
        count += 1
        revision = objects.revision_of(answer.body)
        body = objects.config_map(name, revision=revision, stamp=count)
        answer = yield Step(connection.prepare("PUT", path, body))


SCRIPTS: dict[str, Callable[[Connection, dict[str, Any], int], Script]] = {
    "get": get,
    "list": list_all,
    "pages": list_pages,
    "create": create,
    "update": update,
}
