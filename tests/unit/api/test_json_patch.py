"""JSON Patch: RFC 6902's examples, upstream's wording for what does not apply, and properties."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api.patches import json_patch
from kapiserver.api.patches.json_patch import JsonPatchError


def run(document: Any, *operations: dict[str, Any]) -> Any:
    return json_patch.apply(document, list(operations))


RFC_EXAMPLES: list[tuple[Any, dict[str, Any], Any]] = [
    ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
    ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
    ({"a": [1]}, {"op": "add", "path": "/a/-", "value": [2]}, {"a": [1, [2]]}),
    ({"a": 1, "b": 2}, {"op": "remove", "path": "/a"}, {"b": 2}),
    ({"a": [1, 2, 3]}, {"op": "remove", "path": "/a/1"}, {"a": [1, 3]}),
    ({"a": 1}, {"op": "replace", "path": "/a", "value": 2}, {"a": 2}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
    ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": 1}, "c": {"b": 1}}),
    ({"a/b": 1, "m~n": 2}, {"op": "test", "path": "/a~1b", "value": 1}, {"a/b": 1, "m~n": 2}),
    ({"m~n": 2}, {"op": "test", "path": "/m~0n", "value": 2}, {"m~n": 2}),
    ({"a": 1}, {"op": "add", "path": "/b", "value": None}, {"a": 1, "b": None}),
    ({"a": [1, 2]}, {"op": "replace", "path": "/a/-1", "value": 3}, {"a": [1, 3]}),
    ({"a": 1}, {"op": "test", "path": "/absent", "value": None}, {"a": 1}),
    ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 1}}, {"b": 1}),
    ({"a": 1}, {"op": "replace", "path": "/new", "value": 1}, {"a": 1, "new": 1}),
]


@pytest.mark.parametrize(("document", "operation", "expected"), RFC_EXAMPLES)
def test_operations(document: Any, operation: dict[str, Any], expected: Any) -> None:
    assert run(document, operation) == expected


FAILURES = [
    (
        {"op": "add", "path": "/no/such", "value": 1},
        'add operation does not apply: doc is missing path: "/no/such": missing value',
    ),
    (
        {"op": "remove", "path": "/gone"},
        "error in remove for path: '/gone': Unable to remove nonexistent key: gone: missing value",
    ),
    (
        {"op": "replace", "path": "/list/5", "value": 1},
        "replace operation does not apply: doc is missing key: /list/5: missing value",
    ),
    (
        {"op": "add", "path": "/list/9", "value": 1},
        "error in add for path: '/list/9': Unable to access invalid index: 9: "
        "invalid index referenced",
    ),
    (
        {"op": "add", "path": "/list/x", "value": 1},
        "error in add for path: '/list/x': value was not a proper array index: 'x': "
        'strconv.Atoi: parsing "x": invalid syntax',
    ),
    ({"op": "test", "path": "/a", "value": 2}, "testing value /a failed: test failed"),
    ({"op": "test", "path": "/a", "value": True}, "testing value /a failed: test failed"),
    ({"op": "test", "path": "/a", "value": 1.0}, "testing value /a failed: test failed"),
    (
        {"op": "move", "from": "/a/b/c", "path": "/x"},
        "move operation does not apply: doc is missing from path: /a/b/c: missing value",
    ),
    (
        {"op": "copy", "from": "/a", "path": "/x/y"},
        "copy operation does not apply: doc is missing destination path: /x/y: missing value",
    ),
    (
        {"op": "move", "from": "/list/7", "path": "/x"},
        "error in move for path: '7': Unable to access invalid index: 7: invalid index referenced",
    ),
    (
        {"op": "remove", "path": f"/list/{10**20}"},
        f"error in remove for path: '/list/{10**20}': strconv.Atoi: parsing \"{10**20}\": value "
        "out of range",
    ),
    ({"op": "remove"}, "remove operation failed to decode path: missing value"),
    ({"op": "remove", "path": 1}, "remove operation failed to decode path: missing value"),
    ({"op": "copy", "from": "/a"}, "copy operation failed to decode path: missing value"),
    (
        {"op": "copy", "path": "/a"},
        "copy operation failed to decode from: operation, missing from field: missing value",
    ),
    (
        {"op": "test", "value": 1},
        "test operation failed to decode path: operation missing path field: missing value",
    ),
    (
        {"op": "test", "path": True},
        "test operation failed to decode path: json: cannot unmarshal bool into Go value of type "
        "string",
    ),
    ({"op": "frobnicate", "path": "/a"}, "Unexpected kind: frobnicate"),
]


@pytest.mark.parametrize(("operation", "message"), FAILURES)
def test_what_does_not_apply_is_told_in_upstreams_words(
    operation: dict[str, Any], message: str
) -> None:
    with pytest.raises(JsonPatchError) as caught:
        run({"a": 1, "list": [1, 2]}, operation)
    assert str(caught.value) == message


def test_copies_cannot_grow_a_small_patch_without_bound() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(40)]
    with pytest.raises(JsonPatchError, match="exceeding the limit"):
        run({"a": ["x" * 100]}, *doubling)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(max_size=4), JSON, min_size=1, max_size=4)


def pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


@given(DOCUMENTS, JSON)
def test_added_values_are_found_again_by_test(document: dict[str, Any], value: Any) -> None:
    for key in list(document):
        path = pointer(key)
        run(
            document,
            {"op": "add", "path": path, "value": value},
            {"op": "test", "path": path, "value": value},
        )


@given(DOCUMENTS)
def test_move_there_and_back_changes_nothing(document: dict[str, Any]) -> None:
    before = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    key = next(iter(document))
    there = {"op": "move", "from": pointer(key), "path": "/elsewhere"}
    back = {"op": "move", "from": "/elsewhere", "path": pointer(key)}
    if "elsewhere" not in document:
        after = run(document, there, back)
        assert orjson.dumps(after, option=orjson.OPT_SORT_KEYS) == before


@given(DOCUMENTS, st.lists(st.dictionaries(st.sampled_from(["op", "path", "from", "value"]), JSON)))
def test_any_operation_applies_or_is_refused(
    document: dict[str, Any], operations: list[dict[str, Any]]
) -> None:
    with contextlib.suppress(JsonPatchError):
        json_patch.apply(document, operations)


@pytest.mark.parametrize(
    ("found", "value", "same"),
    [
        (1, 1.0, False),
        (1, True, False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
    ],
)
def test_what_is_equal_in_json(found: Any, value: Any, same: bool) -> None:
    test = {"op": "test", "path": "/a", "value": value}
    with contextlib.nullcontext() if same else pytest.raises(JsonPatchError):
        run({"a": found}, test)


def test_many_tests_of_a_large_document_cost_what_they_say() -> None:
    document = {"data": {str(number): "x" * 100 for number in range(10_000)}}
    tests = [{"op": "test", "path": "/data", "value": {"a": "b"}}]
    with pytest.raises(JsonPatchError):
        json_patch.apply(document, tests)
    adds = [{"op": "add", "path": "/a", "value": 1}, {"op": "test", "path": "/a", "value": 1}]
    assert json_patch.apply(document, adds * 5_000)["a"] == 1
