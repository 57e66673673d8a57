"""What holds for every object, config and set: laws of extraction, comparison, merge and apply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from things import a_thing

from kapiserver.api.apply.compare import compare
from kapiserver.api.apply.conflicts import ApplyConflict
from kapiserver.api.apply.elements import of_field
from kapiserver.api.apply.extract import added_to_nothing, field_set
from kapiserver.api.apply.manager import FieldManager
from kapiserver.api.apply.managers import stored
from kapiserver.api.apply.merge import merge
from kapiserver.api.apply.sets import (
    FieldSet,
    difference,
    in_order,
    intersection,
    of_paths,
    parse,
    paths,
    union,
    without_trees,
)
from kapiserver.api.apply.types import ListType, MapType, Type

Object = dict[str, Any]

words = st.sampled_from(["a", "b", "c", "d"])
numbers = st.integers(0, 3)
small_map = st.dictionaries(words, words, max_size=3)
marks = st.lists(words, max_size=2, unique=True)
points = st.fixed_dictionaries({}, optional={"x": numbers, "y": numbers, "marks": marks})


def _lists(items: st.SearchStrategy[Any], key: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=2, unique_by=key)


items = _lists(
    st.fixed_dictionaries({"name": words}, optional={"value": numbers, "tags": small_map}),
    lambda item: item["name"],
)
ports = _lists(
    st.fixed_dictionaries(
        {"port": numbers}, optional={"protocol": st.sampled_from(["TCP", "UDP"]), "comment": words}
    ),
    lambda item: (item["port"], item.get("protocol", "TCP")),
)
free = st.recursive(
    st.one_of(numbers, words, st.lists(numbers, max_size=2)),
    lambda inner: st.dictionaries(words, inner, min_size=1, max_size=2),
    max_leaves=4,
)

SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "text": words,
    "number": numbers,
    "struct": points,
    "map": small_map,
    "mapOfStructs": st.dictionaries(words, points, max_size=2),
    "whole": points,
    "list": st.lists(words, max_size=2),
    "set": st.lists(words, max_size=3, unique=True),
    "items": items,
    "ports": ports,
    "free": st.dictionaries(words, free, max_size=2),
}
bodies = st.fixed_dictionaries({}, optional=SHAPES)


def _body(obj: Object) -> Object:
    """The object without envelope, order of items and empty containers, which say nothing."""
    return {
        key: value
        for key, value in ((k, _plain(v)) for k, v in obj.items() if k not in _ENVELOPE)
        if value not in (None, {}, [])
    }


_ENVELOPE = ("apiVersion", "kind", "metadata")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: _plain(below) for key, below in value.items()}
        return {key: below for key, below in inner.items() if below not in (None, {}, [])}
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=repr)
    return value


def _owners(obj: Object) -> dict[str, FieldSet]:
    entries = obj["metadata"].get("managedFields") or []
    return {manager.manager: owner.fields for manager, owner in stored(entries).items()}


# -- sets -------------------------------------------------------------------------------------

path_lists = st.lists(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"y"']), min_size=1, max_size=4).map(
        tuple
    ),
    max_size=6,
)


@given(path_lists)
def test_sets_survive_the_way_through_fieldsv1(members: list[tuple[str, ...]]) -> None:
    fields = of_paths(*members)
    assert set(paths(fields)) == set(members)
    assert parse(orjson.loads(orjson.dumps(in_order(fields)))) == fields


@given(path_lists, path_lists)
def test_set_algebra_is_that_of_their_paths(
    left: list[tuple[str, ...]], right: list[tuple[str, ...]]
) -> None:
    a, b = of_paths(*left), of_paths(*right)
    assert set(paths(union(a, b))) == set(left) | set(right)
    assert set(paths(intersection(a, b))) == set(left) & set(right)
    assert set(paths(difference(a, b))) == set(left) - set(right)
    kept = {path for path in left if not any(path[: len(p)] == p for p in right)}
    assert set(paths(without_trees(a, b))) == kept


@given(path_lists, path_lists)
def test_sets_are_never_changed(left: list[Any], right: list[Any]) -> None:
    a, b = of_paths(*left), of_paths(*right)
    before = orjson.dumps(a), orjson.dumps(b)
    for operation in (union, intersection, difference, without_trees):
        operation(a, b)
    assert (orjson.dumps(a), orjson.dumps(b)) == before


# -- extraction, by the letter ----------------------------------------------------------------


def _reference(kind: Type, value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Owned by an applier: leaves, items, keys of maps, and what is empty or null."""
    if isinstance(kind, MapType) and isinstance(value, dict):
        for name, below in value.items():
            inner_kind = kind.fields[name].type if name in kind.fields else kind.values
            assert inner_kind is not None
            here = (*path, of_field(name))
            if name not in kind.fields or below is None or below == {}:
                yield here
            yield from _reference(inner_kind, below, here)
    elif isinstance(kind, ListType) and isinstance(value, list):
        for item in value:
            element = kind.element_of(item)
            assert element is not None
            yield (*path, element)
            yield from _reference(kind.item, item, (*path, element))
    else:
        yield path


@given(body=bodies)
def test_extraction_equals_the_reference(thing: Type, body: Object) -> None:
    assert set(paths(field_set(thing, body, strict=True))) == set(_reference(thing, body, ()))


