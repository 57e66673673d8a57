"""Values in strategic merge patches: what they are to Go, and when two of them are the same.

In: decoded JSON. Out: Go's types and keys that compare as Go compares. `StrategicPatchError` tells
what a patch must not contain.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.go_text import plain

# What a client sees where upstream's code does not expect what a patch may well contain.
_PANIC = "This request caused apiserver to panic. Look in the logs for details."

_GO_TYPES: dict[type, str] = {
    dict: "map[string]interface {}",
    list: "[]interface {}",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    type(None): "%!s(<nil>)",
}


class StrategicPatchError(Exception):
    """The patch contradicts itself or the schema; the message is for the client."""


class BadDirective(StrategicPatchError):
    """A directive that is not formed as one."""

    def __init__(self, directive: str) -> None:
        super().__init__(f"invalid patch format of {directive}")


class ListOfLists(StrategicPatchError):
    """What no strategy can merge."""

    def __init__(self) -> None:
        super().__init__("lists of lists are not supported")


def bad_type(expected: type, value: Any) -> StrategicPatchError:
    return StrategicPatchError(
        f"expected a {_GO_TYPES[expected]}, but received a {_GO_TYPES[type(value)]}"
    )


def unknown_directive(directive: Any, where: dict[str, Any]) -> StrategicPatchError:
    match directive:
        case str() | dict() | list():
            shown = plain(directive)
        case None:
            shown = "%!s(<nil>)"
        case _:
            shown = f"%!s({_GO_TYPES[type(directive)]}={plain(directive)})"
    return StrategicPatchError(f"unknown patch type: {shown} in map: {plain(where)}")


def same_as(value: Any) -> tuple[type, Any]:
    """Equal for what is equal in Go: 1, 1.0 and true are three values."""
    if isinstance(value, dict | list):
        raise StrategicPatchError(_PANIC)
    return type(value), value


def element_type(*lists: list[Any]) -> type:
    """The one type of all that is in some lists."""
    found: type | None = None
    for items in lists:
        for item in items:
            if found is None:
                found = type(item)
                if found is list:
                    raise ListOfLists
                if item is None:
                    raise StrategicPatchError(_PANIC)
            elif found is not type(item):
                shown = plain(list(lists))
                raise StrategicPatchError(f"list element types are not identical: {shown}")
    if found is None:
        raise StrategicPatchError("no elements in any of the given slices")
    return found


def keyed_items(items: list[Any], key: str) -> list[Any]:
    """The values by which items are told apart: themselves, where there is no key."""
    if not key:
        return items
    require_keys(items, key)
    return [item[key] for item in items]


def require_keys(items: list[Any], key: str) -> None:
    for item in items:
        if not isinstance(item, dict):
            raise bad_type(dict, item)
        if key not in item:
            raise StrategicPatchError(
                f"map: {plain(item)} does not contain declared merge key: {key}"
            )
