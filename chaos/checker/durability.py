"""What must hold when everything has come to rest: nothing acknowledged is lost, all nodes agree.

In: the history and the chains of all keys. Out: violations. The final reads also take part in the
linearizability check; here they are compared with what was acknowledged, node by node, so that a
loss is called a loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chaos.checker.versions import Chain
from chaos.checker.violation import Violation
from chaos.history import History, NodeState, Op


def check_final_reads(history: History, chains: Mapping[str, Chain]) -> Iterable[Violation]:
    """On every node, every key as the last write left it; and the same on all of them."""
    finals = [op for op in history.ops if op.final and op.action == "list" and op.outcome == "ok"]
    acknowledged = _acknowledged(history)
    for final in finals:
        shown = {key: revision for key, revision, _ in final.items}
        for key, op in acknowledged.items():
            revision = shown.get(key, 0)
            chain = chains[key]
            may_be_deleted = not chain.states[-1].present
            if revision < op.revision and not (revision == 0 and may_be_deleted):
                found = f"revision {revision}" if revision else "no object"
                yield Violation(
                    "lost-write",
                    key,
                    f"revision {op.revision} was acknowledged; in the end {final.node} has {found}",
                    (op, final.brief()),
                )
    for other in finals[1:]:
        different = sorted(set(finals[0].items) ^ set(other.items))
        if different:
            key = different[0][0]
            yield Violation(
                "nodes-differ",
                key,
                f"{finals[0].node} and {other.node} show different objects in the end: "
                f"{different[:4]}",
                (finals[0].brief(), other.brief()),
            )


def _acknowledged(history: History) -> dict[str, Op]:
    """Per key the acknowledged create or update with the largest revision."""
    newest: dict[str, Op] = {}
    for op in history.ops:
        if op.outcome == "ok" and op.action in ("create", "update"):
            before = newest.get(op.key)
            if before is None or op.revision > before.revision:
                newest[op.key] = op
    return newest


def check_hashes(history: History) -> Iterable[Violation]:
    """Wherever two nodes hashed their state at the same index, the hash is the same."""
    at: dict[int, NodeState] = {}
    for state in history.states:
        if not state.hash:
            continue
        first = at.setdefault(state.index, state)
        if first.hash != state.hash:
            yield Violation(
                "diverged",
                f"index {state.index}",
                f"{first.node} has state hash {first.hash}, {state.node} has {state.hash}",
                (first, state),
            )


def check_rest(history: History) -> Iterable[Violation]:
    """In the end all nodes are there, have applied the same, and hashed it at the same index."""
    finals = {state.node: state for state in history.states if state.final}
    for node in history.header.nodes:
        if finals and node not in finals:
            yield Violation("not-recovered", node, "did not answer when all faults were over")
    if len({(state.applied, state.index) for state in finals.values()}) > 1:
        text = ", ".join(f"{s.node}: revision {s.applied}" for s in finals.values())
        yield Violation("not-recovered", "cluster", f"the nodes differ in the end: {text}")
    for stuck in history.stuck:
        yield Violation(stuck.rule, "cluster", stuck.what, (stuck,))
