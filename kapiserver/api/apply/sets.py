"""Sets of field paths, in the very shape in which managedFields stores them.

A set is a tree of dicts: keys are path elements, and the key `.` says that the place itself is a
member. A member with nothing below it is written `{}` (short for `{".": {}}`). Parents are not
members unless they say so. A set is never changed once made: parts of it are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kapiserver.api.apply.elements import SELF, ElementError, canonical, order

FieldSet = dict[str, Any]

# The set node of a member without anything below. Shared: nobody may change it.
MEMBER: FieldSet = {}
_ONLY_SELF: FieldSet = {SELF: MEMBER}
EMPTY: FieldSet = {}


class FieldsError(ValueError):
    """Not a set in FieldsV1 form."""


def is_member(node: FieldSet) -> bool:
    """Whether the place of a node (not the whole set) is in the set."""
    return not node or SELF in node


def _closed(node: FieldSet) -> FieldSet:
    return MEMBER if len(node) == 1 and SELF in node else node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    if not right:
        return left
    if not left:
        return right
    out = dict(left)
    for element, theirs in right.items():
        mine = out.get(element)
        if mine is None:
            out[element] = theirs
        elif mine is not theirs and mine != theirs:
            out[element] = _closed(union(mine or _ONLY_SELF, theirs or _ONLY_SELF))
    return out


def union_of(sets: list[FieldSet]) -> FieldSet:
    """In pairs, so that many small ones do not each cost what the large one holds."""
    while len(sets) > 1:
        rest = sets[len(sets) & ~1 :]
        sets = [union(sets[at], sets[at + 1]) for at in range(0, len(sets) - 1, 2)] + rest
    return sets[0] if sets else {}


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    out: FieldSet = {}
    for element, mine in left.items():
        theirs = right.get(element)
        if theirs is None:
            continue
        if element == SELF:
            out[SELF] = MEMBER
        else:
            common = intersection(mine or _ONLY_SELF, theirs or _ONLY_SELF)
            if common:
                out[element] = _closed(common)
    return out


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of `left` that are not members of `right`; a parent takes no children with it."""
    if not right:
        return left
    out: FieldSet = {}
    for element, mine in left.items():
        theirs = right.get(element)
        if theirs is None:
            out[element] = mine
        elif element != SELF:
            rest = difference(mine or _ONLY_SELF, theirs or _ONLY_SELF)
            if rest:
                out[element] = _closed(rest)
    return out


def without_trees(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of `left` that are neither members of `right` nor below one."""
    if not right:
        return left
    out: FieldSet = {}
    for element, mine in left.items():
        theirs = right.get(element)
        if theirs is None:
            out[element] = mine
        elif not is_member(theirs):
            rest = without_trees(mine or _ONLY_SELF, theirs)
            if rest:
                out[element] = _closed(rest)
    return out


def within(fields: FieldSet, trees: FieldSet) -> FieldSet:
    """Members that are members of `trees` or below one. There, `*` stands for every element."""
    out: FieldSet = {}
    for element, node in fields.items():
        wanted = trees.get(element, trees.get("*"))
        if wanted is None or element == SELF:
            continue
        if is_member(wanted):
            out[element] = node
        else:
            inside = within(node, wanted)
            if inside:
                out[element] = inside
    return out


def paths(fields: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All members: at each level the members, then what is below, both in order."""
    elements = sorted((element for element in fields if element != SELF), key=order)
    for element in elements:
        if is_member(fields[element]):
            yield (*prefix, element)
    for element in elements:
        if fields[element]:
            yield from paths(fields[element], (*prefix, element))


def has(fields: FieldSet, path: tuple[str, ...]) -> bool:
    node = fields
    for element in path:
        below = node.get(element)
        if below is None:
            return False
        node = below
    return bool(path) and is_member(node)


def of_paths(*members: tuple[str, ...]) -> FieldSet:
    out: FieldSet = {}
    for path in members:
        node: FieldSet = MEMBER
        for element in reversed(path):
            node = {element: node}
        out = union(out, node)
    return out


def below(fields: FieldSet, element: str) -> FieldSet:
    """The members below an element, as a set of their own (which may be empty)."""
    node: FieldSet | None = fields.get(element)
    if not node:
        return EMPTY
    if SELF not in node:
        return node
    return {key: value for key, value in node.items() if key != SELF}


def in_order(fields: FieldSet) -> FieldSet:
    """The same set with its keys in the order in which upstream writes them."""
    elements = sorted(fields)
    # names are in order as text, and so is a single item after `.`
    if len(elements) > 1 and elements[-1][0] != "f" and elements[-2] != SELF:
        elements.sort(key=lambda element: (element != SELF, *order(element)))
    return {
        element: in_order(node) if (node := fields[element]) else MEMBER for element in elements
    }


def parse(fields: Any) -> FieldSet:
    """A set from FieldsV1 of unknown origin. Raises FieldsError."""
    if not isinstance(fields, Mapping):
        raise FieldsError("error decoding set: FieldsV1 must be an object")
    try:
        return _parse(fields)
    except ElementError as error:
        raise FieldsError(f"error decoding set: parsing key as path element: {error}") from error


def _parse(fields: Mapping[str, Any]) -> FieldSet:
    out: FieldSet = {}
    for key, node in fields.items():
        if key == SELF:
            continue
        element = canonical(key)
        if element is None:
            continue
        if node is None:
            node = MEMBER
        if not isinstance(node, Mapping):
            raise FieldsError(f"error decoding set: {key} must be an object")
        inner = _parse(node)
        if not inner:
            out[element] = MEMBER
        else:
            out[element] = {SELF: MEMBER, **inner} if SELF in node else inner
    return out
