"""The log in memory: entries after a base, and the hard state. No file is touched here.

Both the running log and the replay of its records use it, so what a record means is said once.
In a running log `start` is always `base_index + 1`. During a replay `start` may lie beyond it:
entries between them were in segments that are gone, which is fine if a later record says that they
are not needed; `check_complete` is the last word.

Calls that make no sense raise ValueError: in a running log a fault of the caller, during a replay
damage.
"""

from __future__ import annotations

from collections.abc import Sequence

from raftstore.wal.format import Entry, State


class Log:
    def __init__(self, state: State) -> None:
        self.base_index = state.base_index
        self.base_term = state.base_term
        self.start = state.last_index + 1
        self.entries: list[Entry] = []
        self.term = state.term
        self.voted_for = state.voted_for
        self.commit_hint = state.commit_hint

    @property
    def last_index(self) -> int:
        return self.start + len(self.entries) - 1

    def state(self) -> State:
        return State(
            self.base_index,
            self.base_term,
            self.last_index,
            self.term,
            self.voted_for,
            self.commit_hint,
        )

    def entry(self, index: int) -> Entry:
        if not self.start <= index <= self.last_index:
            raise IndexError(f"entry {index} is not in the log [{self.start}, {self.last_index}]")
        return self.entries[index - self.start]

    def term_at(self, index: int) -> int | None:
        if index == self.base_index:
            return self.base_term
        if self.start <= index <= self.last_index:
            return self.entries[index - self.start].term
        return None

    def append(self, entries: Sequence[Entry]) -> None:
        expected = self.last_index + 1
        for entry in entries:
            if entry.index != expected:
                raise ValueError(f"entry {entry.index} where {expected} is next")
            expected += 1
        self.entries.extend(entries)

    def truncate(self, index: int) -> None:
        if index <= self.base_index:
            raise ValueError(f"entries up to {self.base_index} are final, cannot cut at {index}")
        if index > self.last_index:
            return
        del self.entries[max(0, index - self.start) :]
        self.start = min(self.start, index)
        self.commit_hint = min(self.commit_hint, index - 1)

    def trim(self, index: int, term: int) -> None:
        if not self.base_index <= index <= self.last_index:
            raise ValueError(f"{index} is not in the log [{self.base_index}, {self.last_index}]")
        if index >= self.start:
            if self.term_at(index) != term:
                raise ValueError(f"entry {index} has term {self.term_at(index)}, not {term}")
            del self.entries[: index + 1 - self.start]
            self.start = index + 1
        self.base_index, self.base_term = index, term

    def reset(self, index: int, term: int) -> None:
        if index < self.base_index:
            raise ValueError(f"cannot go back from {self.base_index} to {index}")
        self.entries = []
        self.start = index + 1
        self.base_index, self.base_term = index, term
        self.commit_hint = index

    def check_complete(self) -> None:
        if self.start != self.base_index + 1:
            raise ValueError(f"entries {self.base_index + 1} to {self.start - 1} are missing")
