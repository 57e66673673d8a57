"""The merge of an applied config into the live object.

What the config says wins; what it does not mention stays. Nothing is removed here (see `remove`).
Lists that merge by item keep the order of the live object where the config does not say otherwise.
The result shares parts with both; neither is changed.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply.types import LEAF, ListType, MapType, Type

_NONE: Any = object()


def merge(kind: Type, live: Any, config: Any) -> Any:
    """Both are there; either may be null."""
    if kind is LEAF or not (live or config):
        return config
    if kind.__class__ is MapType:
        if config.__class__ is dict and (live is None or live.__class__ is dict):
            return _maps(kind, live or {}, config)
        return live if config is None and live.__class__ is dict else config
    if not isinstance(kind, ListType):
        return config
    if config.__class__ is list and (live is None or live.__class__ is list):
        return _lists(kind, live or [], config)
    return live if config is None and live.__class__ is list else config


def _maps(kind: MapType, live: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    out = dict(live)
    for name, wanted in config.items():
        current = live.get(name, _NONE)
        if current is _NONE:
            out[name] = wanted
        else:
            out[name] = merge(kind.step(name)[1], current, wanted)
    return out


def _lists(kind: ListType, live: list[Any], config: list[Any]) -> list[Any]:
    """Items of both. Those of the config come in its order, others stay where they were."""
    left = [kind.element_of(item) for item in live]
    right = [kind.element_of(item) for item in config]
    wanted = dict(zip(right, config, strict=True))
    current: dict[str | None, Any] = {}
    for element, item in zip(left, live, strict=True):
        # of items that occur twice, none is merged with: the config's replaces them
        current[element] = None if element in current else item
    shared = iter([element for element in right if element in current])
    next_shared = next(shared, None)
    done: set[str | None] = set()
    out: list[Any] = []

    def take(element: str | None) -> None:
        done.add(element)
        mine = current.get(element)
        theirs = wanted[element]
        out.append(theirs if mine is None else merge(kind.item, mine, theirs))

    at = to = 0
    while at < len(left) or to < len(right):
        if at < len(left) and to < len(right):
            element = left[at]
            if element == right[to]:
                take(element)
                at, to = at + 1, to + 1
                next_shared = next(shared, None)
                continue
            if element in wanted and next_shared is not None and next_shared != element:
                at += 1  # shared, but its turn comes later (or has been)
                continue
        if at < len(left):
            element = left[at]
            if element not in wanted:
                out.append(live[at])
                at += 1
                continue
            if element in done:
                at += 1
        if to < len(right):
            element = right[to]
            if element not in done:
                take(element)
            to += 1
            if next_shared is not None and next_shared == element:
                next_shared = next(shared, None)
        elif at < len(left) and left[at] in wanted:
            at += 1
    return out
