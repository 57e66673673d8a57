"""Which revision the leader compacts to by itself.

In: the revision now and then. Out: the revision to compact to. History is kept for `age` seconds,
but never more than `revisions` of it: the first bound is for readers that page or resume a watch,
the second for memory.
"""

from __future__ import annotations

from collections import deque


class CompactionPlan:
    def __init__(self, *, age: float, revisions: int) -> None:
        self._age = age
        self._revisions = revisions
        self._samples: deque[tuple[float, int]] = deque(maxlen=4096)  # (time, revision then)

    def due(self, now: float, revision: int, compacted: int) -> int | None:
        """Note the revision of now; the revision to compact to, or None."""
        if not self._samples or self._samples[-1][1] != revision:
            self._samples.append((now, revision))
        samples, old = self._samples, now - self._age
        while len(samples) > 1 and samples[1][0] <= old:
            samples.popleft()
        target = revision - self._revisions
        if samples[0][0] <= old:
            target = max(target, samples[0][1])
        return target if target > compacted else None
