"""Where clients, monitor and faults write what happens while a run is on.

One clock for all of them (microseconds since the start), one source of numbers, one file. Keeps
the running sums that the progress line shows.
"""

from __future__ import annotations

from collections import Counter, deque

import trio

from chaos.history import Fault, HistoryWriter, Op, Record

WINDOW_SECONDS = 5.0


class Recorder:
    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer
        self._start = trio.current_time()
        self._numbers = 0
        self.outcomes: Counter[str] = Counter()
        self.last_write = 0
        self.active_faults: dict[int, Fault] = {}
        self._recent: deque[tuple[int, int]] = deque()  # completion, latency

    def now(self) -> int:
        return int((trio.current_time() - self._start) * 1e6)

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def add(self, record: Record) -> None:
        self._writer.add(record)
        if isinstance(record, Op):
            self.outcomes[record.outcome] += 1
            if record.outcome == "ok":
                self._recent.append((record.complete, record.complete - record.invoke))
                if record.action != "get" and record.action != "list":
                    self.last_write = record.complete
        elif isinstance(record, Fault):
            if record.phase == "start":
                self.active_faults[record.id] = record
            else:
                self.active_faults.pop(record.id, None)

    def recent(self) -> tuple[float, float]:
        """(operations per second, p99 in milliseconds) of the last seconds."""
        since = self.now() - int(WINDOW_SECONDS * 1e6)
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        if not self._recent:
            return 0.0, 0.0
        latencies = sorted(latency for _, latency in self._recent)
        seconds = min(WINDOW_SECONDS, max(self.now() / 1e6, 0.1))
        return len(latencies) / seconds, latencies[len(latencies) * 99 // 100] / 1e3
