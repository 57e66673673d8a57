"""Lists of completion indexes, such as `0,2-4`."""

from __future__ import annotations

from kapiserver.resources.field_errors import shown


def total_indexes(text: str, completions: int) -> tuple[int, str]:
    """How many indexes the text names, and what is wrong with it ("" when nothing is)."""
    intervals, problem = parse_indexes(text, completions)
    return sum(end - first + 1 for first, end in intervals), problem


def parse_indexes(text: str, completions: int) -> tuple[list[tuple[int, int]], str]:
    """The intervals that the text names, their ends included, and what is wrong with it."""
    intervals: list[tuple[int, int]] = []
    last = -1
    for interval in text.split(",") if text else ():
        limits = interval.split("-")
        if len(limits) > 2:
            return [], (
                f"the fragment {shown(interval)} violates the requirement that an index interval "
                "can have at most two parts separated by '-'"
            )
        numbers: list[int] = []
        for limit in limits:
            if not (limit.isascii() and limit.isdigit()) or len(limit) > 18:
                return [], f"cannot convert string to integer for index: {shown(limit)}"
            if int(limit) >= completions:
                return [], f"too large index: {shown(limit)}"
            numbers.append(int(limit))
        first, end = numbers[0], numbers[-1]
        if len(numbers) == 2 and first >= end:
            return [], f"non-increasing order, previous: {first}, current: {end}"
        if last >= first:
            return [], f"non-increasing order, previous: {last}, current: {first}"
        intervals.append((first, end))
        last = end
    return intervals, ""
