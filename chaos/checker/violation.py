"""A broken promise: which rule, about what, and the records that prove it."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.history import Record, encode


@dataclass(frozen=True, slots=True)
class Violation:
    """`rule` is a fixed name (docs/explanation/chaos.md lists them all)."""

    rule: str
    subject: str
    summary: str
    evidence: tuple[Record, ...] = ()

    def lines(self) -> list[str]:
        """For people: the summary, then each record as it stands in the history file."""
        return [
            f"{self.rule}: {self.subject}: {self.summary}",
            *(encode(record).decode().rstrip() for record in self.evidence),
        ]