@given(body=bodies)
def test_creating_is_updating_nothing(thing: Type, body: Object) -> None:
    comparison = compare(thing, {}, body)
    assert added_to_nothing(thing, body) == comparison.changed()
    assert not comparison.removed


# -- comparison and merge ---------------------------------------------------------------------


@given(old=bodies, new=bodies)
def test_a_comparison_is_the_mirror_of_its_reverse(thing: Type, old: Object, new: Object) -> None:
    there, back = compare(thing, old, new), compare(thing, new, old)
    assert there.modified == back.modified
    assert there.added == back.removed
    assert there.removed == back.added
    assert compare(thing, old, old).same


@given(live=bodies, config=bodies)
def test_a_merge_keeps_the_config_and_changes_neither_side(
    thing: Type, live: Object, config: Object
) -> None:
    before = orjson.dumps(live), orjson.dumps(config)
    merged = merge(thing, live, config)
    assert (orjson.dumps(live), orjson.dumps(config)) == before
    assert merge(thing, merged, config) == merged
    changes = compare(thing, config, merged)
    assert not changes.removed
    # the only values that may differ are containers that the config leaves empty
    assert not set(paths(changes.modified)) - set(paths(field_set(thing, config)))
    assert merge(thing, {}, config) == config


# -- apply ------------------------------------------------------------------------------------


def _apply(
    manager: FieldManager, live: Object | None, body: Object, who: str, *, force: bool = False
) -> Object:
    return manager.apply(live, a_thing(body), who, "now", force=force)


@settings(max_examples=150)
@given(base=bodies, config=bodies)
def test_applying_twice_is_applying_once(
    manager: FieldManager, base: Object, config: Object
) -> None:
    live = a_thing(base)
    manager.created(live, "creator", "then")
    once = _apply(manager, live, config, "me", force=True)
    twice = _apply(manager, once, config, "me", force=True)
    assert _body(twice) == _body(once)
    mine = _owners(once).get("me", {})
    assert _owners(twice).get("me", {}) == mine


# Nobody else's fields: bodies whose every name comes from one of two alphabets.
def _of(letters: list[str], fields: list[str]) -> st.SearchStrategy[Object]:
    word = st.sampled_from(letters)
    strings = st.dictionaries(word, word, min_size=1, max_size=2)
    named = st.fixed_dictionaries({"name": word}, optional={"value": numbers, "tags": strings})
    shapes: dict[str, st.SearchStrategy[Any]] = {
        "map": strings,
        "set": st.lists(word, max_size=2, unique=True),
        "items": _lists(named, lambda item: item["name"]),
        "mapOfStructs": st.dictionaries(word, points, min_size=1, max_size=2),
        "free": st.dictionaries(word, free, min_size=1, max_size=2),
    }
    shapes |= {field: SHAPES[field] for field in fields}
    return st.fixed_dictionaries({}, optional=shapes)


# An object without any owner would get one at the next apply.
ANCHOR: Object = {"struct": {"x": 1}}

ours = _of(["a", "b", "c", "d"], ["text", "list"])
theirs = _of(["p", "q", "r", "s"], ["number", "whole"])


@settings(max_examples=150)
@given(left=ours, right=theirs)
def test_appliers_of_different_fields_do_not_depend_on_order(
    manager: FieldManager, left: Object, right: Object
) -> None:
    live = _apply(manager, None, ANCHOR, "anchor")
    one = _apply(manager, _apply(manager, live, left, "l"), right, "r")
    other = _apply(manager, _apply(manager, live, right, "r"), left, "l")
    assert _body(one) == _body(other)
    assert _owners(one) == _owners(other)


@settings(max_examples=150)
@given(base=ours, config=theirs)
def test_what_is_applied_and_taken_back_leaves_nothing(
    manager: FieldManager, base: Object, config: Object
) -> None:
    live = _apply(manager, _apply(manager, None, ANCHOR, "anchor"), base, "base")
    applied = _apply(manager, live, config, "me")
    restored = _apply(manager, applied, {}, "me")
    assert _body(restored) == _body(live)
    assert _owners(restored) == _owners(live)


@settings(max_examples=150)
@given(base=bodies, config=bodies)
def test_without_force_nothing_of_others_is_changed(
    manager: FieldManager, base: Object, config: Object
) -> None:
    live = a_thing(base)
    manager.created(live, "creator", "then")
    before = _owners(live).get("creator", {})
    try:
        merged = _apply(manager, live, config, "me")
    except ApplyConflict:
        forced = _apply(manager, live, config, "me", force=True)
        assert _owners(forced).get("creator", {}) != before
        return
    kept = _owners(merged).get("creator", {})
    assert not difference(before, kept)
    # a config that is the object itself never conflicts
    _apply(manager, merged, base, "again", force=False)


@settings(max_examples=150)
@given(states=st.lists(bodies, min_size=1, max_size=4))
def test_what_is_owned_after_updates_is_there(
    manager: FieldManager, thing: Type, states: list[Object]
) -> None:
    live = a_thing(states[0])
    manager.created(live, "w0", "t0")
    for number, state in enumerate(states[1:], 1):
        new = a_thing(state)
        manager.updated(live, new, f"w{number}", f"t{number}")
        live = new
    places = set(paths(added_to_nothing(thing, live)))
    for fields in _owners(live).values():
        assert set(paths(fields)) <= places
