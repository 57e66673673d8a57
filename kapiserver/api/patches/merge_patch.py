"""JSON Merge Patch (RFC 7386). In: a decoded document and a decoded patch. Out: the result."""

from __future__ import annotations

from typing import Any


def apply(document: Any, patch: Any) -> Any:
    """Members that are null in the patch are removed, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    target = document if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = apply(target.get(key), value)
        else:
            target[key] = value
    return target
