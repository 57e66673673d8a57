"""What stands in the way of a namespace's end, as its status tells it. Pure.

In: what is still there and what could not be deleted. Out: the conditions of the status, all of
them, each also when there is nothing wrong; words, reasons and order are upstream's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kapiserver.api.metadata import timestamp
from kapiserver.resources.definition import Object


class _Fine(NamedTuple):
    """A condition that is about nothing."""

    kind: str
    reason: str
    message: str


_DISCOVERY = _Fine(
    "NamespaceDeletionDiscoveryFailure",
    "ResourcesDiscovered",
    "All resources successfully discovered",
)
_PARSING = _Fine(
    "NamespaceDeletionGroupVersionParsingFailure",
    "ParsedGroupVersions",
    "All legacy kube types successfully parsed",
)
_DELETION = _Fine(
    "NamespaceDeletionContentFailure",
    "ContentDeleted",
    "All content successfully deleted, may be waiting on finalization",
)
_CONTENT = _Fine("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
_FINALIZERS = _Fine(
    "NamespaceFinalizersRemaining",
    "ContentHasNoFinalizers",
    "All content-preserving finalizers finished",
)


@dataclass(slots=True)
class Remains:
    """What one attempt to empty a namespace left behind."""

    resources: Counter[str] = field(default_factory=Counter)  # by `<plural>.<group>`
    finalizers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.resources or self.failures)

    def conditions(self) -> list[Object]:
        content = _told(self.resources, "{} has {} resource instances")
        held = _told(self.finalizers, "{} in {} resource instances")
        failed = ", ".join(sorted(self.failures))
        number = len(self.failures)
        return [
            _condition(_DISCOVERY),
            _condition(_PARSING),
            _condition(
                _DELETION,
                failed and f"Failed to delete all resource types, {number} remaining: {failed}",
                "ContentDeletionFailed",
            ),
            _condition(
                _CONTENT,
                content and f"Some resources are remaining: {content}",
                "SomeResourcesRemain",
            ),
            _condition(
                _FINALIZERS,
                held and f"Some content in the namespace has finalizers remaining: {held}",
                "SomeFinalizersRemain",
            ),
        ]


def _told(counts: Mapping[str, int], words: str) -> str:
    return ", ".join(sorted(words.format(name, count) for name, count in counts.items()))


def _condition(fine: _Fine, trouble: str = "", reason: str = "") -> Object:
    return {
        "type": fine.kind,
        "status": "True" if trouble else "False",
        "lastTransitionTime": timestamp(),
        "reason": reason if trouble else fine.reason,
        "message": trouble or fine.message,
    }


def merged(old: Iterable[dict[str, Any]], new: Iterable[Object]) -> list[dict[str, Any]]:
    """New conditions in place of old ones; one that says the same keeps its time."""
    kept = {condition["type"]: condition for condition in old}
    for condition in new:
        before = kept.get(condition["type"])
        if before is not None and before.get("status") == condition["status"]:
            condition = {**condition, "lastTransitionTime": before.get("lastTransitionTime")}
        kept[condition["type"]] = condition
    return list(kept.values())
