"""Bodies to values: what is refused in whose words, and what YAML means."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.json_syntax import problem_of
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.reading import (
    MAX_OBJECTS,
    MAX_VALUES,
    TOO_DEEP,
    Unreadable,
    duplicate_fields,
    encoded_again,
    has_duplicates,
    read_json,
)
from kapiserver.resources.schema.yaml_reading import MAX_FAST, read_yaml, read_yaml_slowly

POD = "io.k8s.api.core.v1.Pod"
DATES = ["2020-01-01", "12:30:45", "1.2.3", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "unexpected end of JSON input"),
        ('{"a":', "unexpected end of JSON input"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
        ("xyz", "invalid character 'x' looking for beginning of value"),
        ("\ufeff{}", "invalid character 'ï' looking for beginning of value"),
        ('{"a":tru}', "invalid character '}' in literal true (expecting 'e')"),
        ('{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
        ('{"a":-}', "invalid character '}' in numeric literal"),
        ('{"a":1e+}', "invalid character '}' in exponent of numeric literal"),
        ('{"a":01}', "invalid character '1' after object key:value pair"),
        ('{"a":"\\x"}', "invalid character 'x' in string escape code"),
        ('{"a":"\\u12"}', "invalid character '\"' in \\u hexadecimal character escape"),
        ('{"a":"\x01"}', "invalid character '\\x01' in string literal"),
        ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{]", "invalid character ']' looking for beginning of object key string"),
        ("[]]", "invalid character ']' after top-level value"),
        ("[1", "unexpected end of JSON input"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{} x", "invalid character 'x' after top-level value"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_gos_words(body: str, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_json(body.encode())
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":"x\xff\xe2\x82y"}', "x\ufffd\ufffd\ufffdy"),
        (b'{"a":"\\ud800\\u0041"}', "\ufffdA"),
        (b'{"a":"\\udc00\\ud83d\\ude00\\\\ud800"}', "\ufffd\U0001f600\\ud800"),
    ],
)
def test_what_is_no_character_is_replaced(body: bytes, value: str) -> None:
    assert read_json(body) == {"a": value}


@given(st.text('{}[]",:\\ntrueflas0123456789.eE+- ux\x01', max_size=12))
def test_gos_scanner_takes_what_is_json_and_nothing_else(text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda name: [][0])
    except (ValueError, IndexError):
        assert problem_of(text.encode())
    else:
        assert problem_of(text.encode()) == ""


def test_what_could_not_be_written_again_is_too_deep() -> None:
    encoded_again(read_json(b"[" * 254 + b"]" * 254))
    with pytest.raises(Unreadable, match=TOO_DEEP):
        encoded_again(read_json(b"[" * 255 + b"]" * 255))
    with pytest.raises(Unreadable, match=TOO_DEEP):
        read_json(b"[" * 5000 + b"]" * 5000)


# --- fields that come twice ------------------------------------------------------------------


keys = st.text(':"\\{}[],ab\n', max_size=5)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), keys),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(keys, below, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_bodies_without_duplicate_keys_have_none(
    obj: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(obj, indent=indent, ensure_ascii=ascii_only).encode()
    assert not has_duplicates(body, orjson.dumps(obj))
    assert duplicate_fields(body) == ()


@given(st.dictionaries(keys, values, min_size=1, max_size=4))
def test_a_duplicate_key_is_always_noticed(obj: dict[str, Any]) -> None:
    key = next(iter(obj))
    body = (json.dumps(obj)[:-1] + f",{json.dumps(key)}:1}}").encode()
    assert has_duplicates(body, orjson.dumps({**obj, key: 1}))
    assert key in duplicate_fields(body)


def test_strict_findings_come_in_the_order_of_the_body(schemas: SchemaSet) -> None:
    body = (
        b'{"x":{"y":1,"y":2},"metadata":{"labels":{"a":"1","a":"2"},"name":"a"},'
        b'"spec":{"hostname":"x","foo":1,"hostname":"y","foo":2,"containers":[{},{"q":1,"q":1}]}}'
    )
    assert schemas.validator(POD).strict_findings(body) == [
        'unknown field "x"',
        'duplicate field "metadata.labels.a"',
        'unknown field "spec.foo"',
        'duplicate field "spec.hostname"',
        'unknown field "spec.containers[1].q"',
    ]


def test_free_form_data_is_not_looked_into(schemas: SchemaSet) -> None:
    revision = schemas.validator("io.k8s.api.apps.v1.ControllerRevision")
    assert revision.strict_findings(b'{"data":{"a":1,"a":2},"revision":1}') == []


# --- YAML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[yes, No, ON, off, y, n]", [True, False, True, False, True, False]),
        ('["yes", \'on\', yesterday, "0644"]', ["yes", "on", "yesterday", "0644"]),
        ("[0644, 0o644, 0x1F, 0b11, 1_000, -0, +7]", [420, 420, 31, 3, 1000, 0, 7]),
        ("[08, 1.0, 1e3, .5, 1.25]", [8, 1, 1000, 0.5, 1.25]),
        ("[1e20, 100000000000000000000, 18446744073709551615]", [1e20, 1e20, 2**64 - 1]),
        ("{1e20: a}", {"1e+20": "a"}),
        ("[~, null, Null]", [None, None, None]),
        ("[2020-01-01, 12:30:45, 1.2.3, 10.0.0.0/8]", DATES),
        ("{1: a, true: b, 2.5: c, no: d}", {"1": "a", "true": "b", "2.5": "c", "false": "d"}),
        ("!!binary aGk=", "hi"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("!custom 5", "5"),
        ("a: 1\n---\nb: 2", {"a": 1}),
        ("x: &a {k: v}\nz: *a", {"x": {"k": "v"}, "z": {"k": "v"}}),
        ("x: &a {k: v}\nz: {<<: *a, l: w}", {"x": {"k": "v"}, "z": {"k": "v", "l": "w"}}),
        ("z: {<<: [{a: 1}, {a: 2, b: 3}]}", {"z": {"a": 1, "b": 3}}),
        ("a: |\n  no\n  0644\n", {"a": "no\n0644\n"}),
        ("", None),
    ],
)
def test_yaml_is_what_upstreams_reader_makes_of_it(text: str, value: Any) -> None:
    assert read_yaml(text.encode()).value == value
    orjson.dumps(read_yaml(text.encode()).value)  # 64 bits hold every integer
    assert read_yaml_slowly(text).value == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1\nb: 2", "yaml: line 1: did not find expected ',' or ']'"),
        ("a:\n  - b\n c: d", "yaml: line 2: did not find expected key"),
        ("x: 1\na: b: c", "yaml: line 2: mapping values are not allowed in this context"),
        ("\ta: 1", "yaml: found character that cannot start any token"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
        ("x: &a [*a]", "yaml: anchor 'a' value contains itself"),
        ("a: .inf", "json: unsupported value: +Inf"),
        ("? [a]\n: b", "yaml: invalid map key: only scalars can be keys"),
        ("[" * 400, TOO_DEEP),
        ("a: &x [no]\n" + "b: " + "[" * 300, TOO_DEEP),
    ],
)
def test_what_is_wrong_with_yaml_is_said_in_its_readers_words(text: str, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_yaml(text.encode())
    assert str(caught.value) == problem


def test_keys_that_come_again_are_named_with_their_lines() -> None:
    value, repeated = read_yaml(b"a: 1\nb:\n  c: 1\n  c:\n    d: 1\n\na: 3\n")
    assert value == {"a": 3, "b": {"c": {"d": 1}}}
    assert repeated == (
        'line 5: key "c" already set in map',
        'line 7: key "a" already set in map',
    )


def test_what_an_alias_refers_to_is_copied() -> None:
    value = read_yaml(b"yes: 1\nx: &a {k: v}\nz: *a\n").value
    value["x"]["k"] = "changed"
    assert value["z"] == {"k": "v"}


@pytest.mark.parametrize("first", ["x", "no"])
def test_an_alias_bomb_is_refused(first: str) -> None:
    lines = [f"a0: &a0 [{first},x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="excessive aliasing"):
        read_yaml("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # each would take minutes or all memory, were it given to a reader that does not look
        ("{a: " * 200_000, TOO_DEEP),
        ("[a: " * 200_000, TOO_DEEP),
        ("- &a " + "x" * 1_000_000 + "\n" + "- *a\n" * 100_000, "excessive aliasing"),
        ("- " + "+0" * 500_000 + "\n- [", "did not find expected node content"),
        ("a: no\n" * 300_000, "too many values"),
    ],
)
def test_a_body_cannot_be_more_work_than_it_is_long(text: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read_yaml(text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775809", -9223372036854775808),
        ("0x1ffffffffffffffff", "0x1ffffffffffffffff"),
        ("1_" * 3000 + "1", "1_" * 3000 + "1"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_number_that_is_none_is_text(text: str, value: Any) -> None:
    assert read_yaml(f"a: {text}".encode()).value == {"a": value}


@given(st.text(st.sampled_from("ab01+-._*&!<>[]{}:,?|%#'\"~ \n\t\0é")) | st.text())
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    for read in (read_yaml, read_json):
        with contextlib.suppress(Unreadable):
            read(text.encode("utf-8", "surrogatepass"))


yaml_words = st.sampled_from(["yes", "0644", "1_0", "a b", "5", "null", "x", "'q'", '"on"', "1.5"])


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(yaml_words, max_size=3), max_size=4))
def test_both_readers_agree(words: dict[str, list[str]]) -> None:
    text = "\n".join(f"{key}: [{', '.join(items)}]" for key, items in words.items())
    assert read_yaml(text.encode()) == read_yaml_slowly(text)


def test_deep_schemas_of_custom_resources_do_not_exhaust_the_stack(schemas: SchemaSet) -> None:
    crd = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
    for field in ("not", "items", "additionalProperties"):
        deep: dict[str, Any] = {"type": "string", "unknown": 1}
        for _ in range(400):
            deep = {field: deep}
        obj = {"spec": {"versions": [{"schema": {"openAPIV3Schema": deep}}]}}
        error = schemas.validator(crd).check(obj).error
        assert error in ("", "exceeded max depth")


@pytest.mark.parametrize(
    "value", [{"a": [{}] * MAX_OBJECTS}, {"a": [1] * MAX_VALUES}, {"a": {"b": [[1] * MAX_VALUES]}}]
)
def test_an_object_holds_so_much_and_no_more(value: Any) -> None:
    with pytest.raises(Unreadable, match="more than 50000 objects or 250000 values"):
        encoded_again(value)


def test_braces_and_commas_in_text_are_only_text() -> None:
    value = {"a": "{" * (2 * MAX_OBJECTS), "b": "," * (2 * MAX_VALUES), "c": [{}] * 1000}
    assert orjson.loads(encoded_again(value)) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("1.50", "1.5"),
        ("1.0", "1"),
        ("-0.25", "-0.25"),
        ("1e3", "1000"),
        ("1e6", "1e+06"),
        ("1234567.891", "1.2345679e+06"),
        ("0.00001", "1e-05"),
        ("3.14159265358979", "3.1415927"),
        ("1000000000000000000000000000000000000", "1e+36"),
        ("1e300", ".inf"),
        (".nan", ".nan"),
        ("-.inf", "-.inf"),
        ("1000000", "1000000"),
    ],
)
def test_numbers_that_are_keys(key: str, text: str) -> None:
    assert read_yaml(f"{key}: a".encode()).value == {text: "a"}
    assert read_yaml_slowly(f"{key}: a").value == {text: "a"}


def test_a_large_document_means_what_a_small_one_does() -> None:
    small = 'a: [1, 0x10, "x"]\nb: {c: true, d: null}\ne: |\n  text\n'
    large = f"{small}f: {'y' * MAX_FAST}z\n"
    value = read_yaml(large.encode()).value
    assert value.pop("f") == "y" * MAX_FAST + "z"
    assert value == read_yaml(small.encode()).value
