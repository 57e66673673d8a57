"""The whole pipeline in this process, over a real store on disk, and a client to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

from kapiserver.api.call import Services
from kapiserver.api.component_statuses import component_checks, component_verb
from kapiserver.api.health import Health
from kapiserver.api.scope import Scopes
from kapiserver.authz.authorizer import AuthorizerChain, default_authorizers
from kapiserver.config import ServerConfig, make_config
from kapiserver.controllers.bootstrap import NAMESPACES, ensure_objects
from kapiserver.controllers.leader import while_leading
from kapiserver.controllers.namespace import NamespaceController
from kapiserver.controllers.service_accounts import ServiceAccountController
from kapiserver.pipeline.assembly import make_dispatcher, make_services
from kapiserver.pipeline.dispatcher import PipelineDispatcher
from kapiserver.pki import new_signing_key
from kapiserver.request import Connection, Frame, Request, Response
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.server.identity import identity_of
from kapiserver.storage import Storage
from raftstore import StoreConfig, open_store
from raftstore.raft.config import RaftConfig
from raftstore.types import Member

TOKENS = ["admin-token,admin,1,system:masters", "jane-token,jane,2,developers"]

_schemas: list[SchemaSet] = []


def schemas() -> SchemaSet:
    """Loaded once for all tests."""
    if not _schemas:
        _schemas.append(SchemaSet.load())
    return _schemas[0]


class Answer:
    """A response as a client sees it."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self.stream = response.stream
        body = response.body
        self.body = body if isinstance(body, bytes) else b"".join(body)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        return next((v.decode() for k, v in self.headers if k.decode() == name), "")

    @property
    def warnings(self) -> list[str]:
        return [value.decode() for key, value in self.headers if key == b"warning"]


class Events:
    """The receiving end of a watch."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._news = trio.Event()
        self._gone = trio.Event()
        self.ended = trio.Event()

    def _take(self, data: bytes) -> None:
        self.lines += [orjson.loads(line) for line in data.splitlines()]
        self._news.set()
        self._news = trio.Event()

    def push(self, frame: Frame) -> bool:
        self._take(frame.data)
        return True

    def flush(self) -> None:
        pass

    async def send(self, data: bytes) -> bool:
        self._take(data)
        return True

    async def closed(self) -> None:
        await self._gone.wait()

    def leave(self) -> None:
        self._gone.set()

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        with trio.fail_after(10):
            while len(self.lines) < count:
                await self._news.wait()
        return self.lines

    def seen(self) -> list[tuple[str, str]]:
        return [(e["type"], e["object"]["metadata"].get("name", "")) for e in self.lines]


class Api:
    """A client of the server in this process."""

    def __init__(
        self, dispatcher: PipelineDispatcher, services: Services, nursery: trio.Nursery
    ) -> None:
        self.dispatcher = dispatcher
        self.services = services
        self.nursery = nursery

    async def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str = "admin-token",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        path, _, query = url.partition("?")
        sent = {"user-agent": "test", **(headers or {})}
        if token:
            sent["authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)

        async def read_body(limit: int) -> bytes:
            return data

        request = Request(
            method,
            path,
            query.encode(),
            [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            Connection(("127.0.0.1", 1), ("127.0.0.1", 6443), None),
            "2",
            read_body if data else None,
        )
        with trio.fail_after(20):
            response = None if data else self.dispatcher.fast(request)
            if response is None:
                response = await self.dispatcher.handle(request)
        return Answer(response)

    async def get(self, url: str, **options: Any) -> Answer:
        return await self.request("GET", url, **options)

    async def post(self, url: str, body: Any, **options: Any) -> Answer:
        return await self.request("POST", url, body, **options)

    async def put(self, url: str, body: Any, **options: Any) -> Answer:
        return await self.request("PUT", url, body, **options)

    async def delete(self, url: str, body: Any = None, **options: Any) -> Answer:
        return await self.request("DELETE", url, body, **options)

    async def patch(self, url: str, body: Any, kind: str = "merge", **options: Any) -> Answer:
        types = {
            "merge": "application/merge-patch+json",
            "json": "application/json-patch+json",
            "strategic": "application/strategic-merge-patch+json",
        }
        headers = {"content-type": types.get(kind, kind), **options.pop("headers", {})}
        return await self.request("PATCH", url, body, headers=headers, **options)

    async def watch(self, url: str, **options: Any) -> Events:
        answer = await self.get(url, **options)
        assert answer.status == 200, answer.text
        assert answer.stream is not None
        events = Events()
        stream = answer.stream

        async def run() -> None:
            await stream(events)
            events.ended.set()

        self.nursery.start_soon(run)
        return events


def config_map(name: str, /, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    }


def deployment(name: str, replicas: int = 1) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "busybox"}]},
            },
        },
    }


def _identity_settings(directory: Path) -> ServerConfig:
    """The tokens of `TOKENS`, and service account tokens."""
    (directory / "tokens.csv").write_text("\n".join(TOKENS))
    (directory / "sa.key").write_bytes(new_signing_key())
    return make_config(
        {
            "data-dir": "data",
            "token-auth-file": "tokens.csv",
            "service-account-signing-key-file": "sa.key",
        },
        base=directory,
    )


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Api]:
    config = StoreConfig(
        node_id="a",
        cluster_id="test",
        data_dir=directory,
        members=(Member("a", ""),),
        raft=RaftConfig(heartbeat=0.005, election_min=0.02, election_max=0.04),
    )
    async with open_store(config) as backend:
        await backend.wait_leader()
        await backend.read_barrier()
        storage = Storage(backend, bookmark_seconds=60)
        services = make_services(Scopes(builtin_registry(), storage, schemas()))

        accounts = ServiceAccountController(services)
        identity = identity_of(_identity_settings(directory), services.scopes)
        dispatcher = make_dispatcher(
            services,
            authenticators=identity.authenticators,
            authorizer=AuthorizerChain(default_authorizers()),
            health=Health(),
            virtual={
                **identity.virtual,
                "componentstatuses": component_verb(component_checks(lambda: "")),
            },
            connect=identity.connect,
            more_paths=identity.paths,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.run)
            await ensure_objects(services)
            await accounts.ensure(NAMESPACES)
            nursery.start_soon(while_leading, backend, NamespaceController(services).run)
            nursery.start_soon(while_leading, backend, accounts.run)
            yield Api(dispatcher, services, nursery)
            nursery.cancel_scope.cancel()
