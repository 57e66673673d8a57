"""Strategic merge patch: a merge patch that knows from the schema which lists merge, and by what.

In: a decoded document, a decoded patch (both are changed), the type's patch metadata. Out: the
patched document. Raises `StrategicPatchError` for a malformed patch. The directives:

    $patch: replace | delete          for the object it stands in; in an item of a merging list,
                                      delete removes the items with that key, replace the old list
    $retainKeys: [..]                 fields of the object that are not named are dropped
    $setElementOrder/<list>: [..]     the order of the merged list
    $deleteFromPrimitiveList/<list>   values to drop from a list of plain values

Directives are taken out of what meets nothing in the document. Not so of what replaces something
as a whole, nor of an item that is new in a merging list: there they stay, as fields that no type
has, for the reader of the result to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapiserver.api.go_text import plain
from kapiserver.api.patches.merge_order import ordered
from kapiserver.api.patches.patch_values import (
    BadDirective,
    StrategicPatchError,
    bad_type,
    element_type,
    keyed_items,
    require_keys,
    same_as,
    unknown_directive,
)

if TYPE_CHECKING:
    from kapiserver.resources.schema.patchmeta import FieldMeta, PatchNode

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder"
_DELETE = "$deleteFromPrimitiveList"


def apply(document: dict[str, Any], patch: dict[str, Any], meta: PatchNode) -> dict[str, Any]:
    return _merge_object(document, patch, meta)


def _merge_object(
    original: dict[str, Any], patch: dict[str, Any], meta: PatchNode
) -> dict[str, Any]:
    if _PATCH in patch:
        directive = patch[_PATCH]
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != _PATCH}
        if directive == "delete":
            return {}
        raise unknown_directive(directive, patch)
    if _RETAIN in patch:
        _retain_keys(original, patch)
    done = {_RETAIN}
    for key, value in patch.items():
        if key.startswith(_ORDER):
            done.add(key)
            done.add(_order_field(original, patch, meta, key, value))
    for key, value in patch.items():
        if key not in done:
            deletes = key.startswith(_DELETE)
            _merge_field(original, _list_of(key, _DELETE) if deletes else key, value, meta, deletes)
    return original


def _list_of(key: str, directive: str) -> str:
    """The field that a directive is for."""
    prefix, slash, field = key.partition("/")
    if prefix != directive or not slash:
        name = "primitive" if directive == _DELETE else "setElementOrder"
        raise BadDirective(f"{name} list")
    return field


def _retain_keys(original: dict[str, Any], patch: dict[str, Any]) -> None:
    keep = patch[_RETAIN]
    if not isinstance(keep, list):
        raise BadDirective("retainKeys")
    kept = {name for name in keep if isinstance(name, str)}
    for key, value in patch.items():
        directive = key == _RETAIN or key.startswith((_ORDER, _DELETE))
        if value is not None and not directive and key not in kept:
            raise BadDirective("retainKeys")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _merge_field(
    original: dict[str, Any], key: str, value: Any, meta: PatchNode, deletes: bool
) -> None:
    """`deletes`: the value is a list of what is to be taken out."""
    current = original.get(key)
    if value is None:
        original.pop(key, None)
    elif isinstance(value, dict) and isinstance(current, dict):
        field = _field(meta, key)
        replaces = "replace" in field.strategies
        original[key] = value if replaces else _merge_object(current, value, field.child)
    elif isinstance(value, list) and isinstance(current, list):
        original[key] = _merge_lists(current, value, _list_field(meta, key), deletes)
    elif not deletes:
        if isinstance(value, dict) and _PATCH in value:
            original.pop(key, None)
        else:
            original[key] = _without_directives(value)


def _field(meta: PatchNode, key: str) -> FieldMeta:
    problem = meta.problem_with(key)
    if problem:
        raise StrategicPatchError(problem)
    return meta.field(key)


def _list_field(meta: PatchNode, key: str) -> FieldMeta:
    field = _field(meta, key)
    if not field.is_list:
        raise StrategicPatchError("expected slice or array type, but got: struct")
    return field


def _merge_lists(
    original: list[Any], patch: list[Any], field: FieldMeta, deletes: bool = False
) -> list[Any]:
    if not deletes and "merge" not in field.strategies:
        return patch
    if not original and not patch:
        return original
    if element_type(original, patch) is not dict:
        return _merge_values(original, patch, field, deletes)
    merged, kept, changes = _merge_items(original, patch, field)
    return ordered(merged, kept, changes, field.merge_key)


def _merge_items(
    original: list[Any], patch: list[Any], field: FieldMeta
) -> tuple[list[Any], list[Any], list[Any]]:
    """(The list, new items last; what of it was there before; the patch without directives)."""
    key = field.merge_key
    if not key:
        raise StrategicPatchError("cannot merge lists without merge key for struct")
    kept, changes = _list_directives(original, patch, key)
    merged = list(kept)
    places: dict[tuple[type, Any], int] = {}  # of equal keys, the place of the first
    for place, item in enumerate(merged):
        if key in item:
            places.setdefault(same_as(item[key]), place)
    for change, value in zip(changes, keyed_items(changes, key), strict=True):
        at = places.setdefault(same_as(value), len(merged))
        if at == len(merged):
            merged.append(change)
        else:
            merged[at] = _merge_object(merged[at], change, field.child)
    require_keys(merged, key)
    return merged, kept, changes


def _merge_values(
    original: list[Any], patch: list[Any], field: FieldMeta, deletes: bool
) -> list[Any]:
    if deletes:
        gone = {same_as(value) for value in patch}
        return [value for value in original if same_as(value) not in gone]
    if field.merge_key:
        raise bad_type(dict, [*original, *patch][0])
    merged = list({same_as(value): value for value in reversed([*original, *patch])}.values())
    return ordered(merged[::-1], original, patch, "")


def _list_directives(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Carry out the items that are directives: (what is left of the list, the other items)."""
    changes: list[dict[str, Any]] = []
    gone: set[tuple[type, Any]] = set()
    replace = False
    for item in patch:
        if _PATCH not in item:
            changes.append(item)
            continue
        match item[_PATCH]:
            case "delete":
                gone.add(same_as(keyed_items([item], key)[0]))
            case "replace":
                replace = True
            case "merge":
                raise StrategicPatchError("merging lists cannot yet be specified in the patch")
            case directive:
                raise unknown_directive(directive, item)
    if replace:
        return changes, []
    if gone:
        original = [old for old in original if key not in old or same_as(old[key]) not in gone]
    return original, changes


