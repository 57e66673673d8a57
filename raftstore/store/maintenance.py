"""What the store does by itself: compaction, lease expiry, hash comparison.

In: the clock and the state. Out: commands that the leader proposes like any caller, and hashes for
the peers. A proposal that fails here is not an error: the next round tries again, on whichever
node leads then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from raftstore.errors import StoreError
from raftstore.machine.commands import Compact, LeaseRevoke, Payload
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
    if not config.compact_age:
        return
    plan = CompactionPlan(age=config.compact_age, revisions=config.compact_revisions)
    while True:
        await trio.sleep(config.compact_interval)
        machine = node.machine
        revision = plan.due(trio.current_time(), machine.revision, machine.compact_revision)
        if revision is not None and node.is_leader:
            await _propose(node, Compact(revision), "compaction")


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
        node.tell_hash()
