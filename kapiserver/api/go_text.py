"""Values printed as Go prints them, for messages that upstream builds with %v and %q."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.field_errors import quoted

__all__ = ["kind_name", "package_of", "plain", "quoted"]


def plain(value: Any) -> str:
    """%v of a decoded JSON value: `map[a:1 b:[x y]]`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(plain(item) for item in value) + "]"
    return str(value)


def kind_name(value: Any) -> str:
    """What encoding/json calls a JSON value of the wrong type."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


# Groups whose package of Go types has another name than their first word.
_PACKAGES = {"": "core", "events.k8s.io": "core", "internal.apiserver.k8s.io": "apiserverinternal"}


def package_of(group: str) -> str:
    """Where upstream's types of a group live."""
    return _PACKAGES.get(group) or group.partition(".")[0]
