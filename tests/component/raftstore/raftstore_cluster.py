"""Clusters in one trio program: real disks, real TLS, nodes that can be killed and started."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio
from raftstore_pki import Authority

from raftstore.config import StoreConfig
from raftstore.raft.config import RaftConfig
from raftstore.store import Store, open_store
from raftstore.transport import TransportLimits
from raftstore.types import Member

# Slow and shared machines: elections must not be lost to scheduling.
PATIENT = RaftConfig(heartbeat=0.05, election_min=0.25, election_max=0.5, leader_fallback=0.6)
EAGER = TransportLimits(redial_min=0.02, redial_max=0.1)
LIMIT = 30.0  # no test waits longer for anything


def free_address() -> str:
    """Not from the range that outgoing connections use: a node that dials a stopped neighbour
    could be given the neighbour's port, and would connect to itself."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return f"127.0.0.1:{port}"


class Cluster:
    """`stores` holds the running nodes. Killing a node cancels it where it stands."""

    def __init__(
        self, nursery: trio.Nursery, directory: Path, authority: Authority, options: dict[str, Any]
    ) -> None:
        self.stores: dict[str, Store] = {}
        self.configs: dict[str, StoreConfig] = {}
        self.errors: dict[str, BaseException] = {}
        self.authority = authority
        self._nursery = nursery
        self._directory = directory
        self._options = options
        self._scopes: dict[str, trio.CancelScope] = {}
        self._gone: dict[str, trio.Event] = {}

    def configure(self, node_id: str, members: Sequence[Member], **options: Any) -> StoreConfig:
        config = StoreConfig(
            node_id=node_id,
            data_dir=self._directory / node_id,
            members=tuple(members),
            **{
                "cluster_id": "c1",
                "raft": PATIENT,
                "transport": EAGER,
                "tls": self.authority.member(node_id),
                **self._options,
                **options,
            },
        )
        self.configs[node_id] = config
        return config

    async def start(self, *node_ids: str, **changes: Any) -> None:
        for node_id in node_ids:
            self.configs[node_id] = replace(self.configs[node_id], **changes)
            await self._nursery.start(self._run, node_id)

    async def _run(self, node_id: str, *, task_status: trio.TaskStatus[None]) -> None:
        gone = self._gone[node_id] = trio.Event()
        try:
            with trio.CancelScope() as scope:
                self._scopes[node_id] = scope
                async with open_store(self.configs[node_id]) as store:
                    self.stores[node_id] = store
                    task_status.started()
                    await trio.sleep_forever()
        except Exception as error:  # noqa: BLE001 (a test looks at how the node ended)
            self.errors[node_id] = error
        finally:
            self.stores.pop(node_id, None)
            gone.set()

    async def ended(self, node_id: str) -> BaseException:
        with trio.fail_after(LIMIT):
            await self._gone[node_id].wait()
        return self.errors[node_id]

    async def kill(self, *node_ids: str) -> None:
        for node_id in node_ids:
            self._scopes[node_id].cancel()
        for node_id in node_ids:
            with trio.fail_after(LIMIT):
                await self._gone[node_id].wait()

    def partition(self, *groups: set[str]) -> None:
        """Links only within a group; without groups, everybody reaches everybody."""
        for node_id, store in self.stores.items():
            near = next((group for group in groups if node_id in group), set(self.configs))
            transport = store._node.transport
            assert transport is not None
            transport.block(set(self.configs) - near)

    async def leader(self, among: Sequence[str] = ()) -> Store:
        """The node that leads, once it can also serve."""

        def find() -> Store | None:
            for node_id, store in list(self.stores.items()):
                if store.is_leader and (not among or node_id in among):
                    return store
            return None

        found: Store = await until(find)
        return found

    async def follower(self) -> Store:
        leader = await self.leader()
        return next(store for store in self.stores.values() if store is not leader)

    def linked(self) -> bool:
        """Every node has a link to every other."""
        return all(
            len(store.status().peers) == len(self.stores) - 1
            and all(peer.connected for peer in store.status().peers)
            for store in self.stores.values()
        )

    async def same_state(self) -> None:
        """All nodes reach the same index, revision and hash."""

        def equal() -> bool:
            found = {
                (s.hash_index, s.revision, s.state_hash)
                for s in (store.status() for store in self.stores.values())
            }
            return len(found) == 1

        await until(equal)


async def until(condition: Callable[[], Any]) -> Any:
    """The first true value of `condition`, which may be async."""
    with trio.fail_after(LIMIT):
        while True:
            result = condition()
            if isinstance(result, Awaitable):
                result = await result
            if result:
                return result
            await trio.sleep(0.01)


@asynccontextmanager
async def cluster(directory: Path, size: int = 3, **options: Any) -> AsyncIterator[Cluster]:
    """A running cluster of n1, n2, …"""
    async with trio.open_nursery() as nursery:
        found = Cluster(nursery, directory, Authority(directory / "pki"), options)
        members = [Member(f"n{i + 1}", free_address()) for i in range(size)]
        for member in members:
            found.configure(member.node_id, members)
        await found.start(*found.configs)
        await found.leader()
        await until(found.linked)
        yield found
        nursery.cancel_scope.cancel()
