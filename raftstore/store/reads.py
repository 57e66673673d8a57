"""Read barriers: waiting until this node has everything that was committed before the call.

In: readers, read indexes that the core has confirmed, entries as they are applied. Out: woken
readers. All who ask between two turns of the core share one confirmation. A reader that got none
asks again when there is news of a leader, or after a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import trio

from raftstore.errors import Closed, NoLeader, Overloaded, StoreError
from raftstore.store.waiting import Deadlines, Threshold, Waiter

ReadIndex = Callable[[Callable[[int | None], None]], None]

ASK_AGAIN = 0.05


class _Reader(Waiter):
    __slots__ = ("deadline",)

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline


class Reads:
    def __init__(self, applied_index: Callable[[], int], *, max_waiting: int) -> None:
        self._applied_index = applied_index
        self._max_waiting = max_waiting
        self._readers: set[_Reader] = set()  # all who wait
        self._asking: list[_Reader] = []  # for the next turn of the core
        self._unconfirmed: list[_Reader] = []  # the core had no leader for them
        self._some_unconfirmed = trio.Event()
        self._wake: Callable[[], None] = lambda: None
        self._closed: StoreError | None = None
        self.indexes = Threshold()
        self.deadlines = Deadlines(self._expire)

    def connect(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    async def barrier(self, timeout: float) -> None:
        """Return when this node has applied everything that was committed before the call."""
        reader = _Reader(trio.current_time() + timeout)
        if self._closed is not None:
            reader.set(Closed(str(self._closed)))
        elif len(self._readers) >= self._max_waiting:
            reader.set(Overloaded(f"{self._max_waiting} reads wait for confirmation"))
        else:
            self._readers.add(reader)
            self.deadlines.add(reader.deadline)
            self._ask((reader,))
        try:
            await reader.wait()
        finally:
            self._readers.discard(reader)

    def _ask(self, readers: tuple[_Reader, ...]) -> None:
        if not self._asking:
            self._wake()
        self._asking += readers

    def start(self, read_index: ReadIndex) -> None:
        """The core is about to run: ask it once for everybody."""
        if not self._asking:
            return
        batch, self._asking = self._asking, []

        def done(index: int | None) -> None:
            if index is None:
                self._unconfirmed += batch
                self._some_unconfirmed.set()
            elif index <= self._applied_index():
                for reader in batch:
                    reader.set(True)
            else:
                for reader in batch:
                    self.indexes.add(index, reader)

        read_index(done)

    def leader_changed(self) -> None:
        """Those without an answer ask again."""
        readers = tuple(reader for reader in self._unconfirmed if reader in self._readers)
        self._unconfirmed.clear()
        if readers:
            self._ask(readers)

    async def ask_again(self) -> None:
        """Task: ask again after a moment, too; the core may be ready without being news."""
        while True:
            await self._some_unconfirmed.wait()
            self._some_unconfirmed = trio.Event()
            await trio.sleep(ASK_AGAIN)
            self.leader_changed()

    def _expire(self, now: float) -> float:
        late = {reader for reader in self._readers if reader.deadline <= now}
        for reader in late:
            reader.set(NoLeader("no leader confirmed the read in time"))
        self._readers -= late
        self.indexes.discard(late)
        return min((reader.deadline for reader in self._readers), default=inf)

    def close(self, error: StoreError) -> None:
        self._closed = error
        for reader in self._readers:
            reader.set(Closed(str(error)))
        self.indexes.close(Closed(str(error)))
