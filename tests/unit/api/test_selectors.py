"""Label and field selectors: upstream's grammar, its wording, and what they match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api.field_selector import FieldSelectorError, parse_fields
from kapiserver.api.label_selector import SelectorError, parse_labels

MATCHES = [
    ("", {"x": "y"}, True),
    ("x=y", {"x": "y"}, True),
    ("x==y", {"x": "y"}, True),
    ("x=y,z=w", {"x": "y", "z": "w"}, True),
    ("x=y,z=w", {"x": "y", "z": "x"}, False),
    ("x!=y", {"x": "z"}, True),
    ("x!=y", {}, True),
    ("x!=y", {"x": "y"}, False),
    ("x", {"x": ""}, True),
    ("x", {}, False),
    ("!x", {}, True),
    ("!x", {"x": "1"}, False),
    ("x=", {"x": ""}, True),
    ("x=", {}, False),
    ("x in (a,b)", {"x": "b"}, True),
    ("x in (a,b)", {"x": "c"}, False),
    ("x in ()", {"x": ""}, True),
    ("x in (,a)", {"x": ""}, True),
    ("x notin (a,b)", {"x": "c"}, True),
    ("x notin (a,b)", {}, True),
    ("x notin (a,b)", {"x": "a"}, False),
    ("x>1", {"x": "2"}, True),
    ("x>1", {"x": "1"}, False),
    ("x>1", {"x": "two"}, False),
    ("x<-1,y", {"x": "-2", "y": ""}, False),
    ("x<5", {"x": "-2"}, True),
    ("in in (notin,in)", {"in": "notin"}, True),
    ("app.kubernetes.io/name=web", {"app.kubernetes.io/name": "web"}, True),
    (" x = y , z ", {"x": "y", "z": ""}, True),
]


@pytest.mark.parametrize(("text", "labels", "expected"), MATCHES)
def test_what_label_selectors_match(text: str, labels: dict[str, str], expected: bool) -> None:
    if text == "x<-1,y":
        with pytest.raises(SelectorError):
            parse_labels(text)
        return
    assert parse_labels(text)(labels) is expected


ERRORS = [
    ("x in b", "unable to parse requirement: found 'b' expected: '('"),
    ("x==a==b", "found '==', expected: ',' or 'end of string'"),
    ("!x=a", "found '=', expected: ',' or 'end of string'"),
    ("x,", "found '', expected: identifier after ','"),
    (",x", "found ',', expected: !, identifier, or 'end of string'"),
    (
        "x<a",
        'unable to parse requirement: values[0]: Invalid value: "a": '
        "for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    ("!", "unable to parse requirement: found '', expected: identifier"),
    ("x!y", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_label_selector_errors(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_labels(text)
    assert str(caught.value) == message


def test_keys_and_values_must_be_well_formed() -> None:
    with pytest.raises(SelectorError, match="Invalid value"):
        parse_labels("-x=a")
    with pytest.raises(SelectorError, match="a valid label must be an empty string"):
        parse_labels("x=" + "a." * 5)
    with pytest.raises(SelectorError, match="must be no more than 63 bytes"):
        parse_labels("x=" + "a" * 64)


def test_the_canonical_text_is_sorted() -> None:
    assert parse_labels("z,b in (y, x),!a").expression == "!a,b in (x,y),z"


NAMES = st.from_regex(r"[a-z]([a-z0-9]{0,3}[a-z0-9])?", fullmatch=True)


@given(st.dictionaries(NAMES, NAMES, max_size=4), st.dictionaries(NAMES, NAMES, max_size=4))
def test_equality_selectors_are_subset_tests(
    wanted: dict[str, str], labels: dict[str, str]
) -> None:
    selector = parse_labels(",".join(f"{key}={value}" for key, value in wanted.items()))
    assert selector(labels) is (wanted.items() <= labels.items())


@given(NAMES, st.sets(NAMES, min_size=1, max_size=4), st.dictionaries(NAMES, NAMES, max_size=4))
def test_notin_is_the_opposite_of_in(key: str, values: set[str], labels: dict[str, str]) -> None:
    listed = ",".join(values)
    inside = parse_labels(f"{key} in ({listed})")(labels)
    assert parse_labels(f"{key} notin ({listed})")(labels) is not inside


@given(st.text("ab=!,() <>", max_size=12))
def test_any_text_is_a_selector_or_an_error_and_canonical_text_means_the_same(text: str) -> None:
    try:
        selector = parse_labels(text)
    except SelectorError:
        return
    again = parse_labels(selector.expression)
    assert again.expression == selector.expression
    for labels in ({}, {"a": "b"}, {"b": "a"}, {"a": "", "b": "b"}):
        assert again(labels) is selector(labels)


FIELDS = ("metadata.name", "status.phase", "spec.nodeName")
OTHER = "field label not supported: {label}"


def test_field_selectors() -> None:
    selector = parse_fields("metadata.name=a,status.phase!=Running,spec.nodeName==", FIELDS, OTHER)
    assert selector.exact("metadata.name") == "a"
    assert selector({"metadata.name": "a", "status.phase": "Pending", "spec.nodeName": ""})
    assert not selector({"metadata.name": "a", "status.phase": "Running"})
    assert not selector({"metadata.name": "b"})
    assert parse_fields(r"status.phase=a\,b\=c\\d", FIELDS, OTHER)({"status.phase": r"a,b=c\d"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spec.x=1", "field label not supported: spec.x"),
        ("spec.x=1,nonsense", "invalid selector: 'spec.x=1,nonsense'; can't understand 'nonsense'"),
        ("nonsense", "invalid selector: 'nonsense'; can't understand 'nonsense'"),
        (r"status.phase=a\b", r"invalid field selector: invalid escape sequence: \b"),
        ("status.phase=a=b", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_field_selector_errors(text: str, message: str) -> None:
    with pytest.raises(FieldSelectorError) as caught:
        parse_fields(text, FIELDS, OTHER)
    assert str(caught.value) == message


@given(st.text(max_size=10))
def test_escaped_values_come_back(value: str) -> None:
    text = value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
    selector = parse_fields(f"status.phase={text}", FIELDS, OTHER)
    assert selector.exact("status.phase") == value
    assert parse_fields(selector.expression, FIELDS, OTHER).terms == selector.terms
