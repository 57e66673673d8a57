"""Causes of a 422, worded as k8s.io/apimachinery's field errors.

In: a field path, the value at fault, what is wrong. Out: `Cause` (reason, message, field).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from kapiserver.errors import Cause


def quote(text: str) -> str:
    """A string as Go's %q prints it (the escapes that JSON and Go share are the common ones)."""
    return orjson.dumps(text).decode()


def shown(value: Any) -> str:
    return orjson.dumps(value).decode()


def invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", field)


def required(field: str, detail: str = "") -> Cause:
    message = f"Required value: {detail}" if detail else "Required value"
    return Cause("FieldValueRequired", message, field)


def forbidden(field: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def not_supported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    listed = ", ".join(quote(s) for s in supported)
    message = f"Unsupported value: {shown(value)}: supported values: {listed}"
    return Cause("FieldValueNotSupported", message, field)


def too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)
