"""Equality as immutable fields need it: what is empty is not there."""

from __future__ import annotations

from typing import Any

# Of these no client can tell false from absent: Go has no pointer there.
_PLAIN_FLAGS = frozenset(
    ("hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly")
)


def same(one: Any, other: Any) -> bool:
    """Whether two decoded values are equal but for empty lists, maps, strings and nulls."""
    if one == other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return all(
            same(one.get(name), other.get(name))
            or (name in _PLAIN_FLAGS and not one.get(name) and not other.get(name))
            for name in one.keys() | other.keys()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return _empty(one) and _empty(other)


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}
