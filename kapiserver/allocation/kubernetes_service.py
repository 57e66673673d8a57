"""The `kubernetes` service in the namespace `default`, and the nodes that it leads to.

In: the member list and who is connected to this node, which leads. Out: the service with the first
address of the cluster's range, and its Endpoints and EndpointSlices, which hold the nodes that are
alive. A node that is not heard of for a few seconds leaves; it comes back when it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import trio

from kapiserver.allocation.companion import ServiceAllocation
from kapiserver.allocation.endpoints import (
    NAME,
    NAMESPACE,
    PORT_NAME,
    SERVICE_LABEL,
    Place,
    endpoints,
    slices,
)
from kapiserver.allocation.ranges import Address, AddressRange, family_of, parse_address
from kapiserver.allocation.service_cidrs import ensure_default
from kapiserver.api.call import Services, internal_call
from kapiserver.api.create import create_object
from kapiserver.api.delete import delete_object
from kapiserver.api.options import DeleteOptions, WriteOptions
from kapiserver.api.scope import Scope
from kapiserver.api.write import AbsentError, Update
from kapiserver.controllers.bootstrap import SYSTEM
from kapiserver.errors import AlreadyExists, ApiError, NotFound
from kapiserver.resources.definition import Object
from kapiserver.storage.object import Selection
from raftstore import Store

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
# Longer than a link takes to come back after a hiccup, and than an election takes.
GONE_SECONDS = 3.0
PORT = 443
_LOOKUP_SECONDS = 2.0

_FIELDS = ("subsets", "endpoints", "ports")


class KubernetesService:
    """`run` on the leader, until cancelled."""

    def __init__(
        self, services: Services, allocation: ServiceAllocation, store: Store, own_url: str
    ) -> None:
        self._services = services
        self._networks = allocation.networks
        self._own_url = own_url
        self._problem = ""

        def urls() -> dict[str, str]:
            return {**_urls(store), store.node_id: own_url}

        self._nodes = LiveNodes(lambda: _connected(store), urls)

    async def run(self) -> None:
        self._nodes.forget()
        while True:
            await self.try_step()
            await trio.sleep(INTERVAL_SECONDS)

    async def try_step(self) -> None:
        """What cannot be done now is said once, and done another time."""
        problem = ""
        try:
            await self.step()
        except ApiError as error:
            problem = error.message
            if problem != self._problem:
                log.warning("service %s/%s: %s", NAMESPACE, NAME, problem)
        self._problem = problem

    async def step(self) -> None:
        """Bring everything to where it should be. Raises ApiError."""
        await ensure_default(self._services, self._networks)
        places = await self._nodes.places()
        await self._ensure_service(places)
        families = [family_of(network) for network in self._networks]
        await self._put("", "endpoints", endpoints(places, families[0]))
        wanted = slices(places, families)
        for obj in wanted.values():
            await self._put("discovery.k8s.io", "endpointslices", obj)
        await self._drop_other_slices(wanted)

    async def _ensure_service(self, places: list[Place]) -> None:
        scope = self._services.scopes.stored("", "services")
        if scope.objects.get_now(NAMESPACE, NAME) is not None or not places:
            return
        range_ = AddressRange.of(self._networks[0])
        port = {
            "name": PORT_NAME,
            "port": PORT,
            "protocol": "TCP",
            "targetPort": urlsplit(self._own_url).port or PORT,
        }
        await self._create(
            scope,
            {
                "kind": "Service",
                "apiVersion": "v1",
                "metadata": {
                    "name": NAME,
                    "namespace": NAMESPACE,
                    "labels": {"component": "apiserver", "provider": "kubernetes"},
                },
                "spec": {
                    "type": "ClusterIP",
                    "clusterIP": range_.text(range_.first),
                    "ipFamilyPolicy": "SingleStack",
                    "sessionAffinity": "None",
                    "ports": [port],
                },
            },
        )

    async def _put(self, group: str, plural: str, wanted: Object) -> None:
        scope = self._services.scopes.stored(group, plural)
        name = wanted["metadata"]["name"]
        stored = scope.objects.get_now(NAMESPACE, name)
        if stored is None:
            await self._create(scope, wanted)
            return
        found = stored.decoded()
        if _matter(found) == _matter(wanted):
            return

        def build(current: Object) -> Object:
            current["metadata"]["labels"] = wanted["metadata"]["labels"]
            for field in _FIELDS:
                if field in wanted:
                    current[field] = wanted[field]
            return current

        call = internal_call(self._services, scope, SYSTEM, "update", NAMESPACE, name)
        try:
            await Update(call, name, WriteOptions(), build).run()
        except AbsentError:
            return  # somebody deleted it: the next round makes it

    async def _create(self, scope: Scope, obj: Object) -> None:
        name = obj["metadata"]["name"]
        call = internal_call(self._services, scope, SYSTEM, "create", NAMESPACE, name)
        try:
            await create_object(call, obj, WriteOptions())
        except AlreadyExists:
            return  # made by another node: the next round compares

    async def _drop_other_slices(self, wanted: Mapping[str, Object]) -> None:
        scope = self._services.scopes.stored("discovery.k8s.io", "endpointslices")
        for stored in scope.objects.select(Selection(NAMESPACE)):
            if stored.labels.get(SERVICE_LABEL) != NAME or stored.name in wanted:
                continue
            call = internal_call(self._services, scope, SYSTEM, "delete", NAMESPACE, stored.name)
            try:
                await delete_object(call, stored.name, DeleteOptions())
            except NotFound:
                continue


class LiveNodes:
    """Who is alive, and under which address clients reach them."""

    def __init__(
        self, connected: Callable[[], set[str]], urls: Callable[[], Mapping[str, str]]
    ) -> None:
        self._connected = connected
        self._urls = urls
        self._heard: dict[str, float] = {}
        self._resolved: dict[str, Address] = {}

    def forget(self) -> None:
        """A new leader gives everybody the time to connect before it says that they are gone."""
        self._heard.clear()

    async def places(self) -> list[Place]:
        now = trio.current_time()
        connected, urls = self._connected(), self._urls()
        heard = {node: now if node in connected else self._heard.get(node, now) for node in urls}
        self._heard = heard
        found: list[Place] = []
        for node, url in urls.items():
            if now - heard[node] >= GONE_SECONDS:
                continue
            parts = urlsplit(url)
            address = await self._resolve(parts.hostname or "")
            if address is not None:
                found.append((address, parts.port or PORT))
        return sorted(found, key=lambda place: (place[0].version, int(place[0]), place[1]))

    async def _resolve(self, host: str) -> Address | None:
        """Endpoints hold addresses; a name is looked up once."""
        known = parse_address(host) or self._resolved.get(host)
        if known is not None or not host:
            return known
        with trio.move_on_after(_LOOKUP_SECONDS):
            try:
                answers = await trio.socket.getaddrinfo(host, None)
            except OSError as error:
                log.debug("%s cannot be looked up: %s", host, error)
                return None
            for *_, place in answers:
                address = parse_address(str(place[0]))
                if address is not None:
                    self._resolved[host] = address
                    return address
        return None


def _matter(obj: Object) -> Object:
    """What of an object is kept as it should be."""
    kept = {field: obj.get(field) or [] for field in _FIELDS}
    return {**kept, "labels": obj["metadata"].get("labels") or {}}


def _connected(store: Store) -> set[str]:
    return {peer.node_id for peer in store.status().peers if peer.connected} | {store.node_id}


def _urls(store: Store) -> dict[str, str]:
    """Node id → URL of the members that have told theirs."""
    return {
        member.node_id: url for member in store.members if (url := dict(member.meta).get("url", ""))
    }
