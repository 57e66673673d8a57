"""The life of a node: store, storage, controllers, front end; and the way back.

Start order is bottom up: the store recovers from disk, caches are filled, the front end answers,
controllers run, the node is ready. Stop order is top down: readiness fails, leadership is handed
over, watches end, requests finish, the store closes. A part that fails ends the node (fail-stop).
"""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import trio

from kapiserver.allocation.companion import ServiceAllocation
from kapiserver.allocation.kubernetes_service import KubernetesService
from kapiserver.allocation.ranges import PortRange
from kapiserver.allocation.repair import Repair
from kapiserver.allocation.service_cidrs import ServiceCIDRController, ensure_default
from kapiserver.api.call import Services
from kapiserver.api.component_statuses import RESOURCE, component_checks, component_verb
from kapiserver.api.health import Health
from kapiserver.api.openapi import OpenAPI
from kapiserver.api.paths import WaitingPathHandler
from kapiserver.api.scope import Scopes
from kapiserver.authz.authorizer import AuthorizerChain, default_authorizers
from kapiserver.cluster.admin import Admin, remove_unfinished_backups
from kapiserver.cluster.announce import announce
from kapiserver.cluster.joining import JoinDesk, promote_learners
from kapiserver.config import ServerConfig
from kapiserver.controllers.bootstrap import NAMESPACES, ensure_objects
from kapiserver.controllers.garbage_collector import GarbageCollector
from kapiserver.controllers.leader import while_leading
from kapiserver.controllers.namespace import NamespaceController
from kapiserver.controllers.root_certificates import RootCertificatePublisher
from kapiserver.controllers.service_accounts import ServiceAccountController
from kapiserver.http import AddressInUse, BadCertificate, bind, serve
from kapiserver.metrics.exposition import Metrics
from kapiserver.metrics.requests import RequestMetrics
from kapiserver.pipeline.assembly import make_dispatcher, make_services
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.dispatcher import PipelineDispatcher
from kapiserver.request import Response
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.server import amnesia, settings
from kapiserver.server.identity import identity_of
from kapiserver.server.settings import StartError
from kapiserver.storage import Storage
from raftstore import Store, open_store
from raftstore.disk import Disk
from raftstore.errors import StoreError

log = logging.getLogger(__name__)

# Collections of the youngest generation are cheap; the older ones hold the loop, so they are rare.
GC_THRESHOLDS = (20_000, 20, 50)

# Paths (by first segment) that only a program which embeds the node serves, such as a test server.
MorePaths = Callable[[Services], Mapping[str, WaitingPathHandler]]


def no_more_paths(_: Services) -> Mapping[str, WaitingPathHandler]:
    return {}


