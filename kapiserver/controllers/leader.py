"""Work that one node does: it runs while this node leads, and is cancelled when it does not.

For a moment after a change of leaders two nodes may both believe: such work must be safe to do
twice (every write is guarded by a revision) and must resume from what is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from raftstore import Store


async def while_leading(store: Store, work: Callable[[], Awaitable[None]]) -> None:
    """Runs until cancelled. An error of `work` is the caller's."""
    while True:
        await store.wait_leading(True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_not, store, nursery.cancel_scope)
            await work()
            nursery.cancel_scope.cancel()


async def _cancel_when_not(store: Store, scope: trio.CancelScope) -> None:
    await store.wait_leading(False)
    scope.cancel()
