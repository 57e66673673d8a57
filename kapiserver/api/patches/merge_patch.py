"""JSON Merge Patch (RFC 7386). In: a decoded document and a decoded patch. Out: the result."""

from __future__ import annotations

from typing import Any


def apply(document: Any, patch: Any) -> Any:
    """Members that are null in the patch are removed, objects merge, all else replaces.

    As upstream's library has it: where there is no object to merge with, the nulls of all objects
    in the patch go, also of those in lists. In a list that replaces an object they stay.
    """
    if not isinstance(patch, dict):
        return patch if isinstance(document, dict) else _without_nulls(patch)
    if not isinstance(document, dict):
        return _without_nulls(patch)
    for key, value in patch.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = apply(document.get(key), value)
    return document


def _without_nulls(value: Any) -> Any:
    """Without members that are null. Items of lists that are null stay."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
