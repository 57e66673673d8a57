"""Paths inside volumes: they may not lead out of them."""

from __future__ import annotations

from kapiserver.resources.field_errors import invalid
from kapiserver.resources.validation.formats import Found


def goes_up(path: str) -> bool:
    return ".." in path and ".." in path.split("/")


def check_no_backsteps(found: Found, path: str, field: str) -> None:
    if goes_up(path):
        found.append(invalid(field, path, "must not contain '..'"))


def check_descending(found: Found, path: str, field: str) -> None:
    if path.startswith("/"):
        found.append(invalid(field, path, "must be a relative path"))
    check_no_backsteps(found, path, field)


def check_local_path(found: Found, path: str, field: str) -> None:
    """As check_descending, for names that kubelets do not use themselves (`..data`)."""
    check_descending(found, path, field)
    if path.startswith("..") and not path.startswith("../"):
        found.append(invalid(field, path, "must not start with '..'"))
