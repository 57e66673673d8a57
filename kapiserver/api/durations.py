"""Durations as Go writes them: `1h15m`, `-1.5h`, `300ms`.

In: text. Out: seconds. Raises `DurationError` with the words of Go's time.ParseDuration.
"""

from __future__ import annotations

import re

from kapiserver.api.go_text import quoted

_NUMBER = re.compile(r"[0-9]*(\.[0-9]*)?")
_UNIT = re.compile(r"[^.0-9]*")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_MOST = (1 << 63) / 1e9  # an int64 of nanoseconds


class DurationError(ValueError):
    """Not a duration; the message is for the client."""


def parse_duration(text: str) -> float:
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return 0.0
    total = 0.0
    at = 0
    while at < len(unsigned) or not at:
        number = _NUMBER.match(unsigned, at)
        if number is None or number[0] in ("", "."):
            raise DurationError(f"time: invalid duration {quoted(text)}")
        at = number.end()
        unit = _UNIT.match(unsigned, at)
        if unit is None or not unit[0]:
            raise DurationError(f"time: missing unit in duration {quoted(text)}")
        at = unit.end()
        if unit[0] not in _SECONDS:
            raise DurationError(f"time: unknown unit {quoted(unit[0])} in duration {quoted(text)}")
        total += float(number[0]) * _SECONDS[unit[0]]
        if total >= _MOST:
            raise DurationError(f"time: invalid duration {quoted(text)}")
    return -total if text[0] == "-" else total
