"""Work of a snapshot that blocks (syncs, verification, loading): apart from everything else.

A job's `run` touches nothing that the core uses meanwhile, so that a driver may run it in a
thread; `finish` is called afterwards by the thread that owns the core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Job:
    def __init__(self, run: Callable[[], None], finish: Callable[[], None]) -> None:
        self.run = run
        self.finish = finish


class Jobs:
    """At most a few jobs wait: one of a snapshot being made, one of one being received."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None

    def add(self, job: Job) -> None:
        self._waiting.append(job)

    def take(self) -> Job | None:
        """The next job to run; None if there is none or one is running."""
        if self._running is None and self._waiting:
            self._running = self._waiting.popleft()
            return self._running
        return None

    def done(self, job: Job) -> None:
        if job is not self._running:
            raise ValueError("this job is not the one that runs")
        self._running = None
        job.finish()

    def __bool__(self) -> bool:
        return self._running is not None or bool(self._waiting)
