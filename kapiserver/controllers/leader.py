"""Work that one node does: it runs while this node leads, and is cancelled when it does not.

For a moment after a change of leaders two nodes may both believe: such work must be safe to do
twice (every write is guarded by a revision) and must resume from what is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

CHECK_SECONDS = 0.2


async def while_leading(is_leader: Callable[[], bool], work: Callable[[], Awaitable[None]]) -> None:
    """Runs until cancelled. An error of `work` is the caller's."""
    while True:
        while not is_leader():  # noqa: ASYNC110  there is nothing to wait on
            await trio.sleep(CHECK_SECONDS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_not, is_leader, nursery.cancel_scope)
            await work()
            nursery.cancel_scope.cancel()


async def _cancel_when_not(is_leader: Callable[[], bool], scope: trio.CancelScope) -> None:
    while is_leader():  # noqa: ASYNC110  there is nothing to wait on
        await trio.sleep(CHECK_SECONDS)
    scope.cancel()
