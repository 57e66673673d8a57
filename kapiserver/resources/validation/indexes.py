"""Lists of completion indexes, such as `0,2-4`."""

from __future__ import annotations

from kapiserver.resources.field_errors import shown


def total_indexes(text: str, completions: int) -> tuple[int, str]:
    """How many indexes the text names, and what is wrong with it ("" when nothing is)."""
    total, last = 0, -1
    for interval in text.split(",") if text else ():
        limits = interval.split("-")
        if len(limits) > 2:
            return 0, (
                f"the fragment {shown(interval)} violates the requirement that an index interval "
                "can have at most two parts separated by '-'"
            )
        numbers: list[int] = []
        for limit in limits:
            if not (limit.isascii() and limit.isdigit()) or len(limit) > 18:
                return 0, f"cannot convert string to integer for index: {shown(limit)}"
            if int(limit) >= completions:
                return 0, f"too large index: {shown(limit)}"
            numbers.append(int(limit))
        first, end = numbers[0], numbers[-1]
        if len(numbers) == 2 and first >= end:
            return 0, f"non-increasing order, previous: {first}, current: {end}"
        if last >= first:
            return 0, f"non-increasing order, previous: {last}, current: {first}"
        total += end - first + 1
        last = end
    return total, ""
