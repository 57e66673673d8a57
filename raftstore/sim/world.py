"""Virtual time: one queue of events, one clock, one trace.

In: actions with a delay. Out: the actions, in order of time and, at the same time, in the order in
which they were given. A day of cluster life takes as long as its events take to compute.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

TRACE_LINES = 400


class Violation(Exception):
    """A promise of the store was broken."""


class World:
    def __init__(self, seed: int, *, trace_all: bool = False) -> None:
        self.seed = seed
        self.now = 0.0
        self.events = 0
        self.trace: deque[str] = deque(maxlen=None if trace_all else TRACE_LINES)
        self._queue: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    def rng(self, purpose: str) -> Random:
        """A stream of its own for each purpose, so that one can change without the others."""
        return Random(f"{self.seed}/{purpose}")

    def after(self, delay: float, action: Callable[..., None], *args: object) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay, self._count, action, args))

    def run_until(self, end: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= end:
            when, _, action, args = heapq.heappop(queue)
            self.now = max(self.now, when)
            self.events += 1
            action(*args)
        self.now = max(self.now, end)

    def log(self, *words: object) -> None:
        self.trace.append(f"{self.now:8.3f} " + " ".join(map(str, words)))

    def violation(self, kind: str, text: str) -> None:
        self.log("VIOLATION", kind, text)
        raise Violation(f"{kind}: {text}")