def _order_field(
    original: dict[str, Any], patch: dict[str, Any], meta: PatchNode, directive: str, order: Any
) -> str:
    """Merge the list that an order is given for, and put it into that order. Returns its name."""
    if not isinstance(order, list):
        raise bad_type(list, order)
    name = _list_of(directive, _ORDER)
    for holder in (original, patch):
        if name in holder and not isinstance(holder[name], list):
            raise bad_type(list, holder[name])
    field = _list_field(meta, name)
    current: list[Any] = original.get(name, [])
    changes: list[Any] = patch.get(name, [])
    key = field.merge_key
    if order and changes:
        _check_order(changes, order, key)
    if name not in original and name not in patch:
        return name
    if name not in patch:
        merged = current
    elif name not in original:
        merged = _without_directives(changes, nulls=True)
    else:
        merged = _merge_lists(current, changes, field)
    if key:
        require_keys(merged, key)
        for index, item in enumerate(order if merged else ()):
            if not isinstance(item, dict):
                raise StrategicPatchError(f"value for key {index} is not a map")
    element_type(current, changes)
    before = _stored_places(current, changes, field) if name in original else []
    original[name] = ordered(merged, before, order, key)
    return name


def _stored_places(current: list[Any], changes: list[Any], field: FieldMeta) -> list[Any]:
    """The order that items have in the document, as far as it goes.

    Where items were deleted, upstream puts the new ones into their places before it looks: so
    these come after what is left, although the patch does not know of that.
    """
    key = field.merge_key
    if not key or "merge" not in field.strategies:
        return current
    directives = [item.get(_PATCH) for item in changes]
    if "delete" not in directives or "replace" in directives:
        return current
    kept, added = _list_directives(current, changes, key)
    known = {same_as(item[key]) for item in kept}
    return [*kept, *(item for item in added if same_as(item[key]) not in known)][: len(current)]


def _check_order(changes: list[Any], order: list[Any], key: str) -> None:
    """The items of the patch must come in the order that the directive asks for."""
    if key:
        for item in changes:
            if not isinstance(item, dict):
                raise bad_type(dict, item)
        changed = [item for item in changes if item.get(_PATCH) != "delete"]
    else:
        changed = changes
    at = place = 0
    while at < len(changed) and place < len(order):
        item = changed[at]
        if isinstance(item, dict) and _PATCH in item:
            at += 1
            continue
        given, wanted = keyed_items([item, order[place]], key)
        at += same_as(given) == same_as(wanted)
        place += 1
    if at < len(changed) and place >= len(order):
        raise StrategicPatchError(
            f"the order in patch list:\n{plain(changes)}\n doesn't match $setElementOrder list:\n"
            f"{plain(order)}"
        )


def _without_directives(value: Any, *, nulls: bool = False) -> Any:
    """A value that is new to the document: what it would tell of an old one has no object.

    `nulls`: fields that are null stay.
    """
    if isinstance(value, dict):
        return {
            key: _without_directives(item, nulls=nulls)
            for key, item in value.items()
            if (nulls or item is not None) and not (isinstance(item, dict) and _PATCH in item)
        }
    if isinstance(value, list):
        return [
            _without_directives(item, nulls=nulls)
            for item in value
            if not (isinstance(item, dict) and _PATCH in item)
        ]
    return value
