"""The judge: a history in, a verdict out. Pure: no clock, no network, no file.

Order: the versions of each key are put into a chain (versions), then every promise is checked
against the chains (linearizability, revisions, watches, durability). Each check reports all that
it finds, so that one fault may show under several rules; the chain's violations come first, because
they tend to be the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from chaos.checker.durability import check_final_reads, check_hashes, check_rest
from chaos.checker.linearizability import check_key
from chaos.checker.revisions import check_lists, check_revisions
from chaos.checker.versions import build_chain, collect
from chaos.checker.violation import Violation
from chaos.checker.watches import check_watches
from chaos.history import WRITES, History

__all__ = ["Verdict", "Violation", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`counts` says how much evidence there was: a verdict on nothing is worth nothing."""

    violations: tuple[Violation, ...]
    counts: dict[str, int]

    @property
    def good(self) -> bool:
        return not self.violations


def judge(history: History) -> Verdict:
    records = collect(history)
    chains = {key: build_chain(of_key) for key, of_key in records.items()}
    lists = [
        (op, {key: revision for key, revision, _ in op.items})
        for op in history.ops
        if op.action == "list" and op.outcome == "ok"
    ]
    violations = [violation for chain in chains.values() for violation in chain.violations]
    for key, chain in chains.items():
        violations.extend(check_key(chain, records[key], lists))
    violations.extend(check_revisions(history))
    violations.extend(check_lists(history, chains))
    violations.extend(check_watches(history, chains))
    violations.extend(check_final_reads(history, chains))
    violations.extend(check_hashes(history))
    violations.extend(check_rest(history))
    return Verdict(tuple(violations), _counts(history))


def _counts(history: History) -> dict[str, int]:
    ops = history.ops
    return {
        "operations": len(ops),
        "acknowledged": sum(op.outcome == "ok" for op in ops),
        "writes acknowledged": sum(op.outcome == "ok" and op.action in WRITES for op in ops),
        "refused": sum(op.outcome == "fail" for op in ops),
        "outcome unknown": sum(op.outcome == "unknown" for op in ops),
        "watches": len(history.watches),
        "watch events": sum(map(len, history.events.values())),
        "faults": sum(fault.phase == "start" for fault in history.faults),
    }
