"""What a message may look like: a table of fields per message type, checked before anyone reads it.

A schema names for each `type` its fields and their kinds. Missing fields, unknown fields, unknown
types and wrong kinds are refused. `bool` is not an `int` here, floats do not exist, and tuples
(the only containers on the wire) hold plain values and tuples to a small depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import TypeAlias

from raftstore.errors import TransportError
from raftstore.transport.frames import Message

Kinds: TypeAlias = tuple[type, ...]
Schema: TypeAlias = Mapping[str, Mapping[str, Kinds]]

MAX_DEPTH = 6
_SCALARS = (str, int, bool, bytes, NoneType)


def check_message(schema: Schema, message: Message) -> None:
    """Raise TransportError unless `message` has exactly the shape that `schema` gives its type."""
    kind = message.get("type")
    fields = schema.get(kind) if type(kind) is str else None
    if fields is None:
        raise TransportError(f"unknown message type {kind!r:.60}")
    if len(message) != len(fields) + 1:
        wrong = message.keys() ^ (fields.keys() | {"type"})
        raise TransportError(f"message {kind}: missing or unknown fields {sorted(wrong)!s:.200}")
    for name, kinds in fields.items():
        try:
            value = message[name]
        except KeyError:
            raise TransportError(f"message {kind}: field {name} is missing") from None
        if type(value) not in kinds:
            raise TransportError(f"message {kind}: field {name} must not be {type(value).__name__}")
        if type(value) is tuple:
            _check_tuple(value, 1)


def _check_tuple(values: tuple[object, ...], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TransportError("a message is nested too deeply")
    for value in values:
        if type(value) is tuple:
            _check_tuple(value, depth + 1)
        elif type(value) not in _SCALARS:
            raise TransportError(f"a message may not hold a {type(value).__name__}")


def check_plain(message: Message) -> None:
    """For messages whose fields the layer above defines: plain values and tuples of them only."""
    for name, value in message.items():
        if type(name) is not str:
            raise TransportError("a field name must be a string")
        _check_tuple(value if type(value) is tuple else (value,), 1)
