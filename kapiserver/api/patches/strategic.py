"""Strategic merge patch: a merge patch that knows from the schema which lists merge, and by what.

In: a decoded document, a decoded patch, the type's patch metadata. Out: the patched document.
Raises `StrategicPatchError` for a malformed patch. The directives:

    $patch: replace | delete          for the object it stands in; in an item of a merging list,
                                      delete removes the item with that key, replace the old list
    $retainKeys: [..]                 fields of the object that are not named are dropped
    $setElementOrder/<list>: [..]     the order of the merged list
    $deleteFromPrimitiveList/<list>   values to drop from a list of plain values

A merged list keeps its order where it can: items only the document has stay in the document's
order, patched ones take the patch's order (or $setElementOrder's), and items new in the patch come
before those that follow them in the document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kapiserver.api.go_text import plain

if TYPE_CHECKING:
    from kapiserver.resources.schema.patchmeta import FieldMeta, PatchNode

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
LISTS_OF_LISTS = "lists of lists are not supported"


class StrategicPatchError(Exception):
    """The patch contradicts itself or the schema; the message is for the client."""


def apply(document: dict[str, Any], patch: dict[str, Any], meta: PatchNode) -> dict[str, Any]:
    return _merge_object(document, patch, meta)


def _merge_object(
    original: dict[str, Any], patch: dict[str, Any], meta: PatchNode
) -> dict[str, Any]:
    directive = patch.get(_PATCH)
    if _PATCH in patch:
        if directive == "replace":
            return {key: _without_directives(v) for key, v in patch.items() if key != _PATCH}
        if directive == "delete":
            return {}
        if directive != "merge":
            raise _unknown_directive(directive, patch)
    _retain_keys(original, patch)
    orders = {key[len(_ORDER) :]: patch[key] for key in patch if key.startswith(_ORDER)}
    for field in orders:
        _require_list(orders[field], _ORDER)
        if isinstance(original.get(field), list) and field not in patch:
            patch[field] = []  # nothing to merge, but the order still applies
    for key, value in patch.items():
        if key in (_PATCH, _RETAIN) or key.startswith(_ORDER):
            continue
        if key.startswith(_DELETE):
            _delete_values(original, key[len(_DELETE) :], value)
        elif value is None:
            original.pop(key, None)
        else:
            _merge_field(original, key, value, meta.field(key), orders.get(key))
    return original


def _merge_field(
    original: dict[str, Any], key: str, value: Any, field: FieldMeta, order: list[Any] | None
) -> None:
    current = original.get(key)
    if isinstance(value, dict) and isinstance(current, dict) and "replace" not in field.strategies:
        original[key] = _merge_object(current, value, field.child)
    elif isinstance(value, list) and "merge" in field.strategies:
        if not isinstance(current, list):
            current = []
        if value or order is not None:
            original[key] = _merge_list(current, value, field, order)
    else:
        original[key] = _without_directives(value)


def _retain_keys(original: dict[str, Any], patch: dict[str, Any]) -> None:
    if _RETAIN not in patch:
        return
    keep = patch[_RETAIN]
    problem = "invalid patch format of retainKeys"
    if not isinstance(keep, list):
        raise StrategicPatchError(problem)
    for key, value in patch.items():
        directive = key in (_RETAIN, _PATCH) or key.startswith((_ORDER, _DELETE))
        if value is not None and not directive and key not in keep:
            raise StrategicPatchError(problem)
    for key in [key for key in original if key not in keep]:
        del original[key]


def _delete_values(original: dict[str, Any], key: str, values: Any) -> None:
    _require_list(values, _DELETE)
    current = original.get(key)
    if isinstance(current, list):
        original[key] = [item for item in current if item not in values]


def _require_list(value: Any, directive: str) -> None:
    if not isinstance(value, list):
        name = "primitive" if directive == _DELETE else "setElementOrder"
        raise StrategicPatchError(f"invalid patch format of {name} list")


def _merge_list(
    original: list[Any], patch: list[Any], field: FieldMeta, order: list[Any] | None
) -> list[Any]:
    items = [*original, *patch]
    objects = sum(isinstance(item, dict) for item in items)
    if any(isinstance(item, list) for item in items):
        raise StrategicPatchError(LISTS_OF_LISTS)
    if objects not in (0, len(items)):
        shown = plain([original, patch])
        raise StrategicPatchError(f"list element types are not identical: {shown}")
    if not objects:
        merged = list(dict.fromkeys(items))
        return _ordered(merged, original, patch if order is None else order, lambda item: item)
    key = field.merge_key
    if not key:
        raise StrategicPatchError("cannot merge lists without merge key for type struct")
    original, changes = _list_directives(original, patch, key)
    merged = list(original)
    for change in changes:
        value = _key_of(change, key)
        for index, item in enumerate(merged):
            if isinstance(item, dict) and item.get(key) == value:
                merged[index] = _merge_object(item, change, field.child)
                break
        else:
            merged.append(_without_directives(change))
    if order is not None:
        _check_order(changes, order, key)
    return _ordered(
        merged, original, changes if order is None else order, lambda item: _key_of(item, key)
    )


def _list_directives(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Carry out the items that are directives: (what is left of the list, the other items)."""
    changes: list[dict[str, Any]] = []
    replace = False
    for item in patch:
        directive = item.get(_PATCH)
        if _PATCH not in item or (directive == "merge" and key in item):
            changes.append(item)
        elif directive == "delete":
            value = _key_of(item, key)
            original = [kept for kept in original if kept.get(key) != value]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise StrategicPatchError("merging lists cannot yet be specified in the patch")
        else:
            raise _unknown_directive(directive, item)
    return ([] if replace else original), changes


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict) or isinstance(item.get(key, []), (dict, list)):
        raise StrategicPatchError(f"map: {plain(item)} does not contain declared merge key: {key}")
    return item[key]


