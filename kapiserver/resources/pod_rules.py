"""Ports, as services and other kinds than pods refer to them."""

from __future__ import annotations

from kapiserver.errors import Cause
from kapiserver.resources.validation.formats import check_port
from kapiserver.resources.validation.ports import PROTOCOLS

__all__ = ["PROTOCOLS", "check_port_number"]


def check_port_number(number: object, path: str) -> list[Cause]:
    found: list[Cause] = []
    if isinstance(number, int):
        check_port(found, number, path)
    return found
