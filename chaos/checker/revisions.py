"""Promises about the one revision that all keys share.

In: the history and the chains of all keys. Out: violations of two promises: revisions grow in real
time (a write that was sent after another had been acknowledged has the larger revision, and a list
that was sent then is at least as new), and a list is a snapshot (every key as it was at the list's
own revision, none older, none newer).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from chaos.checker.versions import NO_END, Chain
from chaos.checker.violation import Violation
from chaos.history import History, Op


def check_revisions(history: History) -> Iterable[Violation]:
    """One sweep with a high water mark, as for a single key."""
    dated = [op for op in history.ops if op.outcome == "ok" and op.revision and op.action != "get"]
    sent = sorted(dated, key=lambda op: op.invoke)
    done = sorted(dated, key=lambda op: op.complete)
    newest: Op | None = None
    next_done = 0
    for op in sent:
        while next_done < len(done) and done[next_done].complete < op.invoke:
            if newest is None or done[next_done].revision > newest.revision:
                newest = done[next_done]
            next_done += 1
        if newest is None:
            continue
        if op.action == "list" and op.revision < newest.revision:
            yield Violation(
                "stale-list",
                f"list by {op.client}",
                f"through {op.node} at revision {op.revision}, though {newest.revision} had "
                "been shown or acknowledged before",
                (newest.brief(), op.brief()),
            )
        elif op.action != "list" and op.revision <= newest.revision:
            yield Violation(
                "order",
                op.key,
                f"{op.action} got revision {op.revision}, though {newest.revision} had been shown "
                "or acknowledged before",
                (newest.brief(), op),
            )


def check_lists(history: History, chains: Mapping[str, Chain]) -> Iterable[Violation]:
    """Every list against the state of every key at the list's revision."""
    absences = {key: _absences(chain) for key, chain in chains.items()}
    for op in history.ops:
        if op.action != "list" or op.outcome != "ok":
            continue
        shown = {key: revision for key, revision, _ in op.items}
        if len(shown) != len(op.items):
            yield Violation("torn-list", f"list by {op.client}", "a key is there twice", (op,))
        for key, chain in chains.items():
            revision = shown.get(key, 0)
            if revision:
                state = chain.at_revision.get(revision)
                first, end = chain.bounds(state) if state is not None else (0, 0)
            else:
                at = bisect_right(absences[key], (op.revision, NO_END)) - 1
                first, end = absences[key][at]
            if not first <= op.revision < end:
                what = f"at revision {revision}" if revision else "absent"
                yield Violation(
                    "torn-list",
                    key,
                    f"a list at revision {op.revision} through {op.node} shows it {what}, which "
                    "it was not then",
                    (op.brief(),),
                )


def _absences(chain: Chain) -> list[tuple[int, int]]:
    """The ranges of revisions in which the key may have been absent, in order, disjoint."""
    return [chain.bounds(state) for state in chain.states if not state.present]
