"""What differs between two specs, as lines for a message that people read.

The form is that of kube-apiserver's messages: both specs as indented JSON by the Go names of their
fields, and a unified diff of the two with ten lines of context.
"""

from __future__ import annotations

import difflib
from typing import Any

import orjson

from kapiserver.resources.definition import Object

# Comparing takes long when both are; messages of that size help nobody.
MAX_LINES = 2000
_CONTEXT = 10
_INITIALS = {"dns": "DNS", "os": "OS", "tty": "TTY", "uid": "UID", "ip": "IP", "http": "HTTP"}
# Maps, whose keys are data, and types that have JSON names in Go as well.
_AS_THEY_ARE = frozenset(
    (
        "annotations",
        "labels",
        "labelSelector",
        "limits",
        "namespaceSelector",
        "nodeSelector",
        "overhead",
        "requests",
    )
)


def spec_diff(old: Object, new: Object) -> str:
    """Of decoded specs."""
    return unified_diff(_in_go(old), _in_go(new))


def unified_diff(old: Any, new: Any) -> str:
    """Of values that have their Go names already."""
    before, after = _lines(old), _lines(new)
    if max(len(before), len(after)) > MAX_LINES:
        return f"(not compared line by line: more than {MAX_LINES} lines)\n"
    return "".join(difflib.unified_diff(before, after, "expected", "got", n=_CONTEXT))


def _lines(value: Any) -> list[str]:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return [f"{line}\n" for line in text.split("\n")]


def _in_go(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_go(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        _go_name(name): item if name in _AS_THEY_ARE else _in_go(item)
        for name, item in sorted(value.items())
    }


def _go_name(name: str) -> str:
    for prefix, spelled in _INITIALS.items():
        rest = name.removeprefix(prefix)
        if rest != name and (not rest or rest[0].isupper()):
            return spelled + rest
    return name[:1].upper() + name[1:]
