"""Waiting for a state that is new enough: read barriers, applied indexes, revisions.

In: read indexes that the core has confirmed, entries as they are applied. Out: woken readers. All
barriers that are asked for between two turns of the core share one confirmation.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import trio

from raftstore.errors import Closed, NoLeader, Overloaded, StoreError
from raftstore.store.proposals import Waiter

ReadIndex = Callable[[Callable[[int | None], None]], None]

_UNCONFIRMED = -1


class Threshold:
    """Tasks that wait until a number that only grows has reached their mark."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Waiter]] = []
        self._order = count()

    def reached(self, value: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= value:
            heapq.heappop(heap)[2].set(True)

    async def wait(self, mark: int) -> None:
        waiter = Waiter()
        item = (mark, next(self._order), waiter)
        heapq.heappush(self._heap, item)
        try:
            result = await waiter.wait()
        except trio.Cancelled:
            self._heap.remove(item)
            heapq.heapify(self._heap)
            raise
        if isinstance(result, StoreError):
            raise result

    def close(self, error: StoreError) -> None:
        for _, _, waiter in self._heap:
            waiter.set(error)
        self._heap.clear()


class Reads:
    def __init__(self, applied_index: Callable[[], int], *, max_waiting: int) -> None:
        self._applied_index = applied_index
        self._max_waiting = max_waiting
        self._asking: list[Waiter] = []  # for the next turn of the core
        self._asked: set[Waiter] = set()
        self._leader_known = trio.Event()
        self._wake: Callable[[], None] = lambda: None
        self._closed: StoreError | None = None
        self.indexes = Threshold()

    def connect(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    async def barrier(self, timeout: float) -> None:
        """Return when this node has applied everything that was committed before the call."""
        if len(self._asking) + len(self._asked) >= self._max_waiting:
            await trio.lowlevel.checkpoint()
            raise Overloaded(f"{self._max_waiting} reads wait for confirmation")
        with trio.move_on_after(timeout):
            while True:
                if self._closed is not None:
                    raise Closed(str(self._closed))
                index = await self._confirmed()
                if index == _UNCONFIRMED:
                    await self._next_leader()
                    continue
                if index > self._applied_index():
                    await self.indexes.wait(index)
                return
        raise NoLeader(f"no leader confirmed a read within {timeout} s")

    async def _confirmed(self) -> int:
        waiter = Waiter()
        if not self._asking:
            self._wake()
        self._asking.append(waiter)
        result = await waiter.wait()
        if isinstance(result, StoreError):
            raise result
        index: int = result
        return index

    async def _next_leader(self) -> None:
        """Until there is news of a leader, or a moment has passed (the news may be old)."""
        with trio.move_on_after(0.05):
            await self._leader_known.wait()
        await trio.lowlevel.checkpoint()

    def start(self, read_index: ReadIndex) -> None:
        """The core is about to run: ask it once for everybody."""
        if not self._asking:
            return
        batch, self._asking = self._asking, []
        self._asked.update(batch)

        def done(index: int | None) -> None:
            self._asked.difference_update(batch)
            for waiter in batch:
                # A Waiter's value is never None, and 0 is a fine index.
                waiter.set(_UNCONFIRMED if index is None else index)

        read_index(done)

    def leader_changed(self) -> None:
        self._leader_known.set()
        self._leader_known = trio.Event()

    def close(self, error: StoreError) -> None:
        self._closed = error
        for waiter in (*self._asking, *self._asked):
            waiter.set(Closed(str(error)))
        self._asking.clear()
        self._asked.clear()
        self.indexes.close(Closed(str(error)))
