"""What differs between two specs, as lines for a message that people read.

The form is that of kube-apiserver's messages: both values as indented JSON by the names that their
fields have in Go, and a unified diff of the two with ten lines of context.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import orjson

from kapiserver.resources.field_errors import go_json

# Comparing takes long when both are; messages of that size help nobody.
MAX_LINES = 2000
_TOO_LONG = f"(not compared line by line: more than {MAX_LINES} lines)\n"
_CONTEXT = 10


def spec_diff(old: Any, new: Any, show: Callable[[Any], Any]) -> str:
    """Of decoded values; `show` makes what is printed of them: no fewer lines than parts."""
    if _is_long(old) or _is_long(new):
        return _TOO_LONG
    return unified_diff(show(old), show(new))


def _is_long(value: Any) -> bool:
    count, left = 0, [value]
    while left and count <= MAX_LINES:
        value = left.pop()
        count += 1
        if isinstance(value, dict | list):
            if len(value) > MAX_LINES:
                return True
            left.extend(value.values() if isinstance(value, dict) else value)
    return count > MAX_LINES


def unified_diff(old: Any, new: Any) -> str:
    """Of values as `internal` makes them."""
    before, after = _lines(old), _lines(new)
    if max(len(before), len(after)) > MAX_LINES:
        return _TOO_LONG
    return "".join(difflib.unified_diff(before, after, "expected", "got", n=_CONTEXT))


def _lines(value: Any) -> list[str]:
    text = go_json(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    return [f"{line}\n" for line in text.split("\n")]
