"""Strings with a meaning: base64, times, quantities, read as Go's decoders read them.

In: a string from a decoded body. Out: its canonical form, or `FormatProblem` with the text of the
Go decoder. Pure; canonical forms are remembered where the same few values come again and again.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta

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
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
# The pieces of a layout in Go's notation, with what each takes.
_DATE = (
    ("2006", re.compile(r"\d{4}", re.ASCII)),
    ("-", re.compile("-")),
    ("01", re.compile(r"\d\d", re.ASCII)),
    ("-", re.compile("-")),
    ("02", re.compile(r"\d\d", re.ASCII)),
    ("T", re.compile("T")),
    ("15", re.compile(r"\d\d?", re.ASCII)),
    (":", re.compile(":")),
    ("04", re.compile(r"\d\d", re.ASCII)),
    (":", re.compile(":")),
    ("05", re.compile(r"\d\d(?:[.,]\d+)?", re.ASCII)),
    ("Z07:00", re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)),
)
_MICRO_DATE = (
    *_DATE[:10],
    ("05", re.compile(r"\d\d", re.ASCII)),
    (".000000", re.compile(r"[.,]\d{6}", re.ASCII)),
    _DATE[11],
)
# Which of them are numbers with limits; the day depends on the month, and is looked at last.
_RANGES = {
    "01": ("month", 1, 12),
    "15": ("hour", 0, 23),
    "04": ("minute", 0, 59),
    "05": ("second", 0, 59),
}
_LONGEST_OFFSET = 24, 60  # hours and minutes: Go takes what some people write


# Go's zero times: they are none.
ZERO_TIMES = frozenset(("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"))


def canonical_time(value: str) -> str:
    """metav1.Time: UTC, whole seconds."""
    return _time(value).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def canonical_micro_time(value: str) -> str:
    return _time(value, micros=True).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def is_plain_time(value: str) -> bool:
    """Already as we store it. Ranges are checked too: 13 is not a month."""
    if _PLAIN_TIME.fullmatch(value) is None or value in ZERO_TIMES:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _time(value: str, *, micros: bool = False) -> datetime:
    layout, pieces = (_MICROS, _MICRO_DATE) if micros else (_SECONDS, _DATE)
    problem = f"parsing time {_shown(value)}"
    at = 0
    parts: list[str] = []
    for name, pattern in pieces:
        match = pattern.match(value, at)
        if match is None:
            rest = _shown(value[at:])
            raise FormatProblem(f'{problem} as "{layout}": cannot parse {rest} as "{name}"')
        at = match.end()
        parts.append(match[0])
        if name in _RANGES:
            what, low, high = _RANGES[name]
            if not low <= int(match[0][:2]) <= high:
                raise FormatProblem(f"{problem}: {what} out of range")
    if at != len(value):
        raise FormatProblem(f"{problem}: extra text: {_shown(value[at:])}")
    zone = parts.pop()
    parts[6] = parts[6].rjust(2, "0")
    try:
        # Python keeps six digits of a fraction, and so do we.
        local = datetime.fromisoformat("".join(parts)).replace(tzinfo=UTC)
        return local if zone == "Z" else local - _offset(zone, problem)
    except (ValueError, OverflowError) as error:
        if isinstance(error, FormatProblem):
            raise
        raise FormatProblem(f"{problem}: day out of range") from None


def _offset(zone: str, problem: str) -> timedelta:
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > _LONGEST_OFFSET[0]:
        raise FormatProblem(f"{problem}: time zone offset hour out of range")
    if minutes > _LONGEST_OFFSET[1]:
        raise FormatProblem(f"{problem}: time zone offset minute out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def _shown(text: str) -> str:
    """As Go's time package quotes: byte by byte."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_shown_byte, text.encode())) + '"'


def _shown_byte(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}"


# --- numbers ---------------------------------------------------------------------------------

_EXACT = 2**53


def is_written_whole(value: float) -> bool:
    """Whether Go writes a number without a point: `3.0` is read, and `3` is what it becomes."""
    return value.is_integer() and -_EXACT <= value <= _EXACT


# --- quantities ------------------------------------------------------------------------------


@remembered(8192)
def stored_quantity(value: str) -> str:
    """The canonical form of a quantity: what kube-apiserver stores for `1000m` is `1`."""
    text = value.strip()
    canonical = canonical_quantity(text)
    if canonical is None:
        raise FormatProblem(quantity_problem(text))
    return canonical
