"""Starting and ending a node.

In: a `StoreConfig`. Out: a running `Store`, for as long as the context is open. The order is
files, state, core, links, tasks; the end is the reverse. Ending is like a crash on purpose:
nothing has to be saved, because everything that was acknowledged is on disk. Any part that fails
cancels the body of the context, and the context raises that part's error (fail-stop).
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from raftstore.config import StoreConfig
from raftstore.datadir import DataDir
from raftstore.disk import Disk, RealDisk
from raftstore.errors import Closed, StorageError, StoreError
from raftstore.machine import Machine
from raftstore.raft import RaftCore
from raftstore.raft.messages import SCHEMA
from raftstore.snapshot import SnapshotStore
from raftstore.store.maintenance import compact, compare_hashes, expire_leases, reclaim, set_quota
from raftstore.store.node import HASH_MESSAGE, Node
from raftstore.store.store import Store
from raftstore.transport import Transport
from raftstore.wal import Wal


class _Files:
    """What is on disk: the directory (locked), the log, the snapshots, the machine from them."""

    def __init__(self, config: StoreConfig, disk: Disk) -> None:
        path = os.fspath(config.data_dir)
        if DataDir.exists(disk, path):
            self.directory = DataDir.open(disk, path)
        else:
            self.directory = DataDir.create(
                disk, path, cluster_id=config.cluster_id, node_id=config.node_id
            )
        try:
            self._check_identity(config)
            self.wal: Wal = self.directory.open_wal()
            try:
                self.snapshots = SnapshotStore(
                    disk, self.directory.snapshot_directory, cluster_id=config.cluster_id
                )
                self.machine = self._load()
            except BaseException:
                self.wal.close()
                raise
        except BaseException:
            self.directory.close()
            raise

    def _check_identity(self, config: StoreConfig) -> None:
        found = (self.directory.cluster_id, self.directory.node_id)
        if found != (config.cluster_id, config.node_id):
            raise StorageError(
                f"{config.data_dir} belongs to node {found[1]} of cluster {found[0]}, "
                f"not to node {config.node_id} of cluster {config.cluster_id}"
            )

    def _load(self) -> Machine:
        meta = self.snapshots.latest()
        return Machine() if meta is None else Machine.thaw(self.snapshots.read(meta))

    def close(self) -> None:
        self.wal.close()
        self.directory.close()


@asynccontextmanager
async def open_store(config: StoreConfig, *, disk: Disk | None = None) -> AsyncIterator[Store]:
    """Run one node. Ends with the error of the first part that failed, if one did.

    `disk`: another than the operating system's, for tests.
    """
    disk = disk or RealDisk()
    address = config.listen_address()
    files = await trio.to_thread.run_sync(_Files, config, disk)
    ending: StoreError = Closed("the node is stopped")
    node: Node | None = None
    try:
        node = Node(config, files.wal, files.snapshots, files.machine)
        if address is not None:
            node.transport = Transport(
                node_id=config.node_id,
                cluster_id=config.cluster_id,
                listen=address,
                tls=config.tls,
                schema={**SCHEMA, **HASH_MESSAGE},
                receiver=node,
                limits=config.transport,
                on_join=config.on_join,
            )
        node.connect(_core(config, node))
        async with trio.open_nursery() as nursery:
            if node.transport is not None:
                await nursery.start(node.transport.run)
            nursery.start_soon(node.driver.run_core)
            nursery.start_soon(node.driver.sync_log)
            nursery.start_soon(node.driver.work_on_snapshots)
            nursery.start_soon(partial(node.proposals.repeat, is_leader=lambda: node.is_leader))
            nursery.start_soon(node.proposals.deadlines.run)
            nursery.start_soon(node.reads.deadlines.run)
            nursery.start_soon(node.reads.ask_again)
            nursery.start_soon(compact, node)
            nursery.start_soon(reclaim, node)
            nursery.start_soon(set_quota, node)
            nursery.start_soon(expire_leases, node)
            nursery.start_soon(compare_hashes, node)
            yield Store(node, disk)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = _reason(group)
        if isinstance(error, StoreError):
            ending = error
        raise error from (error.__cause__ if _leaves(group) == [error] else group)
    finally:
        if node is not None:
            node.close(ending)
        files.close()


def _core(config: StoreConfig, node: Node) -> RaftCore:
    return RaftCore(
        node_id=config.node_id,
        cluster_id=config.cluster_id,
        config=config.raft,
        wal=node.wal,
        snapshots=node.snapshots,
        machine=node.machine,
        members=config.members,
        clock=trio.current_time,
        rng=random.Random(),
        send=node.send,
        on_applied=node.on_applied,
        on_machine_replaced=node.on_machine_replaced,
        on_members=node.on_members,
        on_role=node.on_role,
    )


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to end with; if several parts failed, one of ours if there is one."""
    leaves = _leaves(group)
    leaves.sort(
        key=lambda leaf: (isinstance(leaf, trio.Cancelled), not isinstance(leaf, StoreError))
    )
    return leaves[0]
