"""What every watch promises, checked for each one against what all clients together know.

In: the history and the chains of all keys. Out: violations of these promises.

- ordered: revisions do not go down; nothing at or before the start revision is delivered.
- unique: no event twice.
- reliable: between the start and the last revision that it delivered or bookmarked, nothing that
  happened is missing.
- atomic: of the events of one revision all are delivered or none.
- resumable: a watch that starts at a revision delivers all that came after it (the same check: the
  start is where the one before ended, on whichever node).
- bookmarkable: after a bookmark at R nothing at or before R follows, and nothing before R is
  missing.
- truthful: an event's type fits what was done to the key (ADDED for a create, and so on).

What happened is the union of all watches' events and of all writes whose revision is known. A watch
that was open at the end, with time to catch up, must have delivered all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaos.checker.versions import NO_END, Chain
from chaos.checker.violation import Violation
from chaos.history import History, Op, Record, WatchEvent, WatchStart

BOOKMARK = "BOOKMARK"
_TYPES = {"create": "ADDED", "update": "MODIFIED", "delete": "DELETED"}


@dataclass(frozen=True, slots=True)
class Known:
    """One change of one key, and a record that proves it."""

    revision: int
    key: str
    proof: Record
    made_by: Op | None


@dataclass(frozen=True, slots=True)
class Undated:
    """A deletion of `key` at some revision between `after` and `before`."""

    key: str
    after: int
    before: int
    op: Op


def known_changes(history: History, chains: Mapping[str, Chain]) -> list[Known]:
    """Every change whose revision is known, in order."""
    proofs: dict[tuple[int, str], Record] = {}
    for events in history.events.values():
        for event in events:
            if event.key:
                proofs.setdefault((event.revision, event.key), event)
    makers: dict[tuple[int, str], Op | None] = {}
    for key, chain in chains.items():
        for revision, state in chain.at_revision.items():
            makers[revision, key] = state.made_by
            if state.made_by is not None:
                proofs.setdefault((revision, key), state.made_by)
    return [
        Known(revision, key, proof, makers.get((revision, key)))
        for (revision, key), proof in sorted(proofs.items(), key=lambda item: item[0])
    ]


def check_watches(history: History, chains: Mapping[str, Chain]) -> Iterable[Violation]:
    known = known_changes(history, chains)
    makers = {(change.revision, change.key): change.made_by for change in known}
    undated = list(_undated_deletions(history, chains))
    for watch in history.watches.values():
        events = history.events[watch.id]
        yield from _check_order(watch, events)
        yield from _check_types(watch, events, makers)
        yield from _check_complete(history, watch, events, known)
        yield from _check_deletions(history, watch, events, undated)


def _name(watch: WatchStart) -> str:
    return f"watch {watch.id} on {watch.node} from {watch.start}"


def _check_order(watch: WatchStart, events: Iterable[WatchEvent]) -> Iterable[Violation]:
    newest: WatchEvent | None = None
    bookmark: WatchEvent | None = None
    seen: dict[tuple[int, str], WatchEvent] = {}
    for event in events:
        if event.type == BOOKMARK:
            if newest is not None and event.revision < newest.revision:
                text = f"bookmark {event.revision} came after revision {newest.revision}"
                yield Violation("bookmark-lied", _name(watch), text, (newest, event))
            bookmark = event
            continue
        twin = seen.get((event.revision, event.key))
        seen[event.revision, event.key] = event
        if twin is not None:
            text = f"{event.key} at revision {event.revision} was delivered twice"
            yield Violation("duplicate-event", _name(watch), text, (twin, event))
        elif bookmark is not None and event.revision <= bookmark.revision:
            text = f"revision {event.revision} came after a bookmark at {bookmark.revision}"
            yield Violation("bookmark-lied", _name(watch), text, (bookmark, event))
        elif newest is not None and event.revision < newest.revision:
            text = f"revision {event.revision} came after {newest.revision}"
            yield Violation("watch-order", _name(watch), text, (newest, event))
        elif event.revision <= watch.start:
            text = f"revision {event.revision} is not after the start"
            yield Violation("watch-order", _name(watch), text, (watch, event))
        if newest is None or event.revision > newest.revision:
            newest = event


def _check_types(
    watch: WatchStart,
    events: Iterable[WatchEvent],
    makers: Mapping[tuple[int, str], Op | None],
) -> Iterable[Violation]:
    for event in events:
        if event.type == BOOKMARK:
            continue
        maker = makers.get((event.revision, event.key))
        if maker is not None and _TYPES[maker.action] != event.type:
            text = f"{event.type} at revision {event.revision}, where a {maker.action} took place"
            yield Violation("wrong-event", _name(watch), text, (maker, event))


def _check_complete(
    history: History, watch: WatchStart, events: list[WatchEvent], known: list[Known]
) -> Iterable[Violation]:
    """Everything known in (start, last] must be among the events."""
    delivered = {(event.revision, event.key) for event in events if event.type != BOOKMARK}
    revisions = {revision for revision, _ in delivered}
    last_event = max(revisions, default=watch.start)
    bookmark = max((e for e in events if e.type == BOOKMARK), key=_revision, default=None)
    end = history.ends.get(watch.id)
    upto = end.upto if end is not None and end.caught_up else 0
    last = max(last_event, bookmark.revision if bookmark is not None else 0, upto)
    first = bisect_right(known, watch.start, key=_change_revision)
    for change in known[first : bisect_right(known, last, key=_change_revision)]:
        if (change.revision, change.key) in delivered:
            continue
        what = f"{change.key} at revision {change.revision}"
        if change.revision in revisions:
            text = f"{what} is missing, though others of that revision were delivered"
            yield Violation("split-transaction", _name(watch), text, (change.proof,))
        elif change.revision < last_event:
            text = f"{what} is missing, though later ones were delivered"
            yield Violation("missed-event", _name(watch), text, (watch, change.proof))
        elif bookmark is not None and change.revision <= bookmark.revision:
            text = f"{what} is missing, though a bookmark covers it"
            yield Violation("bookmark-lied", _name(watch), text, (change.proof, bookmark))
        else:
            text = f"{what} had not arrived when everything had come to rest"
            yield Violation("missed-event", _name(watch), text, (watch, change.proof))


def _undated_deletions(history: History, chains: Mapping[str, Chain]) -> Iterable[Undated]:
    """Deletions that took place for certain, though no watch told their revision."""
    finals = [op for op in history.ops if op.final and op.action == "list" and op.outcome == "ok"]
    shown = [{key for key, _, _ in op.items} for op in finals]
    for key, chain in chains.items():
        for state in chain.states[1:]:
            op = state.made_by
            if state.present or state.revision or op is None:
                continue
            after = chain.states[state.index - 1].revision
            following = chain.states[state.index + 1 : state.index + 2]
            if following:
                yield Undated(key, after, following[0].revision, op)
            elif op.outcome == "ok" or any(key not in keys for keys in shown):
                yield Undated(key, after, NO_END, op)


def _check_deletions(
    history: History, watch: WatchStart, events: list[WatchEvent], undated: list[Undated]
) -> Iterable[Violation]:
    """A watch that covers the versions on both sides must have delivered the deletion between."""
    end = history.ends.get(watch.id)
    last = max((event.revision for event in events), default=0)
    deleted: dict[str, list[int]] = {}
    for event in events:
        if event.type == "DELETED":
            deleted.setdefault(event.key, []).append(event.revision)
    for deletion in undated:
        covered = deletion.before <= last
        if deletion.before == NO_END:
            covered = end is not None and end.caught_up
        if not covered or watch.start > deletion.after:
            continue
        found = deleted.get(deletion.key, ())
        if not any(deletion.after < revision < deletion.before for revision in found):
            text = f"the deletion of {deletion.key} after revision {deletion.after} is missing"
            yield Violation("missed-event", _name(watch), text, (watch, deletion.op))


def _change_revision(change: Known) -> int:
    return change.revision


def _revision(event: WatchEvent) -> int:
    return event.revision
