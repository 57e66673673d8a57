"""Durations are what Go's time.ParseDuration takes, and refused in its words."""

from __future__ import annotations

import pytest

from kapiserver.api.durations import DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("-0", 0.0),
        ("5s", 5.0),
        ("+5s", 5.0),
        ("-5s", -5.0),
        (".5s", 0.5),
        ("5.s", 5.0),
        ("1h15m30.5s", 4530.5),
        ("100ms", 0.1),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("1m1m", 120.0),
    ],
)
def test_taken(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("garbage", 'time: invalid duration "garbage"'),
        (".s", 'time: invalid duration ".s"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("10", 'time: missing unit in duration "10"'),
        ("1s5", 'time: missing unit in duration "1s5"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1s-2s", 'time: unknown unit "s-" in duration "1s-2s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == message
