"""Decoded JSON as YAML, for clients that accept application/yaml.

In: a decoded object. Out: block-style YAML that readers of YAML 1.1 and 1.2 understand alike: a
string is left unquoted only if no reader could take it for anything else. Keys are in the order of
their names, as upstream's library writes them.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*(?:[ =][A-Za-z0-9_./@-]+)*")
# What YAML does not take as it is, or takes for the end of a line, though JSON does not mind.
_UNREADABLE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_RESERVED = frozenset(
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"]
)


def dump(value: Any) -> bytes:
    return "\n".join(_block(value)).encode() + b"\n"


def _block(value: Any) -> list[str]:
    """The lines of a value, starting at the left edge."""
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, item in sorted(value.items()):
            nested = _block(item)
            if isinstance(item, dict) and item:
                lines.append(f"{_text(key)}:")
                lines += ["  " + line for line in nested]
            elif isinstance(item, list) and item:
                lines.append(f"{_text(key)}:")
                lines += nested
            else:
                lines.append(f"{_text(key)}: {nested[0]}")
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            first, *rest = _block(item)
            lines.append(f"- {first}")
            lines += ["  " + line for line in rest]
        return lines
    return [_text(value) if isinstance(value, str) else orjson.dumps(value).decode()]


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return _UNREADABLE.sub(_escaped, orjson.dumps(text).decode())


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
