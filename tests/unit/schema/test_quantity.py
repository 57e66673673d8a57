"""Canonical quantities, as k8s.io/apimachinery's tests and documentation give them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.resources.schema.quantity import (
    canonical_quantity,
    quantity_problem,
    quantity_value,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0n", "0"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        ("0.1", "100m"),
        (".5", "500m"),
        ("1.", "1."),
        ("0.125", "125m"),
        ("1.125", "1.125"),
        ("1.500k", "1.500k"),
        ("0010", "0010"),
        ("+1000", "1k"),
        ("+8Ki", "8Ki"),
        ("+9Ki", "+9Ki"),
        ("+9Pi", "9Pi"),
        (".", "0"),
        ("-Gi", "0"),
        ("+7", "+7"),
        ("1.000", "1"),
        ("-0.5", "-500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512", "512"),
        ("1023Ki", "1023Ki"),
        ("0.5Ki", "512"),
        ("1000", "1k"),
        ("10000000", "10M"),
        ("1e3", "1e3"),
        ("12E3", "12E3"),
        ("12000E3", "12e6"),
        ("12e0", "12e0"),
        ("10E", "10E"),
        ("1000E", "1"),
        ("1e30", "1e30"),
        ("100e28", "1e30"),
        ("9223372036854775808", "9223372036854775808"),
        ("1000e3", "1e6"),
        ("5E", "5E"),
        ("0.0000000001", "1n"),
        ("100000Ei", "9223372036854775807"),
    ],
)
def test_the_canonical_form(text: str, canonical: str) -> None:
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1x",
        "1 Gi",
        "1gi",
        "--1",
        "1e",
        "1.2.3",
        ".Pi",
        "1KI",
        " 1",
        "1\n",
        "٣",
        "9" * 5000,
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    assert canonical_quantity(text) is None


@pytest.mark.parametrize(
    "text", ["9" * 3800, "9" * 3790 + "e9999", "9" * 3790 + "E", "9" * 99 + "Ei"]
)
def test_messages_can_show_the_largest_amounts(text: str) -> None:
    value = quantity_value(text)
    assert value is not None
    assert str(2000 * value).isdigit()


@given(
    st.integers(0, 10**9),
    st.sampled_from(["n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-3"]),
)
def test_the_canonical_form_is_the_same_amount_and_stays_as_it_is(number: int, unit: str) -> None:
    canonical = canonical_quantity(f"{number}{unit}")
    assert canonical is not None
    assert quantity_value(canonical) == quantity_value(f"{number}{unit}")
    assert canonical_quantity(canonical) == canonical
    assert isinstance(quantity_value(canonical), Fraction)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "quantities must match the regular expression"),
        ("1x", "quantities must match the regular expression"),
        ("1.2.3", "quantities must match the regular expression"),
        ("1KiB", "quantities must match the regular expression"),
        ("1mm", "unable to parse quantity's suffix"),
        ("1e", "unable to parse quantity's suffix"),
        ("Pi", "unable to parse numeric part of quantity"),
        (".e-10", "unable to parse numeric part of quantity"),
    ],
)
def test_what_is_wrong_is_said_in_upstreams_words(text: str, problem: str) -> None:
    assert canonical_quantity(text) is None
    assert quantity_problem(text).startswith(problem)
