"""The order of a merged list.

Items that the patch names come in the patch's order (or the one it asks for), the others in that of
the document. The two are interleaved: one of the others comes first only if the document has both,
in that order. In: lists whose items have their keys. Out: a new list.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.patches.patch_values import keyed_items, same_as

_Value = tuple[type, Any]
_Pair = tuple[_Value, Any]
_Places = dict[_Value, int]

_SORTED_BY_INSERTION = 20  # Go's stable sort does so up to here


def ordered(merged: list[Any], original: list[Any], order: list[Any], key: str) -> list[Any]:
    wanted, before = _places(order, key), _places(original, key)
    values = map(same_as, keyed_items(merged, key))
    keyed = list(zip(values, merged, strict=True))
    named = _sorted([pair for pair in keyed if pair[0] in wanted], wanted)
    others = _sorted([pair for pair in keyed if pair[0] not in wanted], before)
    out: list[Any] = []
    at = 0
    for value, item in others:
        place = before.get(value)
        while at < len(named):
            rival = before.get(named[at][0])
            if place is not None and rival is not None and place < rival:
                break
            out.append(named[at][1])
            at += 1
        out.append(item)
    return out + [item for _, item in named[at:]]


def _places(items: list[Any], key: str) -> _Places:
    """Of equal items, the place of the first."""
    places: _Places = {}
    for place, value in enumerate(keyed_items(items, key)):
        places.setdefault(same_as(value), place)
    return places


def _sorted(pairs: list[_Pair], places: _Places) -> list[_Pair]:
    """By their places. What has none goes before all that it meets, as in upstream's sort.

    That only happens if an order is asked for that names nothing, and for short lists only that is
    the same there to the last detail.
    """
    if all(value in places for value, _ in pairs):
        return sorted(pairs, key=lambda pair: places[pair[0]])
    if len(pairs) > _SORTED_BY_INSERTION:
        known = sorted((pair for pair in pairs if pair[0] in places), key=lambda p: places[p[0]])
        return [pair for pair in reversed(pairs) if pair[0] not in places] + known
    out: list[_Pair] = []
    for pair in pairs:
        at = len(out)
        while at > 0 and _before(pair[0], out[at - 1][0], places):
            at -= 1
        out.insert(at, pair)
    return out


def _before(value: _Value, other: _Value, places: _Places) -> bool:
    if value in places and other in places:
        return places[value] < places[other]
    return True
