"""Files in volumes that are made of keys and fields."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.validation.env import (
    VOLUME_FIELDS,
    check_field_ref,
    check_resource_ref,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.paths import check_local_path

_BAD_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def check_mode(found: Found, mode: Any, path: str) -> None:
    if mode is not None and not 0 <= mode <= 0o777:
        found.append(invalid(path, mode, _BAD_MODE))


def check_keys(found: Found, items: Any, path: str, first: int = 0) -> None:
    for position, item in enumerate(items, first):
        here = f"{path}[{position}]"
        if not item.get("key"):
            found.append(required(f"{here}.key"))
        file = item.get("path", "")
        if not file:
            found.append(required(f"{here}.path"))
        check_local_path(found, file, f"{here}.path")
        check_mode(found, item.get("mode"), f"{here}.mode")


def check_downward(found: Found, item: Object, path: str) -> None:
    file = item.get("path", "")
    if not file:
        found.append(required(f"{path}.path"))
    check_local_path(found, file, f"{path}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        check_field_ref(found, field, f"{path}.fieldRef", VOLUME_FIELDS)
        if resource is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            found.append(invalid(path, "resource", detail))
    elif resource is not None:
        check_resource_ref(found, resource, f"{path}.resourceFieldRef", in_volume=True)
    else:
        found.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    check_mode(found, item.get("mode"), f"{path}.mode")
