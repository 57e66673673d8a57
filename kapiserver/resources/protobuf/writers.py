"""Encoders of whole messages: the mirror of `messages.py`, composed from the same two sources.

In: a definition's name; later an object. Out: the bytes of the message. What the table of numbers
does not know (apiVersion and kind travel in the envelope) is passed over, and fields that are not
there are not written: Go reads a field that is missing as it reads a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kapiserver.resources.protobuf import unions, writing
from kapiserver.resources.protobuf.numbers import Field, fields_of
from kapiserver.resources.protobuf.wire import BYTES
from kapiserver.resources.protobuf.writing import Body, Write, delimited
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node

# Fields by name, and the messages whose fields are among those of the object, by tag.
Compiled = tuple[dict[str, Write], tuple[tuple[bytes, Body], ...]]


class Writer:
    """The encoder of one message."""

    __slots__ = ("_compile", "_fields", "_inlined")

    def __init__(self, compiled: Callable[[], Compiled]) -> None:
        self._compile = compiled  # when first used: messages contain each other in circles
        self._fields: dict[str, Write] | None = None
        self._inlined: tuple[tuple[bytes, Body], ...] = ()

    def write(self, obj: Mapping[str, Any]) -> bytes:
        """The bytes of an object whose fields are as the schema has them."""
        fields = self._fields
        if fields is None:
            fields, self._inlined = self._compile()
            self._fields = fields
        parts = [
            fields[name](value)
            for name, value in obj.items()
            if value is not None and name in fields
        ]
        for tag, body in self._inlined:
            if data := body(obj):
                parts.append(delimited(tag, data))
        return b"".join(parts)


class Writers:
    """All encoders of one schema set."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._made: dict[str, Writer] = {}

    def get(self, definition: str) -> Writer:
        """The encoder of a definition that has numbers; using another one is a KeyError."""
        found = self._made.get(definition)
        if found is None:
            found = self._made[definition] = Writer(
                lambda: self._compiled(definition, self._schemas.node(definition).fields)
            )
        return found

    # --- compilation -------------------------------------------------------------------------

    def _compiled(self, definition: str, nodes: Mapping[str, Node]) -> Compiled:
        fields: dict[str, Write] = {}
        inlined: list[tuple[bytes, Body]] = []
        for field in fields_of(definition):
            if field.inlined:
                tag = writing.tag_of(field.number, BYTES)
                inlined.append((tag, self._inlined(field.name, nodes)))
            else:
                fields[field.name] = self._field(field, nodes[field.name])
        return fields, tuple(inlined)

    def _inlined(self, definition: str, nodes: Mapping[str, Node]) -> Body:
        """A message that the schema does not show: its fields are among those of the parent."""
        return Writer(lambda: self._compiled(definition, nodes)).write

    def _field(self, field: Field, node: Node) -> Write:
        if node.form in writing.NUMBERS:
            return writing.number(field.number, node.form)
        match node.form:
            case Form.STRING:
                return writing.string(field.number)
            case Form.MAP:
                return writing.entries(field.number, self._body(_item(node)))
            case Form.LIST:
                item = _item(node)
                if item.form in writing.NUMBERS:
                    return writing.numbers(field.number, item.form)
                return writing.values(field.number, self._body(item))
        return writing.value(field.number, self._body(node))

    def _body(self, node: Node) -> Body:
        if node.form in unions.FORMS:
            return writing.union(node.form, self.get(JSON_SCHEMA_PROPS).write)
        if node.form is Form.REF:
            return self.get(node.ref).write
        if node.form is Form.LIST and _item(node).form is Form.STRING:
            return writing.strings
        return writing.BODIES[node.form]


def _item(node: Node) -> Node:
    assert node.item is not None, "a list or map has a schema for its items"
    return node.item
