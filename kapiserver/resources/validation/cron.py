"""Cron schedules: five fields or a name, in the grammar of the standard cron parser."""

from __future__ import annotations

import re

from kapiserver.resources.field_errors import shown

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MONTH_NAMES = {name: number for number, name in enumerate(_MONTHS, 1)}
_DAY_NAMES = {name: number for number, name in enumerate(_DAYS)}
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTH_NAMES),
    (0, 6, _DAY_NAMES),
)
_DESCRIPTORS = frozenset(
    ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
)
_EVERY = "@every "
_DURATION = re.compile(r"[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0", re.ASCII)


def schedule_problem(schedule: str) -> str:
    """What is wrong with a schedule, or ""."""
    text = schedule
    if text.startswith(("TZ=", "CRON_TZ=")):
        zone, _, text = text.partition(" ")
        text = text.strip()
        if not text:
            return f"provided bad location {zone.partition('=')[2]}"
    if not text:
        return "empty spec string"
    if text.startswith("@"):
        return _descriptor_problem(text)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for field, (low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if part and (problem := _range_problem(part, low, high, names)):
                return problem
    return ""


def _descriptor_problem(text: str) -> str:
    if text in _DESCRIPTORS:
        return ""
    if text.startswith(_EVERY):
        length = text.removeprefix(_EVERY)
        if _DURATION.fullmatch(length):
            return ""
        return f'failed to parse duration {text}: time: invalid duration "{length}"'
    return f"unrecognized descriptor: {text}"


def _range_problem(part: str, low: int, high: int, names: dict[str, int]) -> str:
    span_text, *steps = part.split("/")
    limits = span_text.split("-")
    if limits[0] in ("*", "?"):
        start, end = low, high
    else:
        if len(limits) > 2:
            return f"too many hyphens: {part}"
        numbers: list[int] = []
        for limit in limits:
            number = _number(limit, names)
            if isinstance(number, str):
                return number
            numbers.append(number)
        start, end = numbers[0], numbers[-1]
    step = 1
    if len(steps) > 1:
        return f"too many slashes: {part}"
    if steps:
        parsed = _number(steps[0], {})
        if isinstance(parsed, str):
            return parsed
        step = parsed
        if len(limits) == 1:
            end = high
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {part}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {part}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {part}"
    if step == 0:
        return f"step of range should be a positive number: {part}"
    return ""


def _number(text: str, names: dict[str, int]) -> int | str:
    named = names.get(text.lower())
    if named is not None:
        return named
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        return (
            f"failed to parse int from {text}: strconv.Atoi: parsing {shown(text)}: invalid syntax"
        )
    if text.startswith("-") and int(digits[:18]):
        return f"negative number ({text}) not allowed: {text}"
    return int(digits[:18])