def _check_order(changes: list[dict[str, Any]], order: list[Any], key: str) -> None:
    """The items of the patch must come in the order that the directive asks for."""
    wanted = iter([_key_of(item, key) for item in order])
    if order and not all(_key_of(change, key) in wanted for change in changes):
        raise StrategicPatchError(
            f"The order in patch list:\n{plain(changes)}\n doesn't match $setElementOrder list:\n"
            f"{plain(order)}\n"
        )


def _ordered(
    merged: list[Any], original: list[Any], order: list[Any], identity: Callable[[Any], Any]
) -> list[Any]:
    """Interleave the items that `order` names with the others, which keep the original's order."""
    wanted = {identity(item): place for place, item in reversed(list(enumerate(order)))}
    before = {identity(item): place for place, item in reversed(list(enumerate(original)))}
    named = sorted((i for i in merged if identity(i) in wanted), key=lambda i: wanted[identity(i)])
    others = [item for item in merged if identity(item) not in wanted]
    out: list[Any] = []
    at = 0
    for item in others:
        place = before.get(identity(item))
        while at < len(named):
            rival = before.get(identity(named[at]))
            if place is not None and rival is not None and place < rival:
                break
            out.append(named[at])
            at += 1
        out.append(item)
    return out + named[at:]


def _without_directives(value: Any) -> Any:
    """A value that is new to the document: nothing to merge with, so directives have no object."""
    if isinstance(value, dict):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if item is not None
            and key not in (_PATCH, _RETAIN)
            and not key.startswith((_ORDER, _DELETE))
        }
    if isinstance(value, list):
        return [
            _without_directives(item)
            for item in value
            if not (isinstance(item, dict) and item.get(_PATCH) in ("delete", "replace"))
        ]
    return value


def _unknown_directive(directive: Any, where: dict[str, Any]) -> StrategicPatchError:
    return StrategicPatchError(f"unknown patch type: {plain(directive)} in map: {plain(where)}")
