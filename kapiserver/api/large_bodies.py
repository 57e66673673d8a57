"""A large object takes up to a second of work, in which others want to be served as well.

In: the size of a body, or of an object, and what is to be done with it: to read it, to merge it, to
look for what is wrong with it. Out: what that gives. Small ones (nearly all) are worked on at once.
Large ones go to a thread: the interpreter takes turns between it and the event loop every few
milliseconds. One at a time, so that the loop gets every second turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from kapiserver.resources.schema.yaml_reading import MAX_FAST

T = TypeVar("T")

# From here on also YAML is read by a reader that can be interrupted.
LARGE = MAX_FAST
_ONE_AT_A_TIME = trio.CapacityLimiter(1)


async def apart(size: int, work: Callable[[], T]) -> T:
    """`work` must not change what others see, caches aside, and raises as if it were called."""
    if size <= LARGE:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_ONE_AT_A_TIME)
