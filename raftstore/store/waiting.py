"""Tasks that wait for something the core will say: cheaply, because every request does.

`Waiter` is one task and one value. `Threshold` is many waiters for a number that only grows.
`Deadlines` is one timer for all of them: a cancel scope for each request would cost more than the
rest of a request's way through the store.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection
from itertools import count
from math import inf
from typing import Any

import trio

from raftstore.errors import StoreError


class Waiter:
    """One task that waits for one value. `set` wakes it; a second `set` is ignored."""

    __slots__ = ("_task", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self._task: trio.lowlevel.Task | None = None

    def set(self, value: Any) -> None:
        if self.value is None:
            self.value = value
            if self._task is not None:
                trio.lowlevel.reschedule(self._task)
                self._task = None

    async def wait(self) -> Any:
        """The value, which is never None; a StoreError is raised."""
        if self.value is None:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        else:
            await trio.lowlevel.checkpoint()  # a caller that tries again must not block the loop
        if isinstance(self.value, StoreError):
            raise self.value
        return self.value

    def _abort(self, _raise: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class Threshold:
    """Waiters that are set to True when a number has reached their mark."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Waiter]] = []
        self._order = count()

    def add(self, mark: int, waiter: Waiter) -> None:
        heapq.heappush(self._heap, (mark, next(self._order), waiter))

    def reached(self, value: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= value:
            heapq.heappop(heap)[2].set(True)

    def discard(self, waiters: Collection[Waiter]) -> None:
        self._heap = [item for item in self._heap if item[2] not in waiters]
        heapq.heapify(self._heap)

    def close(self, error: StoreError) -> None:
        for _, _, waiter in self._heap:
            waiter.set(error)
        self._heap.clear()


class Deadlines:
    """Calls `expire(now)`, which returns the next deadline, when the earliest one has come."""

    def __init__(self, expire: Callable[[float], float]) -> None:
        self._expire = expire
        self._next = inf  # not later than the earliest deadline
        self._sooner = trio.Event()

    def add(self, deadline: float) -> None:
        if deadline < self._next:
            self._next = deadline
            self._sooner.set()

    async def run(self) -> None:
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._next):
                await self._sooner.wait()
                continue
            self._next = inf
            self._next = self._expire(trio.current_time())
