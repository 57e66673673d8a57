"""Servers that allocate, in this process: one store on disk, a dispatcher per node over it."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import trio

from kapiserver.allocation.companion import ServiceAllocation
from kapiserver.allocation.kubernetes_service import KubernetesService
from kapiserver.allocation.ranges import PortRange
from kapiserver.allocation.repair import Repair
from kapiserver.allocation.service_cidrs import ServiceCIDRController, ensure_default
from kapiserver.api.call import Services
from kapiserver.api.health import Health
from kapiserver.api.scope import Scopes
from kapiserver.authn.bearer import BearerTokens
from kapiserver.authn.tokens import StaticTokens, read_tokens
from kapiserver.authz.authorizer import AuthorizerChain, default_authorizers
from kapiserver.controllers.bootstrap import ensure_objects
from kapiserver.pipeline.assembly import make_dispatcher, make_services
from kapiserver.pipeline.dispatcher import PipelineDispatcher
from kapiserver.request import Connection, Request
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.storage import Storage
from raftstore import Store, StoreConfig, open_store
from raftstore.raft.config import RaftConfig
from raftstore.types import Member

DEFAULT_RANGES = ("10.96.0.0/24",)
DEFAULT_PORTS = PortRange(30000, 32767)
BOTH_FAMILIES = ("10.96.0.0/24", "fd00:96::/112")
URL = "https://127.0.0.1:6443"

_schemas: list[SchemaSet] = []


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what a controller does behind the answers."""
    with trio.fail_after(15):
        while not await check():  # noqa: ASYNC110  there is nothing else to wait on
            await trio.sleep(0.02)


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any

    @property
    def message(self) -> str:
        return str(self.json.get("message", ""))

    @property
    def spec(self) -> Any:
        assert self.status < 300, self.json
        return self.json["spec"]


class Node:
    """What one node of a cluster has above the store."""

    def __init__(self, backend: Store, ranges: Sequence[str], ports: PortRange) -> None:
        if not _schemas:
            _schemas.append(SchemaSet.load())
        self.storage = Storage(backend, bookmark_seconds=60)
        scopes = Scopes(builtin_registry(), self.storage, _schemas[0])
        networks = [ipaddress.ip_network(text) for text in ranges]
        self.allocation = ServiceAllocation(scopes, networks, ports)
        self.services: Services = make_services(scopes, companions={"services": self.allocation})
        self.dispatcher: PipelineDispatcher = make_dispatcher(
            self.services,
            authenticators=[
                BearerTokens([StaticTokens(read_tokens(["t,admin,1,system:masters"]))])
            ],
            authorizer=AuthorizerChain(default_authorizers()),
            health=Health(),
        )
        self.repair = Repair(self.allocation.records)
        self.ranges = ServiceCIDRController(self.services)
        self.kubernetes = KubernetesService(self.services, self.allocation, backend, URL)

    async def request(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        path, _, query = url.partition("?")
        data = b"" if body is None else orjson.dumps(body)

        async def read_body(limit: int) -> bytes:
            return data

        sent = {"authorization": "Bearer t", **headers}
        request = Request(
            method,
            path,
            query.encode(),
            [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
            Connection(("127.0.0.1", 1), ("127.0.0.1", 6443), None),
            "2",
            read_body if data else None,
        )
        with trio.fail_after(30):
            response = await self.dispatcher.handle(request)
        found = response.body
        return Answer(
            response.status,
            orjson.loads(found if isinstance(found, bytes) else b"".join(found)),
        )

    async def create(self, name: str, query: str = "", **spec: Any) -> Answer:
        return await self.request("POST", f"{SERVICES}{query}", service(name, **spec))

    async def get(self, name: str) -> Answer:
        return await self.request("GET", f"{SERVICES}/{name}")

    async def put(self, name: str, obj: Any, query: str = "") -> Answer:
        return await self.request("PUT", f"{SERVICES}/{name}{query}", obj)

    async def patch(self, name: str, query: str = "", **spec: Any) -> Answer:
        return await self.request(
            "PATCH",
            f"{SERVICES}/{name}{query}",
            {"spec": spec},
            content_type="application/merge-patch+json",
        )

    async def delete(self, name: str) -> Answer:
        return await self.request("DELETE", f"{SERVICES}/{name}")

    async def addresses(self) -> dict[str, str]:
        """Address → the service that has it."""
        answer = await self.request("GET", ADDRESSES)
        return {
            item["metadata"]["name"]: item["spec"]["parentRef"]["name"]
            for item in answer.json["items"]
        }


SERVICES = "/api/v1/namespaces/default/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
RANGES = "/apis/networking.k8s.io/v1/servicecidrs"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec},
    }


@asynccontextmanager
async def running(
    directory: Path,
    *,
    ranges: Sequence[str] = DEFAULT_RANGES,
    ports: PortRange = DEFAULT_PORTS,
    nodes: int = 1,
) -> AsyncIterator[list[Node]]:
    config = StoreConfig(
        node_id="a",
        cluster_id="test",
        data_dir=directory,
        members=(Member("a", "", False, (("url", URL),)),),
        raft=RaftConfig(heartbeat=0.005, election_min=0.02, election_max=0.04),
    )
    async with open_store(config) as backend:
        await backend.wait_leader()
        await backend.read_barrier()
        made = [Node(backend, ranges, ports) for _ in range(nodes)]
        async with trio.open_nursery() as nursery:
            for node in made:
                node.services.scopes.open_all()
                nursery.start_soon(node.storage.run)
                await ensure_objects(node.services)
                await ensure_default(node.services, node.allocation.networks)
            yield made
            nursery.cancel_scope.cancel()
