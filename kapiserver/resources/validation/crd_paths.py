"""Paths to fields of a custom resource: of columns, of the scale subresource, of selectors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, too_many
from kapiserver.resources.validation.formats import Found

MAX_SELECTABLE = 8

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]']+[^.\[\]]*|'.*", re.DOTALL)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "'": "'",
    "\\": "\\",
}
_NOWHERE = "does not refer to a valid field"
_ENDS = "unexpected end of JSON path"


class PathError(ValueError):
    """The text is no path to a field of the schema."""


def check_simple_path(found: Found, text: str, path: str) -> bool:
    """A path in dot notation, which must begin with its dot."""
    if text.startswith("."):
        return True
    found.append(invalid(path, text, "must be a simple json path starting with ."))
    return False


def field_at(schema: Any, text: str, *, brackets: bool = True) -> tuple[tuple[str, ...], Any]:
    """The steps of a path and the schema of the field that it leads to; raises PathError."""
    steps: list[str] = []
    tokens = _tokens(text)
    for token in tokens:
        if token == ".":
            name = _next(tokens)
            schema = _child(schema, name)
        elif token == "[":
            if not brackets:
                raise PathError("array notation is not allowed")
            name = _unquoted(_next(tokens))
            schema = _child(schema, name)
            if (closing := _next(tokens)) != "]":
                raise PathError(f"expected ] but got {closing}")
        else:
            raise PathError(f"expected [ or . but got: {token}")
        steps.append(name)
    return tuple(steps), schema


def _tokens(text: str) -> Iterator[str]:
    return (match.group() for match in _TOKEN.finditer(text))


def _next(tokens: Iterator[str]) -> str:
    token = next(tokens, None)
    if token is None:
        raise PathError(_ENDS)
    return token


def _unquoted(token: str) -> str:
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise PathError(f"expected single quoted string but got {token}")

    def meaning(match: re.Match[str]) -> str:
        character = _ESCAPES.get(match.group()[1])
        if character is None:
            detail = f"invalid escape char {match.group()}"
            raise PathError(f"invalid string literal: {detail}")
        return character

    return _ESCAPED.sub(meaning, token[1:-1])


def _child(schema: Any, name: str) -> Any:
    if not isinstance(schema, dict):
        raise PathError(_NOWHERE)
    if schema.get("properties"):
        if name not in schema["properties"]:
            raise PathError(_NOWHERE)
        return schema["properties"][name]
    if schema.get("additionalProperties") is not None:
        return schema["additionalProperties"]
    raise PathError(_NOWHERE)


def check_selectable(found: Found, fields: list[Object], schema: Object, path: str) -> None:
    seen: set[tuple[str, ...]] = set()
    for position, entry in enumerate(fields):
        here, text = f"{path}[{position}].jsonPath", entry.get("jsonPath") or ""
        if not text:
            found.append(required(here))
            continue
        try:
            steps, target = field_at(schema, text, brackets=False)
        except PathError as error:
            found.append(invalid(here, text, f"is an invalid path: {error}"))
            continue
        if steps[0] == "metadata":
            found.append(invalid(here, text, "must not point to fields in metadata"))
        if not isinstance(target, dict) or target.get("type") not in _SELECTABLE:
            found.append(invalid(here, text, _SELECTABLE_ONLY))
        if steps in seen:
            found.append(duplicate(here, text))
        seen.add(steps)
    if len(seen) > MAX_SELECTABLE:
        found.append(too_many(path, len(seen), MAX_SELECTABLE))


_SELECTABLE = ("string", "boolean", "integer")
_SELECTABLE_ONLY = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings "
    "with formats are allowed."
)
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = (
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
)


def check_columns(found: Found, columns: list[Object], path: str) -> None:
    for position, column in enumerate(columns):
        here = f"{path}[{position}]"
        if not column.get("name"):
            found.append(required(f"{here}.name"))
        kind, form = column.get("type") or "", column.get("format") or ""
        one_of = f"must be one of {','.join(_COLUMN_TYPES)}"
        if not kind:
            found.append(required(f"{here}.type", one_of))
        elif kind not in _COLUMN_TYPES:
            found.append(invalid(f"{here}.type", kind, one_of))
        if form and form not in _COLUMN_FORMATS:
            detail = f"must be one of {','.join(_COLUMN_FORMATS)}"
            found.append(invalid(f"{here}.format", form, detail))
        if not column.get("jsonPath"):
            found.append(required(f"{here}.JSONPath"))
        else:
            check_simple_path(found, column["jsonPath"], f"{here}.JSONPath")


def check_subresources(found: Found, subresources: Object | None, path: str) -> None:
    scale = (subresources or {}).get("scale")
    if scale is None:
        return
    for name, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        here, text = f"{path}.scale.{name}", scale.get(name) or ""
        if not text:
            found.append(required(here))
        elif check_simple_path(found, text, here) and not text.startswith(f"{root}."):
            found.append(invalid(here, text, f"should be a json path under {root}"))
    here, text = f"{path}.scale.labelSelectorPath", scale.get("labelSelectorPath") or ""
    under = text.startswith((".spec.", ".status."))
    if text and check_simple_path(found, text, here) and not under:
        detail = "should be a json path under either .spec or .status"
        found.append(invalid(here, text, detail))
