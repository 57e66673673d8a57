"""What is to be done, each item once however often it is asked for, and again later if it failed.

Bounded by the number of distinct items. An item that is added while it is worked on is done again
afterwards, never twice at the same time. Failures are retried after a delay that doubles.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

import trio

FIRST_RETRY_SECONDS = 0.05
LAST_RETRY_SECONDS = 60.0

T = TypeVar("T", bound=Hashable)


class WorkQueue(Generic[T]):
    """Every item that was taken must be given to `done` or `retry`."""

    def __init__(self) -> None:
        self._ready: dict[T, None] = {}
        self._busy: dict[T, bool] = {}  # whether it was added meanwhile
        self._later: list[tuple[float, int, T]] = []
        self._delayed: set[T] = set()
        self._failures: dict[T, int] = {}
        self._counter = 0
        self._wake = trio.Event()

    def add(self, item: T) -> None:
        if item in self._busy:
            self._busy[item] = True
            return
        self._ready[item] = None
        self._wake.set()

    async def take(self) -> T:
        """The next item; waits for one."""
        while True:
            self._move_due()
            if self._ready:
                item = next(iter(self._ready))
                del self._ready[item]
                self._busy[item] = False
                return item
            self._wake = trio.Event() if self._wake.is_set() else self._wake
            with trio.move_on_at(self._later[0][0] if self._later else float("inf")):
                await self._wake.wait()

    def _move_due(self) -> None:
        now = trio.current_time()
        while self._later and self._later[0][0] <= now:
            item = heapq.heappop(self._later)[2]
            self._delayed.discard(item)
            self.add(item)

    def done(self, item: T) -> None:
        self._failures.pop(item, None)
        if self._busy.pop(item):
            self.add(item)

    def retry(self, item: T) -> None:
        """It could not be done now. What was added meanwhile waits as well."""
        self._busy.pop(item)
        failures = self._failures[item] = self._failures.get(item, 0) + 1
        if item in self._delayed:
            return
        # float exponents overflow late, and the delay is at its limit long before
        delay = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 30), LAST_RETRY_SECONDS)
        self._counter += 1
        heapq.heappush(self._later, (trio.current_time() + delay, self._counter, item))
        self._delayed.add(item)
        self._wake.set()
