"""What is different between two objects of one type: three sets of field paths.

In: a type, an old and a new object. Out: a `Comparison`. Equal parts are passed over at the speed
of dict equality; only what differs is walked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kapiserver.api.apply.elements import SELF
from kapiserver.api.apply.extract import added
from kapiserver.api.apply.never import ownable
from kapiserver.api.apply.sets import EMPTY, MEMBER, FieldSet, union
from kapiserver.api.apply.types import LEAF, ListType, MapType, Type, holds_free_form
from kapiserver.api.apply.zero import MISSING


class Comparison(NamedTuple):
    """Nothing is in more than one set, but items of lists that came to occur twice, or once."""

    removed: FieldSet = EMPTY
    modified: FieldSet = EMPTY
    added: FieldSet = EMPTY

    @property
    def same(self) -> bool:
        return not (self.removed or self.modified or self.added)

    def changed(self) -> FieldSet:
        """What has a new value."""
        return union(self.modified, self.added)

    def ownable(self) -> Comparison:
        return self.filtered(ownable)

    def filtered(self, kept: Callable[[FieldSet], FieldSet]) -> Comparison:
        return Comparison(*(kept(part) if part else part for part in self))


SAME = Comparison()
_LEAF_CHANGED = Comparison(modified=MEMBER)


def compare(kind: Type, old: Any, new: Any) -> Comparison:
    """Old and new are objects; either may be empty."""
    if _same(kind, old, new):
        return SAME
    parts = _differ(kind, old, new)
    return SAME if parts is None else Comparison(*(part or EMPTY for part in parts))


# The nodes (removed, modified, added) of one place, None where there is nothing.
_Parts = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_MODIFIED: _Parts = (None, MEMBER, None)


def _same(kind: Type, left: Any, right: Any) -> bool:
    """Equal as JSON is: 1 is 1.0, but not true."""
    if left != right:
        return False
    if left.__class__ is right.__class__:
        return not holds_free_form(kind) or _same_free_form(left, right)
    return left.__class__ is not bool and right.__class__ is not bool


def _same_free_form(left: Any, right: Any) -> bool:
    """Whether values that Python calls equal are; only free-form data may hide the difference."""
    if isinstance(left, dict):
        return all(_same_free_form(value, right[name]) for name, value in left.items())
    if isinstance(left, list):
        return all(map(_same_free_form, left, right))
    return isinstance(left, bool) is isinstance(right, bool)


def _differ(kind: Type, old: Any, new: Any) -> _Parts | None:
    """The differences at a place that both have; None if it counts as the same."""
    if _same(kind, old, new):
        return None
    if kind is LEAF or not (old or new):
        return _MODIFIED
    if kind.__class__ is MapType:
        if (old is None or old.__class__ is dict) and (new is None or new.__class__ is dict):
            return _maps(kind, old, new)
        return _other_form(kind, old, new)
    if not isinstance(kind, ListType):
        return _MODIFIED
    if (old is None or old.__class__ is list) and (new is None or new.__class__ is list):
        return _lists(kind, old or [], new or [])
    return _MODIFIED


def _other_form(kind: Type, old: Any, new: Any) -> _Parts:
    """Free-form data that was a map and is none any more, or the other way round."""
    removed = _inside(added(kind, old)) if old.__class__ is dict else None
    gained = _inside(added(kind, new)) if new.__class__ is dict else None
    return removed, MEMBER, gained


def _inside(node: FieldSet) -> FieldSet | None:
    return {element: below for element, below in node.items() if element != SELF} or None


def _maps(kind: MapType, old: dict[str, Any] | None, new: dict[str, Any] | None) -> _Parts | None:
    removed: FieldSet = {}
    modified: FieldSet = {}
    gained: FieldSet = {}
    before, after = old or {}, new or {}
    fields = kind.fields
    for name, left in before.items():
        right = after.get(name, MISSING)
        element, below = kind.step(name)
        if right is MISSING:
            field = fields.get(name)
            if field is None or field.zero is MISSING or new is None:
                removed[element] = added(below, left)
                continue
            right = field.zero
        _put(_differ(below, left, right), element, removed, modified, gained)
    for name, right in after.items():
        if name in before:
            continue
        field = fields.get(name)
        if field is None or field.zero is MISSING or old is None:
            element, below = kind.step(name)
            gained[element] = added(below, right)
        else:
            parts = _differ(field.type, field.zero, right)
            _put(parts, field.element, removed, modified, gained)
    if not (removed or modified or gained):
        return None
    return removed or None, modified or None, gained or None


def _put(
    parts: _Parts | None, element: str, removed: FieldSet, modified: FieldSet, gained: FieldSet
) -> None:
    if parts is None:
        return
    if parts[0] is not None:
        removed[element] = parts[0]
    if parts[1] is not None:
        modified[element] = parts[1]
    if parts[2] is not None:
        gained[element] = parts[2]


def _lists(kind: ListType, old: list[Any], new: list[Any]) -> _Parts | None:
    removed: FieldSet = {}
    modified: FieldSet = {}
    gained: FieldSet = {}
    before, after = _by_element(kind, old), _by_element(kind, new)
    item = kind.item
    for element in before | after:
        left, right = before.get(element, ()), after.get(element, ())
        if len(left) == 1 and len(right) == 1:
            _put(_differ(item, left[0], right[0]), element, removed, modified, gained)
        elif len(left) > 1 and len(right) > 1:
            if left != right:
                modified[element] = MEMBER
        else:
            # Items that occur twice are owned as one, without their fields. Becoming one or many
            # is both a removal and an addition.
            if left:
                removed[element] = MEMBER if len(left) > 1 else added(item, left[0])
            if right:
                gained[element] = MEMBER if len(right) > 1 else added(item, right[0])
    if not (removed or modified or gained):
        return None
    return removed or None, modified or None, gained or None


def _by_element(kind: ListType, items: list[Any]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for item in items:
        element = kind.element_of(item)
        if element is not None:
            out.setdefault(element, []).append(item)
    return out
