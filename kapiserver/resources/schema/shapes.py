"""The table of Go's fields, `shapes.txt`: how it is read.

In: the name of a definition. Out: what becomes of each field that is absent or zero. The text is
split into lines once, and a line is parsed when somebody asks for its definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from kapiserver.resources.fact_table import facts_in

_TABLE = Path(__file__).with_name("shapes.txt")


class Shape(Enum):
    """How a field is held in Go and written to JSON; the marks are those of the table."""

    KEPT = "?"  # no Go struct: what was given stays, what was not is absent
    OMITTED = ""  # by value, left out when it is zero
    ALWAYS = "!"  # by value, written even when it is zero
    POINTER = "*"  # written when it was given
    NULLABLE = "*!"  # a pointer that is written as null when it was not given


def shapes_of(definition: str) -> Mapping[str, Shape] | None:
    """The fields that are not OMITTED. None: the definition has no Go struct."""
    line = facts_in(_TABLE).get(definition)
    return None if line is None else dict(map(_field, line.split()))


def _field(text: str) -> tuple[str, Shape]:
    name = text.rstrip("*!")
    return name, Shape(text[len(name) :])
