"""Decoders of whole messages, composed from the table of numbers and the schemas.

In: a definition's name; later the bytes of such a message. Out: an object. A decoder is made when
its definition is first met and lives as long as the schemas do. Custom resources have no numbers:
their objects cannot come in this form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kapiserver.resources.protobuf import steps, unions
from kapiserver.resources.protobuf.numbers import Field, fields_of
from kapiserver.resources.protobuf.steps import Fill, Object, Step
from kapiserver.resources.protobuf.values import READERS, Read, strings
from kapiserver.resources.protobuf.wire import (
    BYTES,
    CUT_OFF,
    FIXED64,
    GROUP_END,
    VARINT,
    WireError,
    skip,
    varint,
)
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.nodes import JSON_SCHEMA_PROPS, Form, Node
from kapiserver.resources.schema.reading import MAX_OBJECTS, MAX_VALUES, TOO_DEEP

# Steps by tag (number and wire type), and the names of the fields by number.
Compiled = tuple[dict[int, Step], dict[int, str]]

_NUMBERS: Mapping[Form, tuple[int, steps.Number]] = {
    Form.BOOL: (VARINT, steps.boolean),
    Form.INT32: (VARINT, steps.int32),
    Form.INT64: (VARINT, steps.int64),
    Form.FLOAT: (FIXED64, steps.float64),
}


class Message:
    """The decoder of one message."""

    __slots__ = ("_compile", "_names", "_steps", "kind", "version")

    def __init__(self, definition: str, compiled: Callable[[], Compiled]) -> None:
        self.version, self.kind = definition.rsplit(".", 2)[-2:]
        self._compile = compiled  # when first used: messages contain each other in circles
        self._steps: dict[int, Step] | None = None
        self._names: dict[int, str] = {}

    def read(self, data: bytes) -> Object:
        """The object in these bytes. Raises WireError."""
        out: Object = {}
        try:
            self.fill(data, 0, len(data), out)
        except IndexError:
            raise WireError(CUT_OFF) from None
        except RecursionError:  # only messages that contain themselves can be nested so deep
            raise WireError(TOO_DEEP) from None
        return out

    def fill(self, data: bytes, at: int, end: int, out: Object) -> None:
        """Read the message between two positions into an object."""
        step_of = self._steps
        if step_of is None:
            step_of, self._names = self._compile()
            self._steps = step_of
        while at < end:
            tag = data[at]
            if tag < 0x80:
                at += 1
            else:
                tag, at = varint(data, at)
            step = step_of.get(tag)
            at = self._pass_over(tag, data, at) if step is None else step(data, at, out)
        if at != end:
            raise WireError(CUT_OFF)

    def _pass_over(self, tag: int, data: bytes, at: int) -> int:
        """Fields that are not known are skipped, as Go does; known ones must be of their type."""
        number, wire = tag >> 3, tag & 7
        if wire == GROUP_END:
            raise WireError(f"proto: {self.kind}: wiretype end group for non-group")
        if number == 0:
            raise WireError(f"proto: {self.kind}: illegal tag {number} (wire type {tag})")
        name = self._names.get(number)
        if name is not None:
            raise WireError(f"proto: wrong wireType = {wire} for field {name}")
        return skip(data, at, wire)


class Messages:
    """All decoders of one schema set."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._made: dict[str, Message] = {}

    def get(self, definition: str) -> Message:
        """The decoder of a definition that has numbers; reading another one is a KeyError."""
        found = self._made.get(definition)
        if found is None:
            found = self._made[definition] = Message(
                definition,
                lambda: self._compiled(definition, self._schemas.node(definition).fields),
            )
        return found

    # --- compilation -------------------------------------------------------------------------

    def _compiled(self, definition: str, nodes: Mapping[str, Node]) -> Compiled:
        by_tag: dict[int, Step] = {}
        names: dict[int, str] = {}
        for field in fields_of(definition):
            if field.inlined:
                names[field.number] = field.name.rpartition(".")[2]
                by_tag[field.number << 3 | BYTES] = steps.inlined(self._inlined(field.name, nodes))
                continue
            names[field.number] = field.name[:1].upper() + field.name[1:]  # mostly as in Go
            for wire, step in self._steps(field, nodes[field.name]):
                by_tag[field.number << 3 | wire] = step
        return by_tag, names

    def _inlined(self, definition: str, nodes: Mapping[str, Node]) -> Fill:
        """A message that the schema does not show: its fields are among those of the parent."""
        return Message(definition, lambda: self._compiled(definition, nodes)).fill

    def _steps(self, field: Field, node: Node) -> list[tuple[int, Step]]:
        """How a field is read, by wire type."""
        name, zero = field.name, field.zero
        if node.form in _NUMBERS:
            wire, read = _NUMBERS[node.form]
            return [(wire, steps.number(name, read, zero))]
        match node.form:
            case Form.STRING:
                return [(BYTES, steps.string(name, zero))]
            case Form.REF:
                return [(BYTES, steps.struct(name, self.get(node.ref).fill, zero))]
            case Form.MAP:
                return [(BYTES, steps.entry(name, self._reader(_item(node))))]
            case Form.LIST:
                return self._list(name, _item(node))
        return [(BYTES, steps.value(name, self._reader(node), zero))]

    def _list(self, name: str, item: Node) -> list[tuple[int, Step]]:
        if item.form in _NUMBERS:
            wire, read = _NUMBERS[item.form]
            return [(wire, steps.numbers(name, read)), (BYTES, steps.packed(name, read))]
        most = MAX_OBJECTS if item.form is Form.REF else MAX_VALUES
        return [(BYTES, steps.values(name, self._reader(item), most))]

    def _reader(self, node: Node) -> Read:
        """How a value that has a length is read on its own."""
        if node.form in unions.FORMS:
            return unions.union(node.form, _new(self.get(JSON_SCHEMA_PROPS).fill))
        if node.form is Form.REF:
            return _new(self.get(node.ref).fill)
        if node.form is Form.LIST and _item(node).form is Form.STRING:
            return strings
        return READERS[node.form]


def _item(node: Node) -> Node:
    assert node.item is not None, "a list or map has a schema for its items"
    return node.item


def _new(fill: Fill) -> Read:
    def read(data: bytes, at: int, end: int) -> Any:
        out: Object = {}
        fill(data, at, end, out)
        return out

    return read
