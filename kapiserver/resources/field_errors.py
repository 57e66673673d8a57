"""Findings about one field, worded as k8s.io/apimachinery/pkg/util/validation/field words them.

Each function gives one Cause: its reason is the machine-readable kind of fault, its message says
what is wrong without naming the field, its field is the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from kapiserver.errors import Cause

IMMUTABLE = "field is immutable"


# Escapes of Go that have a letter, as JSON has them or not.
_ESCAPES = {'"': '\\"', "\\": "\\\\"}
_ESCAPES |= {chr(7 + place): f"\\{letter}" for place, letter in enumerate("abtnvfr")}
_markup = re.compile("[<>&\u2028\u2029]")


def quoted(text: str) -> str:
    """%q of Go: what cannot be printed is escaped."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if (escape := _ESCAPES.get(character)) is not None:
        return escape
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_json(text: str) -> str:
    """JSON as Go writes it: nothing in it can be taken for markup."""
    return _markup.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(value: Any) -> str:
    """A value as messages show it: strings quoted, everything else as JSON."""
    if isinstance(value, str):
        return quoted(value)
    return go_json(orjson.dumps(_ordered(value), option=orjson.OPT_NON_STR_KEYS).decode())


def _ordered(value: Any) -> Any:
    """With the labels of selectors in order, however the client sent them: Go sorts its maps."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: dict(sorted(held.items()))
        if key == "matchLabels" and isinstance(held, dict)
        else _ordered(held)
        for key, held in value.items()
    }


def required(field: str, detail: str = "") -> Cause:
    return Cause("FieldValueRequired", _with_detail("Required value", detail), field)


def invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueInvalid", _with_detail(f"Invalid value: {shown(value)}", detail), field)


def immutable(field: str, value: Any) -> Cause:
    return invalid(field, value, IMMUTABLE)


def forbidden(field: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", _with_detail("Forbidden", detail), field)


def duplicate(field: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def not_supported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    choices = ", ".join(shown(choice) for choice in sorted(supported))
    return Cause(
        "FieldValueNotSupported",
        f"Unsupported value: {shown(value)}: supported values: {choices}",
        field,
    )


def unsupported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    """As not_supported, with the choices in the order given."""
    choices = ", ".join(shown(choice) for choice in supported)
    return Cause(
        "FieldValueNotSupported",
        f"Unsupported value: {shown(value)}: supported values: {choices}",
        field,
    )


def not_found(field: str, value: Any, detail: str = "") -> Cause:
    return Cause("FieldValueNotFound", _with_detail(f"Not found: {shown(value)}", detail), field)


def wrong(field: str, detail: str) -> Cause:
    """Invalid, where showing the value would help nobody."""
    return Cause("FieldValueInvalid", f"Invalid value: {detail}", field)


def too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def too_many(field: str, actual: int, limit: int) -> Cause:
    return Cause("FieldValueTooMany", f"Too many: {actual}: must have at most {limit} items", field)


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text