async def run_node(
    config: ServerConfig,
    *,
    shutdown: trio.Event,
    more_paths: MorePaths = no_more_paths,
    disk: Disk | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run until `shutdown` is set; started with the node's URL when it is ready.

    `more_paths` and `disk` are for programs that embed a node (`kapiserver.testing`).
    Raises StartError (a setting or a file is at fault) and StoreError (the store had to stop).
    """
    settings.check_plugins(config)
    settings.check_files(config)
    sockets = _bind(config)
    try:
        join_desk = JoinDesk(settings.authority_of(config), settings.token_key_of(config))
        store_config = settings.store_config(config, join_desk)
        amnesia.check(config.data_dir)
        try:
            os.makedirs(config.data_dir, mode=0o700, exist_ok=True)
            remove_unfinished_backups(config.data_dir)
        except OSError as error:
            raise StartError(f"--data-dir: {config.data_dir}: {error.strerror}") from error
        async with open_store(store_config, disk=disk) as store:
            join_desk.open(store)
            await Node(config, store, more_paths).run(sockets, shutdown, task_status)
    finally:
        for sock in sockets:
            sock.close()


def _bind(config: ServerConfig) -> list[socket.socket]:
    try:
        return bind(config.bind_address, config.secure_port)
    except AddressInUse as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"--bind-address {config.bind_address}: {error.strerror}") from error


class Node:
    """The parts above the store."""

    def __init__(self, config: ServerConfig, store: Store, more_paths: MorePaths) -> None:
        self._config = config
        self._store = store
        self.storage = Storage(store)
        schemas = SchemaSet.load()
        registry = builtin_registry()
        scopes = Scopes(registry, self.storage, schemas)
        ttl = max(1, int(config.event_ttl))
        self._allocation = ServiceAllocation(
            scopes, config.service_cluster_ip_range, PortRange(*config.service_node_port_range)
        )
        self.services = make_services(
            scopes,
            admission=settings.admission_settings(config),
            lifetimes={"events": ttl, "events.events.k8s.io": ttl},
            companions={"services": self._allocation},
            watch_seconds=config.min_request_timeout,
        )
        self._root_certificates = settings.root_certificates_of(config)
        self._openapi = OpenAPI(registry, schemas)
        self._ready = False
        self._stopping = False
        self.dispatcher = self._make_dispatcher(more_paths)

    def _make_dispatcher(self, more_paths: MorePaths) -> PipelineDispatcher:
        health = Health()
        health.add("raft-leader", self._leader_problem)
        health.add("poststarthook/bootstrap", lambda: "" if self._ready else "not finished")
        health.add("shutdown", lambda: "process is shutting down" if self._stopping else "")
        admin = Admin(
            self._store,
            peer_address=self._peer_address(),
            authority=settings.authority_of(self._config),
            data_dir=str(self._config.data_dir),
        )
        requests = RequestMetrics(self.services.scopes.registry.lookup)
        identity = identity_of(self._config, self.services.scopes)
        metrics = Metrics(
            requests,
            self.services.scopes,
            self.storage,
            self._store,
            self.services.admission,
            health,
            identity.certificates,
        )
        components = component_verb(component_checks(self._leader_problem))
        return make_dispatcher(
            self.services,
            authenticators=identity.authenticators,
            authorizer=AuthorizerChain(default_authorizers()),
            health=health,
            observers=[requests],
            virtual={**identity.virtual, RESOURCE: components},
            connect=identity.connect,
            more_paths={
                **identity.paths,
                "openapi": self._openapi_answer,
                "metrics": metrics.respond,
            },
            waiting_paths={
                "kapi": lambda context: admin.respond(context.request),
                **more_paths(self.services),
            },
            kubelets=settings.kubelet_settings(self._config),
            request_seconds=self._config.request_timeout,
            policy=settings.http_policy(self._config),
        )

    def _openapi_answer(self, context: RequestContext) -> Response | None:
        return self._openapi.respond(context.request)

    def _leader_problem(self) -> str:
        return "" if self._store.leader_id is not None else "no leader is known"

    def _peer_address(self) -> str:
        if self._config.advertise_peer_address:
            return self._config.advertise_peer_address
        return dict(self._config.initial_cluster).get(self._config.name, "")

    async def run(
        self,
        sockets: list[socket.socket],
        shutdown: trio.Event,
        task_status: trio.TaskStatus[str],
    ) -> None:
        self.services.scopes.open_all()
        end_http = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.storage.run)
            async with trio.open_nursery() as http:
                front_end = partial(
                    serve,
                    self.dispatcher,
                    settings.front_end_config(self._config),
                    shutdown=end_http,
                    sockets=sockets,
                )
                try:
                    addresses: list[tuple[str, int]] = await http.start(front_end)
                except BadCertificate as error:
                    raise StartError(str(error)) from error
                url = self._config.advertise_url or f"https://127.0.0.1:{addresses[0][1]}"
                nursery.start_soon(self._become_ready, url, task_status)
                await shutdown.wait()
                self._stopping = True
                log.info("stopping: handing over leadership, then ending requests")
                await self._hand_over()
                end_http.set()
            nursery.cancel_scope.cancel()

    async def _become_ready(self, url: str, task_status: trio.TaskStatus[str]) -> None:
        """Wait for a leader, make what every cluster has, then start the controllers."""
        await self._until_current()
        await ensure_objects(self.services)
        accounts = ServiceAccountController(self.services)
        await accounts.ensure(NAMESPACES)
        publisher = None
        if self._root_certificates:
            publisher = RootCertificatePublisher(self.services, self._root_certificates)
            await publisher.ensure(NAMESPACES)
        await ensure_default(self.services, self._allocation.networks)
        kubernetes = KubernetesService(self.services, self._allocation, self._store, url)
        if self._store.is_leader:
            await kubernetes.try_step()
        amnesia.remember(self._config.data_dir)
        self._ready = True
        # What was loaded stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        log.info("ready at %s", url)
        task_status.started(url)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._leading, NamespaceController(self.services).run)
            nursery.start_soon(self._leading, accounts.run)
            if publisher is not None:
                nursery.start_soon(self._leading, publisher.run)
            nursery.start_soon(self._leading, ServiceCIDRController(self.services).run)
            nursery.start_soon(self._leading, Repair(self._allocation.records).run)
            nursery.start_soon(self._leading, kubernetes.run)
            nursery.start_soon(self._leading, GarbageCollector(self.services).run)
            nursery.start_soon(self._openapi.warm)
            nursery.start_soon(promote_learners, self._store)
            nursery.start_soon(announce, self._store, url)

    async def _until_current(self) -> None:
        """Until this node has caught up with the cluster once; it may take as long as it takes."""
        while True:
            try:
                await self._store.read_barrier(timeout=5.0)
            except StoreError as error:
                log.info("waiting for the cluster: %s", error)
            else:
                return

    async def _leading(self, work: Callable[[], Awaitable[None]]) -> None:
        await while_leading(self._store, work)

    async def _hand_over(self) -> None:
        if self._store.is_leader and len(self._store.members) > 1:
            with trio.move_on_after(2):
                await self._store.transfer_leadership()
