"""What holds whatever a few writers do to one object, one after the other: laws of ownership."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from things import a_thing

from kapiserver.api.apply.compare import compare
from kapiserver.api.apply.conflicts import ApplyConflict
from kapiserver.api.apply.elements import shown
from kapiserver.api.apply.extract import added_to_nothing, field_set
from kapiserver.api.apply.manager import FieldManager
from kapiserver.api.apply.managers import APPLY, Identity, stored
from kapiserver.api.apply.never import ownable
from kapiserver.api.apply.sets import FieldSet, difference, in_order, intersection, parse, paths
from kapiserver.api.apply.types import Type

Object = dict[str, Any]

words = st.sampled_from(["a", "b", "c"])
numbers = st.sampled_from([0, 1, 1.0, 2])
texts = st.dictionaries(words, words, max_size=2)
# Not empty: an empty list that merges says nothing, and a struct that holds no more than such a one
# goes with what its applier lets go, though it names the struct.
marks = st.lists(words, min_size=1, max_size=2, unique=True)
points = st.fixed_dictionaries({}, optional={"x": numbers, "y": numbers, "marks": marks})
items = st.fixed_dictionaries({"name": words}, optional={"value": numbers, "tags": texts})
free = st.recursive(
    st.one_of(st.integers(0, 1), st.booleans(), st.lists(st.integers(0, 1), max_size=1)),
    lambda inner: st.dictionaries(words, inner, min_size=1, max_size=2),
    max_leaves=3,
)


def _bodies(item_lists: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "text": words,
        "number": numbers,
        "struct": points,
        "map": texts,
        "mapOfStructs": st.dictionaries(words, points, max_size=2),
        "whole": points,
        "list": marks,
        "set": marks,
        "items": item_lists,
        "free": st.dictionaries(words, free, max_size=2),
    }
    return st.fixed_dictionaries({}, optional=fields)


configs = _bodies(st.lists(items, min_size=1, max_size=3, unique_by=lambda item: item["name"]))
# Those who update may repeat items.
objects = _bodies(st.lists(items, min_size=1, max_size=3))


class Write(NamedTuple):
    verb: str
    who: str
    body: Object


def _writes(verb: str, bodies: st.SearchStrategy[Object]) -> st.SearchStrategy[Write]:
    return st.builds(Write, st.just(verb), st.sampled_from(["p", "q", "r"]), bodies)


histories = st.lists(
    st.one_of(_writes("apply", configs), _writes("force", configs), _writes("update", objects)),
    max_size=5,
)


def _copy(obj: Object) -> Object:
    copy: Object = orjson.loads(orjson.dumps(obj))
    return copy


def _stored(body: Object) -> Object:
    """A stored object. The label is there to be owned: who loses all is no longer tracked."""
    obj = a_thing(body)
    obj["metadata"] |= {"uid": "1", "labels": {"anchor": "holds"}}
    return obj


def _content(obj: Object) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return {**obj, "metadata": metadata}


def _owners(obj: Object) -> dict[Identity, FieldSet]:
    entries = obj["metadata"].get("managedFields") or []
    return {who: owner.fields for who, owner in stored(entries).items()}


def _after(manager: FieldManager, history: list[Write]) -> Object:
    """The object that a history leaves; what conflicts did not happen."""
    live = _stored({"text": "first"})
    manager.created(live, "creator", "t0")
    for number, (verb, who, body) in enumerate(history, 1):
        if verb == "update":
            new = _stored(body)
            manager.updated(live, new, who, f"t{number}")
            live = new
            continue
        try:
            live = manager.apply(live, a_thing(body), who, f"t{number}", force=verb == "force")
        except ApplyConflict:
            continue
    return live


@settings(max_examples=200)
@given(history=histories)
def test_nobody_owns_what_is_not_there(
    manager: FieldManager, thing: Type, history: list[Write]
) -> None:
    live = _after(manager, history)
    places = added_to_nothing(thing, _content(live))
    for who, fields in _owners(live).items():
        assert fields, who
        assert not difference(fields, places), who
        assert parse(in_order(fields)) == fields


@settings(max_examples=200)
@given(history=histories, config=configs)
def test_an_applier_owns_its_config_and_sees_it_done(
    manager: FieldManager, thing: Type, history: list[Write], config: Object
) -> None:
    live = manager.apply(_after(manager, history), a_thing(config), "p", "now", force=True)
    mine = Identity("p", APPLY, "", "")
    wanted = field_set(thing, _content(a_thing(config)))
    assert _owners(live).get(mine, {}) == ownable(wanted)
    changes = compare(thing, _content(a_thing(config)), _content(live))
    assert not intersection(changes.removed, wanted)
    # a container that the config leaves empty may hold what others have put into it
    assert not intersection(changes.modified, difference(wanted, _empty(thing, config)))


def _empty(thing: Type, config: Object) -> FieldSet:
    """The empty containers of a config."""

    def pruned(value: Any) -> Any:
        if isinstance(value, list):
            return [pruned(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {k: pruned(v) for k, v in value.items() if v not in ({}, [])}

    return difference(field_set(thing, config), field_set(thing, pruned(config)))


@settings(max_examples=200)
@given(history=histories, config=configs)
def test_conflicts_are_what_force_takes_from_others(
    manager: FieldManager, thing: Type, history: list[Write], config: Object
) -> None:
    live = _after(manager, history)
    forced = manager.apply(_copy(live), a_thing(config), "p", "now", force=True)
    before, after = _owners(live), _owners(forced)
    places = set(paths(added_to_nothing(thing, _content(forced))))
    taken = {
        (who.shown(), shown(path))
        for who, fields in before.items()
        if who != Identity("p", APPLY, "", "")
        for path in paths(difference(fields, after.get(who, {})))
        if path in places
    }
    try:
        unforced = manager.apply(_copy(live), a_thing(config), "p", "now", force=False)
    except ApplyConflict as conflict:
        found = {
            (cause.message.removeprefix("conflict with "), cause.field) for cause in conflict.causes
        }
        assert found == taken
    else:
        assert not taken
        assert unforced == forced


@settings(max_examples=200)
@given(history=histories, config=configs)
def test_what_an_applier_lets_go_stays_only_with_others(
    manager: FieldManager, thing: Type, history: list[Write], config: Object
) -> None:
    before = _after(manager, history)
    mine = Identity("p", APPLY, "", "")
    owners = _owners(before)
    live = manager.apply(_copy(before), a_thing(config), "p", "now", force=True)
    places = added_to_nothing(thing, _content(live))
    let_go = difference(owners.pop(mine, {}), field_set(thing, _content(a_thing(config))))
    alone = let_go
    for fields in owners.values():
        alone = difference(alone, fields)
    stayed = intersection(alone, places)
    # a container stays as long as there is something of others in it
    assert not [path for path in paths(stayed) if _is_leaf(places, path)]
    for fields in owners.values():  # what others had is there, or was taken from them
        kept = _owners(live).values()
        for path in paths(intersection(let_go, fields)):
            assert path in set(paths(places)) or not any(path in set(paths(f)) for f in kept)


def _is_leaf(places: FieldSet, path: tuple[str, ...]) -> bool:
    node = places
    for element in path:
        node = node[element]
    return not node


@settings(max_examples=200)
@given(history=histories, body=objects)
def test_an_update_takes_what_it_changes_and_nothing_else(
    manager: FieldManager, thing: Type, history: list[Write], body: Object
) -> None:
    live = _after(manager, history)
    new = _stored(body)
    manager.updated(live, new, "updater", "now")
    changes = compare(thing, _content(live), _content(new))
    before, after = _owners(live), _owners(new)
    updater = next((who for who in after if who.manager == "updater"), None)
    assert (after[updater] if updater else {}) == changes.changed()
    for who, fields in before.items():
        left = difference(difference(fields, changes.changed()), changes.removed)
        assert after.get(who, {}) == left


@settings(max_examples=100)
@given(history=histories, config=configs)
def test_items_of_a_config_keep_its_order(
    manager: FieldManager, history: list[Write], config: Object
) -> None:
    live = manager.apply(_after(manager, history), a_thing(config), "p", "now", force=True)
    wanted = [item["name"] for item in config.get("items", [])]
    found = [item["name"] for item in live.get("items") or [] if item["name"] in wanted]
    assert found == wanted
    assert [mark for mark in live.get("set") or [] if mark in config.get("set", [])] == config.get(
        "set", []
    )
