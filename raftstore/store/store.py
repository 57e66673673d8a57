"""The public face of raftstore: what a program does with a running node.

In: transactions, reads, watches, leases, membership. Out: results, or the errors of
`raftstore.errors`, and nothing else. Anything may be called on any node. Reads named `*_local` and
`get` look at this node's memory as it is; the others are linearizable.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from raftstore.disk import Disk
from raftstore.errors import NoLeader, Unknown
from raftstore.machine.commands import (
    ClearAlarm,
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    SetQuota,
    Txn,
)
from raftstore.raft import MemberChange
from raftstore.snapshot import SnapshotMeta, create_file
from raftstore.store.feed import Observer, Watcher
from raftstore.store.status import NodeStatus, PeerInfo
from raftstore.store.waiting import Waiter
from raftstore.types import (
    Compare,
    Delete,
    Event,
    KeyValue,
    Member,
    Op,
    Put,
    RangeResult,
    TxnResult,
)

if TYPE_CHECKING:
    from raftstore.store.node import Node

DEFAULT_TIMEOUT = 5.0
_SAVE_CHUNK = 256 << 10
_DONE = object()
_HISTORY_PAGE = 1000  # events


class Store:
    def __init__(self, node: Node, disk: Disk) -> None:
        """Use `open_store`."""
        self._node = node
        self._disk = disk
        self.node_id = node.config.node_id
        self.cluster_id = node.config.cluster_id

    # -- where this node is -------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """The newest revision that this node has applied."""
        return self._node.machine.revision

    @property
    def compact_revision(self) -> int:
        return self._node.machine.compact_revision

    @property
    def is_leader(self) -> bool:
        return self._node.is_leader

    @property
    def leader_id(self) -> str | None:
        return self._node.leader_id

    @property
    def members(self) -> tuple[Member, ...]:
        return self._node.core.members

    async def wait_leading(self, leading: bool) -> None:
        """Until this node leads, or until it does not. It may take for ever: cancel it."""
        node = self._node
        while node.is_leader is not leading:
            await node.role_changed.wait()

    async def wait_leader(self, timeout: float = DEFAULT_TIMEOUT) -> str:
        """Until this node knows a leader; its id."""
        with trio.move_on_after(timeout):
            while self.leader_id is None:
                await self._node.role_changed.wait()
            return self.leader_id
        raise NoLeader(f"no leader within {timeout} s")

    # -- writing ------------------------------------------------------------------------------

    async def txn(
        self,
        compare: Iterable[Compare],
        success: Iterable[Op],
        failure: Iterable[Op] = (),
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> TxnResult:
        """If all of `compare` hold do `success`, else `failure`, as one step.

        Raises a `Refused` (no effect, ever) or `Unknown` (perhaps). While the timeout lasts, a
        proposal whose leader was lost is repeated; it never takes effect twice.
        """
        payload = Txn(tuple(compare), tuple(success), tuple(failure))
        result: TxnResult = await self._node.proposals.run(payload, timeout)
        return result

    async def put(
        self, key: bytes, value: bytes, *, lease: int = 0, timeout: float = DEFAULT_TIMEOUT
    ) -> TxnResult:
        return await self.txn((), (Put(key, value, lease),), timeout=timeout)

    async def delete(
        self, key: bytes, end: bytes | None = None, *, timeout: float = DEFAULT_TIMEOUT
    ) -> TxnResult:
        """Delete `key`, or with `end` every key in [key, end)."""
        return await self.txn((), (Delete(key, end),), timeout=timeout)

    async def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Forget what was superseded at `revision` or before."""
        await self._node.proposals.run(Compact(revision), timeout)

    async def set_quota(self, quota_bytes: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Change the size limit of the database on all nodes; 0 means no limit."""
        await self._node.proposals.run(SetQuota(quota_bytes), timeout)

    async def clear_alarm(self, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Accept writes again after `NoSpace`, when space was made."""
        await self._node.proposals.run(ClearAlarm(), timeout)

    # -- reading ------------------------------------------------------------------------------

    async def read_barrier(self, timeout: float = DEFAULT_TIMEOUT) -> int:
        """After it returns, this node has everything that was committed before the call, so local
        reads are linearizable. Returns the revision."""
        await self._node.reads.barrier(timeout)
        return self.revision

    def barrier_now(self) -> bool:
        """Whether local reads are linearizable as they are: this node is the whole cluster."""
        return self._node.core.reads_are_current

    def get(self, key: bytes) -> KeyValue | None:
        """The newest version of `key` on this node."""
        return self._node.machine.get(key)

    def range_local(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
    ) -> RangeResult:
        """This node's keys in [key, end) at `revision` (0: now).

        Raises Compacted or FutureRevision.
        """
        return self._node.machine.range(
            key, end, revision=revision, limit=limit, count_only=count_only
        )

    async def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        count_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> RangeResult:
        """Linearizable `range_local`."""
        await self.read_barrier(timeout)
        return self.range_local(key, end, revision=revision, limit=limit, count_only=count_only)

    async def wait_revision(self, revision: int, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Until this node has applied `revision`; TimeoutError if that takes too long."""
        if self.revision < revision:
            waiter = Waiter()
            self._node.revisions.add(revision, waiter)
            try:
                with trio.move_on_after(timeout):
                    await waiter.wait()
                    return
            finally:
                if waiter.value is None:
                    self._node.revisions.discard((waiter,))
            raise TimeoutError(f"revision {revision} was not reached within {timeout} s")

    def history(
        self, key: bytes, end: bytes | None = None, *, from_revision: int
    ) -> Iterator[tuple[int, tuple[Event, ...]]]:
        """What this node knows to have happened to [key, end) from `from_revision` up to now, one
        item per revision. Raises Compacted. Take all of it before the next checkpoint."""
        machine = self._node.machine
        while True:
            page = machine.history(key, end, from_revision, _HISTORY_PAGE)
            yield from page
            if not page:
                return
            from_revision = page[-1][0] + 1

    # -- watching -----------------------------------------------------------------------------

    def observe(self, observer: Observer) -> int:
        """Call `observer(revision, events)` for every change from now on, in revision order, when
        this node applies it and before the writer hears of it. Returns the current revision.

        The observer must be quick and must not raise: an error stops the node.
        """
        self._node.feed.observe(observer)
        return self.revision

    def unobserve(self, observer: Observer) -> None:
        self._node.feed.unobserve(observer)

    def observe_reset(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a snapshot from the leader took the place of this node's state:
        revisions were skipped, and observers have to read everything again."""
        self._node.feed.observe_reset(callback)

    @asynccontextmanager
    async def watch(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        from_revision: int = 0,
        buffer: int = 1000,
    ) -> AsyncIterator[Watcher]:
        """Iterate over `(revision, events)` of the keys in [key, end), from `from_revision` (0:
        the next) on; every change once, in order, a transaction never split.

        Raises Compacted if that revision is no longer kept, and Overloaded when the reader has
        fallen more than `buffer` changes behind.
        """
        feed = self._node.feed
        watcher = feed.watch(key, end, from_revision, buffer)
        try:
            yield watcher
        finally:
            feed.watchers.discard(watcher)

    # -- leases -------------------------------------------------------------------------------

    async def lease_grant(self, ttl_seconds: int, *, timeout: float = DEFAULT_TIMEOUT) -> int:
        """A new lease; its keys are deleted when it was not kept alive for `ttl_seconds`."""
        lease_id = random.getrandbits(62) + 1
        await self._node.proposals.run(LeaseGrant(lease_id, ttl_seconds), timeout)
        return lease_id

    async def lease_keep_alive(self, lease_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        await self._node.proposals.run(LeaseKeepAlive(lease_id), timeout)

    async def lease_revoke(self, lease_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        await self._node.proposals.run(LeaseRevoke(lease_id), timeout)

    # -- members ------------------------------------------------------------------------------

    async def member_add_learner(self, member: Member, *, timeout: float = 10.0) -> None:
        """Add a node that receives everything and counts nowhere, until it is promoted."""
        await self._change_members(MemberChange("add_learner", member), timeout)

    async def member_promote(self, node_id: str, *, timeout: float = 10.0) -> None:
        """Make a learner that has caught up a voter."""
        await self._change_members(MemberChange("promote", Member(node_id, "")), timeout)

    async def member_remove(self, node_id: str, *, timeout: float = 10.0) -> None:
        """Remove a member; it stops when it learns of it. A leader hands over first."""
        if node_id == self.leader_id:
            await self.transfer_leadership(timeout=timeout)
        await self._change_members(MemberChange("remove", Member(node_id, "")), timeout)

    async def member_update(self, member: Member, *, timeout: float = 10.0) -> None:
        """Give a member another address or other meta."""
        await self._change_members(MemberChange("update", member), timeout)

    async def _change_members(self, change: MemberChange, timeout: float) -> None:
        """Changes carry no proposal id, so a change is asked for once: after Unknown, look at
        `members` before asking again."""
        waiter = Waiter()
        with trio.move_on_after(timeout):
            await self.read_barrier(timeout)  # a new leader cannot begin before it could read
            self._node.core.propose_member_change(
                change, lambda error: waiter.set(error if error is not None else _DONE)
            )
            self._node.driver.wake()
            await waiter.wait()
            return
        raise Unknown(f"no result within {timeout} s; the change may still happen")

    async def transfer_leadership(
        self, to: str | None = None, *, timeout: float = DEFAULT_TIMEOUT
    ) -> bool:
        """Hand leadership to `to`, or to the follower that is furthest. True when a node other
        than the present leader leads; False if there is none that could, or it took too long."""
        node = self._node
        old = node.leader_id
        if old is None or not node.core.transfer_leadership(to):
            return False
        node.driver.wake()
        with trio.move_on_after(timeout):
            while node.leader_id is None or node.leader_id == old:
                await node.role_changed.wait()
            return True
        return False

    # -- maintenance --------------------------------------------------------------------------

    async def snapshot_save(self, path: str) -> SnapshotMeta:
        """Write this node's state to a file, while it goes on serving. The file appears under its
        name only when it is complete; `raftstore.snapshot` verifies and restores it."""
        node = self._node
        machine = node.machine
        index = machine.applied_index
        members = node.core.members
        frozen = machine.freeze()
        try:
            term = node.wal.term(index) or 0
            meta = SnapshotMeta(
                self.cluster_id, index, term, members, frozen.revision, frozen.state_hash
            )
            run = trio.to_thread.run_sync
            writer = await run(create_file, self._disk, path, meta)
            try:
                for chunk in frozen.chunks(_SAVE_CHUNK):
                    await run(writer.write, chunk)
                return await run(writer.commit)
            finally:
                writer.abort()
        finally:
            frozen.close()

    def status(self) -> NodeStatus:
        node = self._node
        core, machine = node.core, node.machine
        latest = node.snapshots.latest()
        return NodeStatus(
            node_id=self.node_id,
            cluster_id=self.cluster_id,
            role=core.role,
            leader_id=core.leader_id,
            term=core.term,
            commit_index=core.commit_index,
            applied_index=machine.applied_index,
            last_index=node.wal.last_index,
            revision=machine.revision,
            compact_revision=machine.compact_revision,
            hash_index=machine.applied_index,
            state_hash=machine.state_hash().hex(),
            agreed_index=node.hashes.agreed_index,
            db_size=machine.size_bytes,
            wal_size=node.wal.disk_bytes,
            snapshot_index=latest.index if latest is not None else 0,
            members=core.members,
            peers=self._peers(),
            proposals=len(node.proposals),
            watchers=len(node.feed.watchers),
            log_syncs=node.driver.syncs,
        )

    def _peers(self) -> tuple[PeerInfo, ...]:
        node = self._node
        if node.transport is None:
            return ()
        progress = node.core.status().get("peers", {})
        last = node.wal.last_index
        found = []
        for peer_id, link in node.transport.status().items():
            match = progress.get(peer_id, {}).get("match", -1)
            lag = last - match if match >= 0 else -1
            found.append(
                PeerInfo(peer_id, link.connected, match, lag, link.queued_bytes, link.error)
            )
        return tuple(found)
