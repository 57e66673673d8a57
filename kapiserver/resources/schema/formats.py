"""Strings with a meaning: base64, times, quantities, read as Go's decoders read them.

In: a string from a decoded body. Out: its canonical form, or `FormatProblem` with the text of the
Go decoder. Pure; canonical forms are remembered where the same few values come again and again.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

from kapiserver.remembering import remembered
from kapiserver.resources.schema.quantity import canonical_quantity, quantity_problem


class FormatProblem(ValueError):
    """The string is not of its format. The text is the one of the Go decoder."""


# --- base64 ----------------------------------------------------------------------------------

_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def is_base64(value: str) -> bool:
    """Standard alphabet, padded, no line breaks: what we store."""
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # binascii.Error, and non-ASCII text
        return False
    return len(value) % 4 == 0


def canonical_base64(value: str) -> str:
    """Go ignores line breaks inside; they are dropped from what is stored."""
    packed = value.replace("\r", "").replace("\n", "")
    if not is_base64(packed):
        raise FormatProblem(f"illegal base64 data at input byte {_illegal_byte(packed)}")
    return packed


def _illegal_byte(value: str) -> int:
    bad = _NOT_BASE64.search(value.rstrip("="))
    if bad is not None:
        return bad.start()
    body = len(value.rstrip("="))
    missing = -body % 4
    padding = len(value) - body
    if padding > missing:
        return body + missing  # more padding than the last group takes
    return body - body % 4  # the group that is not complete


# --- times -----------------------------------------------------------------------------------

_SECONDS = "2006-01-02T15:04:05Z07:00"
_MICROS = "2006-01-02T15:04:05.000000Z07:00"
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# The pieces of a layout in Go's notation, with what each takes.
_DATE = (
    ("2006", re.compile(r"\d{4}")),
    ("-", re.compile("-")),
    ("01", re.compile(r"\d\d")),
    ("-", re.compile("-")),
    ("02", re.compile(r"\d\d")),
    ("T", re.compile("T")),
    ("15", re.compile(r"\d\d")),
    (":", re.compile(":")),
    ("04", re.compile(r"\d\d")),
    (":", re.compile(":")),
    ("05", re.compile(r"\d\d(?:[.,]\d+)?")),
    ("Z07:00", re.compile(r"Z|[+-]\d\d:\d\d")),
)
_MICRO_DATE = (
    *_DATE[:10],
    ("05", re.compile(r"\d\d")),
    (".000000", re.compile(r"[.,]\d{6}")),
    _DATE[11],
)
_RANGES = (("month", 5, 1, 12), ("hour", 11, 0, 23), ("minute", 14, 0, 59), ("second", 17, 0, 59))


def canonical_time(value: str) -> str:
    """metav1.Time: UTC, whole seconds."""
    return _time(value).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def canonical_micro_time(value: str) -> str:
    return _time(value, micros=True).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def is_plain_time(value: str) -> bool:
    """Already as we store it. Ranges are checked too: 13 is not a month."""
    if _PLAIN_TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _time(value: str, *, micros: bool = False) -> datetime:
    layout, pieces = (_MICROS, _MICRO_DATE) if micros else (_SECONDS, _DATE)
    problem = f'parsing time "{value}"'
    at = 0
    for name, pattern in pieces:
        match = pattern.match(value, at)
        if match is None:
            raise FormatProblem(f'{problem} as "{layout}": cannot parse "{value[at:]}" as "{name}"')
        at = match.end()
    if at != len(value):
        raise FormatProblem(f'{problem}: extra text: "{value[at:]}"')
    for name, start, low, high in _RANGES:
        if not low <= int(value[start : start + 2]) <= high:
            raise FormatProblem(f"{problem}: {name} out of range")
    try:
        # Python keeps six digits of a fraction, and so do we.
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatProblem(f"{problem}: day out of range") from None


# --- quantities ------------------------------------------------------------------------------


@remembered(8192)
def stored_quantity(value: str) -> str:
    """The canonical form of a quantity: what kube-apiserver stores for `1000m` is `1`."""
    text = value.strip()
    canonical = canonical_quantity(text)
    if canonical is None:
        raise FormatProblem(quantity_problem(text))
    return canonical
