"""The three unions of JSONSchemaProps: a schema, or something simpler.

In: which of them, and how a schema is read. Out: a reader. Each is a message with one field per
form on the wire, and the form itself in JSON; the order of preference is that of Go's encoder.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.protobuf.values import Read, text
from kapiserver.resources.protobuf.wire import CUT_OFF, WireError, length, skip, varint
from kapiserver.resources.schema.nodes import Form

# tags: the schema itself, and the other form of each union
_SCHEMA_FIRST, _SCHEMA_SECOND = 0x0A, 0x12
_LIST, _ALLOWS = 0x12, 0x08

FORMS = frozenset({Form.SCHEMA_OR_ARRAY, Form.SCHEMA_OR_BOOL, Form.SCHEMA_OR_STRINGS})


def union(form: Form, schema: Read) -> Read:
    if form is Form.SCHEMA_OR_BOOL:
        return _schema_or_bool(schema)
    return _schema_or_list(schema, schema if form is Form.SCHEMA_OR_ARRAY else text)


def _schema_or_list(schema: Read, item: Read) -> Read:
    def read(data: bytes, at: int, end: int) -> Any:
        one: Any = None
        items: list[Any] = []
        while at < end:
            tag, at = varint(data, at)
            if tag in (_SCHEMA_FIRST, _LIST):
                start, at = length(data, at)
                if tag == _LIST:
                    items.append(item(data, start, at))
                else:
                    one = schema(data, start, at)
            else:
                at = skip(data, at, tag & 7)
        if at != end:
            raise WireError(CUT_OFF)
        return items or one

    return read


def _schema_or_bool(schema: Read) -> Read:
    def read(data: bytes, at: int, end: int) -> Any:
        one: Any = None
        allows = 0
        while at < end:
            tag, at = varint(data, at)
            if tag == _SCHEMA_SECOND:
                start, at = length(data, at)
                one = schema(data, start, at)
            elif tag == _ALLOWS:
                allows, at = varint(data, at)
            else:
                at = skip(data, at, tag & 7)
        if at != end:
            raise WireError(CUT_OFF)
        return allows != 0 if one is None else one

    return read
