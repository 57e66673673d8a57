"""Nothing that a client can send makes apply fail in another way than with an answer."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kapiserver.api.apply.conflicts import ApplyConflict
from kapiserver.api.apply.lastapplied import ANNOTATION
from kapiserver.api.apply.manager import FieldManager, Untyped, problem_with
from kapiserver.api.apply.managers import MAX_UPDATERS, UPDATE, Owner, capped, identity
from kapiserver.api.apply.types import FieldTypes
from kapiserver.resources.registry import Registry

Object = dict[str, Any]

_NAMES = [
    *("spec", "metadata", "labels", "annotations", "template", "containers", "name", "ports"),
    *("containerPort", "protocol", "env", "resources", "limits", "cpu", "replicas", "selector"),
    *("matchLabels", "strategy", "rollingUpdate", "maxSurge", "status", "conditions", "type"),
    *("unknown", "finalizers", "ownerReferences", "uid", ANNOTATION, ""),
]
names = st.sampled_from(_NAMES)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 90),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(["", "a", "b", "TCP", '{"apiVersion":"apps/v1","spec":[]}', "{"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=25,
)
bodies = st.dictionaries(names, values, max_size=5)


@pytest.fixture(scope="session")
def manager(types: FieldTypes, registry: Registry) -> FieldManager:
    found = registry.lookup("apps", "v1", "deployments")
    assert found is not None
    return FieldManager(*found, "", types, registry)


def _deployment(body: Object) -> Object:
    copy: Object = orjson.loads(orjson.dumps(body))
    return {"metadata": {}, **copy, "apiVersion": "apps/v1", "kind": "Deployment"}


@settings(max_examples=300)
@given(first=bodies, second=bodies, who=st.sampled_from(["me", "kubectl"]), force=st.booleans())
def test_any_config(
    manager: FieldManager, first: Object, second: Object, who: str, force: bool
) -> None:
    live = None
    for body in (first, second, second):
        try:
            live = manager.apply(live, _deployment(body), who, "now", force=force)
        except (Untyped, ApplyConflict):
            continue
        assert problem_with(live["metadata"].get("managedFields")) == ""


@settings(max_examples=200)
@given(first=bodies, second=bodies)
def test_any_object_that_was_let_through(
    manager: FieldManager, first: Object, second: Object
) -> None:
    """Other writes have passed the schema, but not every list has keys, nor every map a value."""
    live = _deployment({**first, "metadata": {}})
    manager.created(live, "a", "t1")
    new = _deployment(
        {**second, "metadata": {"managedFields": live["metadata"].get("managedFields")}}
    )
    manager.updated(live, new, "b", "t2")
    assert problem_with(new["metadata"].get("managedFields")) == ""


elements = st.sampled_from(
    ["f:a", "f:spec", 'k:{"name":"x"}', "k:{}", "v:1", "i:0", ".", "x:", "f"]
)
fields: st.SearchStrategy[Any] = st.recursive(
    st.just({}), lambda inner: st.dictionaries(elements, inner, max_size=3), max_leaves=8
)
entries = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "manager": st.sampled_from(["", "m", "n"]),
            "operation": st.sampled_from(["Apply", "Update", "Grab", ""]),
            "apiVersion": st.sampled_from(["apps/v1", "v1", "apps/v0", "a/b/c", ""]),
            "fieldsType": st.sampled_from(["FieldsV1", ""]),
            "fieldsV1": fields,
            "subresource": st.sampled_from(["", "status"]),
            "time": st.just("2026-01-01T00:00:00Z"),
        },
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(sent=entries)
def test_any_entries(manager: FieldManager, sent: list[Object]) -> None:
    live = _deployment({"spec": {"replicas": 1}})
    manager.created(live, "a", "t1")
    new = _deployment({"spec": {"replicas": 2}, "metadata": {"managedFields": sent}})
    manager.updated(live, new, "b", "t2")
    found = new["metadata"].get("managedFields")
    assert problem_with(found) == ""
    applied = manager.apply(new, _deployment({"spec": {"paused": True}}), "c", "t3", force=True)
    assert problem_with(applied["metadata"]["managedFields"]) == ""


def test_very_many_updaters_cost_what_they_hold() -> None:
    def seconds(count: int) -> float:
        table = {
            identity(f"m{number}", UPDATE, "v1", ""): Owner({"f:data": {f"f:{number}": {}}}, "v1")
            for number in range(count)
        }
        started = time.thread_time()
        fewer = capped(table)
        spent = time.thread_time() - started
        assert len(fewer) == MAX_UPDATERS
        assert sum(len(owner.fields["f:data"]) for owner in fewer.values()) == count
        return spent

    assert min(seconds(8_000) for _ in range(3)) < 25 * min(seconds(800) for _ in range(3))
