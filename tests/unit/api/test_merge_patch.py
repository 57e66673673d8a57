"""JSON Merge Patch: the table of RFC 7386, appendix A, and properties."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api.patches import merge_patch

RFC_TABLE: list[tuple[str, str, str]] = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]

# Where the library that upstream uses goes on: nulls in lists.
LISTS: list[tuple[str, str, str]] = [
    ('{"a":[]}', '{"a":[{"b":null,"c":1},null]}', '{"a":[{"c":1},null]}'),
    ("{}", '{"a":[[{"b":null}]]}', '{"a":[[{}]]}'),
    ('{"a":"x"}', '{"a":{"b":[{"c":null}]}}', '{"a":{"b":[{}]}}'),
    ('{"a":{}}', '{"a":[{"b":null}]}', '{"a":[{"b":null}]}'),
]


@pytest.mark.parametrize(("document", "patch", "expected"), LISTS)
def test_nulls_in_lists(document: str, patch: str, expected: str) -> None:
    assert merge_patch.apply(orjson.loads(document), orjson.loads(patch)) == orjson.loads(expected)


@pytest.mark.parametrize(("document", "patch", "expected"), RFC_TABLE)
def test_rfc_table(document: str, patch: str, expected: str) -> None:
    assert merge_patch.apply(orjson.loads(document), orjson.loads(patch)) == orjson.loads(expected)


NO_NULLS = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=3), NO_NULLS, max_size=4)


def copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


@given(OBJECTS, OBJECTS)
def test_applying_twice_is_applying_once(document: Any, patch: Any) -> None:
    once = merge_patch.apply(copy(document), copy(patch))
    assert merge_patch.apply(copy(once), copy(patch)) == once


@given(OBJECTS)
def test_an_object_is_a_patch_that_makes_itself_from_nothing(document: Any) -> None:
    assert merge_patch.apply({}, copy(document)) == document
