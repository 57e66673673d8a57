"""What the store does by itself: compaction, lease expiry, quota, hash comparison.

In: the clock and the state. Out: commands that the leader proposes like any caller, and hashes for
the peers. A proposal that fails here is not an error: the next round tries again, on whichever
node leads then.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

import trio

from raftstore.errors import StoreError
from raftstore.machine.commands import Compact, LeaseRevoke, Payload, SetQuota
from raftstore.store.compaction import CompactionPlan
from raftstore.store.leases import LeaseClock

if TYPE_CHECKING:
    from raftstore.store.node import Node

log = logging.getLogger(__name__)

LEASE_SCAN = 0.5
REVOKES_AT_ONCE = 100


async def _propose(node: Node, payload: Payload, what: str) -> None:
    try:
        await node.proposals.run(payload, timeout=5.0)
    except StoreError as error:
        log.debug("%s: %s: %s", node.config.node_id, what, error)


async def compact(node: Node) -> None:
    """Task: the leader compacts history that is too old or too much."""
    config = node.config
    plan = CompactionPlan(age=config.compact_age or inf, revisions=config.compact_revisions)
    while True:
        await trio.sleep(config.compact_interval)
        machine = node.machine
        revision = plan.due(trio.current_time(), machine.revision, machine.compact_revision)
        if revision is not None and node.is_leader:
            await _propose(node, Compact(revision), "compaction")


async def reclaim(node: Node) -> None:
    """Task: free the memory of what was compacted, a little at a time, also when nothing is
    written (while there are writes, the machine does it itself)."""
    while True:
        more = node.machine.reclaim()
        await trio.sleep(0.005 if more else 1.0)


async def set_quota(node: Node) -> None:
    """Task: a leader whose configured size limit is not the one in force proposes it. The limit
    is part of the replicated state, because nodes must agree on which write was one too many."""
    wanted = node.config.quota_bytes
    while True:
        changed = node.role_changed
        if node.is_leader and node.machine.quota_bytes != wanted:
            await _propose(node, SetQuota(wanted), "quota")
            await trio.sleep(1.0)
        else:
            await changed.wait()


async def expire_leases(node: Node) -> None:
    """Task: the leader revokes leases that have run out by its clock."""
    clock = LeaseClock()
    while True:
        if not node.is_leader:
            clock.forget()
            await node.role_changed.wait()
            continue
        due = clock.expired(node.machine.leases, trio.current_time())
        async with trio.open_nursery() as nursery:
            for lease_id in due[:REVOKES_AT_ONCE]:
                nursery.start_soon(_propose, node, LeaseRevoke(lease_id), "lease expiry")
        await trio.sleep(LEASE_SCAN)


async def compare_hashes(node: Node) -> None:
    """Task: tell the peers our hash; they compare (see `hashes`)."""
    while True:
        await trio.sleep(node.config.hash_interval)
        node.tell_hashes()
