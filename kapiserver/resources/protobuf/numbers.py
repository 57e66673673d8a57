"""The table of field numbers, `numbers.txt`: how it is read.

In: the name of a definition. Out: its fields. The text is split into lines once, and a line is
parsed when somebody asks for its message.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kapiserver.resources.fact_table import facts_in

_TABLE = Path(__file__).with_name("numbers.txt")


class Field(NamedTuple):
    """`inlined`: a message whose fields belong to the parent's object; `name` is then its name.

    `zero`: whether a zero value is shown in JSON.
    """

    number: int
    name: str
    zero: bool
    inlined: bool


def is_numbered(definition: str) -> bool:
    return definition in facts_in(_TABLE)


def fields_of(definition: str) -> tuple[Field, ...]:
    """KeyError: a definition without numbers."""
    package = definition.rpartition(".")[0]
    return tuple(_field(text, package) for text in facts_in(_TABLE)[definition].split())


def _field(text: str, package: str) -> Field:
    name, _, number = text.rpartition("=")
    zero = number.endswith("!")
    inlined = name.startswith("+")
    if inlined:
        name = name[1:] if "." in name else f"{package}.{name[1:]}"
    return Field(int(number.rstrip("!")), name, zero, inlined)
