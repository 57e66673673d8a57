"""Bodies in, YAML out."""

from __future__ import annotations

import pytest
import ryaml
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api import yaml_text
from kapiserver.api.body import BodyError, parse_body, summarized, warnings_of
from kapiserver.api.negotiation import JSON, YAML
from kapiserver.resources.schema.yaml_reading import read_yaml


def test_duplicates_are_found_with_their_paths() -> None:
    body = b'{"a":1,"spec":{"x":1,"x":2,"l":[{"y":1},{"y":1,"y":2,"y":3}]},"a":2}'
    document = parse_body(body, JSON, strict=True)
    assert document.value["a"] == 2
    assert document.duplicates == [
        'duplicate field "a"',
        'duplicate field "spec.x"',
        'duplicate field "spec.l[1].y"',
    ]
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


def test_yaml_tells_all_duplicates_in_one_sentence() -> None:
    body = b"a: 1\nb: {x: 1}\na: 2\nb: {z: 1}\n"
    document = parse_body(body, YAML, strict=True)
    assert document.value == {"a": 2, "b": {"z": 1}}
    lines = ['line 3: key "a" already set in map', 'line 4: key "b" already set in map']
    assert document.duplicates == [f"yaml: unmarshal errors:\n  {lines[0]}\n  {lines[1]}"]
    assert warnings_of(document.duplicates[0]) == lines
    assert warnings_of('unknown field "x"') == ['unknown field "x"']
    assert parse_body(body, YAML, strict=False).duplicates == []


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


@pytest.mark.parametrize(
    "text", ["\x7f", "a\x85b", "\u2028", "\ufeffx", "\uffff", "\xa0", "\U0001f600"]
)
def test_characters_that_yaml_minds_read_back_the_same(text: str) -> None:
    assert read_yaml(yaml_text.dump({text: [text]}))[0] == {text: [text]}


def test_yaml_looks_as_people_expect() -> None:
    value = {"kind": "Pod", "spec": {"list": [{"a": 1, "b": ["x"]}], "on": "yes"}, "empty": {}}
    assert yaml_text.dump(value).decode() == (
        'empty: {}\nkind: Pod\nspec:\n  list:\n  - a: 1\n    b:\n    - x\n  "on": "yes"\n'
    )
