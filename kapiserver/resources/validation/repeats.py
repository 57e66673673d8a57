"""Values of a list that were there before. In: the list. Out: positions. One pass, however long."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def repeated(values: Iterable[Hashable]) -> frozenset[int]:
    seen: set[Hashable] = set()
    again: list[int] = []
    for position, value in enumerate(values):
        if value in seen:
            again.append(position)
        seen.add(value)
    return frozenset(again)
