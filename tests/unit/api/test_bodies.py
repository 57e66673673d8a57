"""Bodies in, YAML out."""

from __future__ import annotations

import pytest
import ryaml
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api import yaml_text
from kapiserver.api.body import BodyError, duplicate_fields, parse_body, summarized
from kapiserver.api.negotiation import JSON, YAML


def test_duplicates_are_found_with_their_paths() -> None:
    body = b'{"a":1,"spec":{"x":1,"x":2,"l":[{"y":1},{"y":1,"y":2,"y":3}]},"a":2}'
    assert duplicate_fields(body) == [
        'duplicate field "a"',
        'duplicate field "spec.x"',
        'duplicate field "spec.l[1].y"',
    ]
    document = parse_body(body, JSON, strict=True)
    assert document.value["a"] == 2
    assert len(document.duplicates) == 3
    assert parse_body(body, JSON, strict=False).duplicates == []


def test_spaces_and_escapes_are_no_duplicates() -> None:
    assert parse_body(b'{ "a" : "\\u003c" }\n', JSON, strict=True).duplicates == []


def test_broken_bodies() -> None:
    for body in (b"", b"{", b'{"a":}', b"nope", b'{"a":1}x', b"\xff"):
        with pytest.raises(BodyError):
            parse_body(body, JSON, strict=True)
    with pytest.raises(BodyError):
        parse_body(b"a: [1\nb: 2", YAML, strict=True)


def test_yaml_bombs_are_refused() -> None:
    lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x"]']
    for index in range(1, 12):
        lines.append(f"a{index}: &a{index} [{','.join([f'*a{index - 1}'] * 9)}]")
    with pytest.raises(BodyError):
        parse_body("\n".join(lines).encode(), YAML, strict=True)


def test_yaml_keys_are_strings() -> None:
    assert parse_body(b"80: a\ntrue: b\n", YAML, strict=True).value == {"80": "a", "true": "b"}


def test_summaries_are_short() -> None:
    assert summarized(b"") == "<empty>"
    assert summarized(b'{"a":1}') == '{"a":1}'
    assert summarized(b"[]") == "5b5d"
    assert summarized(b"{" + b"x" * 100).endswith(" ...")


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["yes", "no", "on", "null", "~", "1", "1.5", "0x1", "2020-01-01", "a: b", "- a", "", " a", "#x"]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(TEXT, JSON_VALUES, max_size=5))
def test_yaml_reads_back_the_same(value: dict[str, object]) -> None:
    assert ryaml.loads(yaml_text.dump(value).decode()) == value


def test_yaml_looks_as_people_expect() -> None:
    value = {"kind": "Pod", "spec": {"list": [{"a": 1, "b": ["x"]}], "on": "yes"}, "empty": {}}
    assert yaml_text.dump(value).decode() == (
        'kind: Pod\nspec:\n  list:\n  - a: 1\n    b:\n    - x\n  "on": "yes"\nempty: {}\n'
    )
