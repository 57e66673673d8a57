"""OpenAPI v2 in the protobuf form of github.com/google/gnostic, which kubectl asks for.

In: parts of a v2 document, as plain data. Out: bytes that are parts of its `Document` message;
they can be joined in any order, because protobuf merges a message that is given in pieces. kubectl
checks what it cannot have the server check (Lists, reviews) against this form only.

A message is a table: the field's name in JSON, its number, and how it is written. Maps are lists of
(name, value) there, unions are messages with one field, and what has no type is a text in YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

MEDIA_TYPES = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)
CONTENT_TYPE = MEDIA_TYPES[1].encode()

Field = Callable[[Any], bytes]
"""The whole field of a value: tag, length and content."""
Message = Callable[[Any], bytes]

_LENGTH_DELIMITED = 2


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _framed(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _text(number: int) -> Field:
    return lambda value: _framed(number, value.encode())


def _integer(number: int) -> Field:
    """Also booleans."""
    tag = _varint(number << 3)
    return lambda value: tag + _varint(int(value))


def _one(number: int, message: Message) -> Field:
    return lambda value: _framed(number, message(value))


def _many(number: int, message: Message) -> Field:
    return lambda values: b"".join(_framed(number, message(value)) for value in values)


def _texts(number: int) -> Field:
    return _many(number, str.encode)


def _named(number: int, message: Message) -> Field:
    """A map, as a list of messages with a name and a value."""

    def write(values: Mapping[str, Any]) -> bytes:
        return b"".join(
            _framed(number, _framed(1, name.encode()) + _framed(2, message(value)))
            for name, value in values.items()
        )

    return write


def _map(number: int, message: Message) -> Field:
    return _one(number, _named(1, message))


def _untyped(value: Any) -> bytes:
    return _framed(2, orjson.dumps(value) + b"\n")


def _message(fields: Mapping[str, Field], extensions: int = 0) -> Message:
    """`extensions`: the number of the field for what begins with x-."""
    other = _named(extensions, _untyped)

    def write(value: Mapping[str, Any]) -> bytes:
        out = [fields[name](held) for name, held in value.items() if name in fields]
        if extensions:
            out += [other({name: held}) for name, held in value.items() if name[:2] == "x-"]
        return b"".join(out)

    return write


def _schema(value: Any) -> bytes:
    return _SCHEMA(value)


def _type(value: Any) -> bytes:
    return _texts(1)([value] if isinstance(value, str) else value)


def _more_properties(value: Any) -> bytes:
    return _integer(2)(value) if isinstance(value, bool) else _framed(1, _schema(value))


_SCHEMA = _message(
    {
        "$ref": _text(1),
        "format": _text(2),
        "title": _text(3),
        "description": _text(4),
        "default": _one(5, _untyped),
        "maxLength": _integer(11),
        "minLength": _integer(12),
        "pattern": _text(13),
        "maxItems": _integer(14),
        "minItems": _integer(15),
        "uniqueItems": _integer(16),
        "required": _texts(19),
        "enum": _many(20, _untyped),
        "additionalProperties": _one(21, _more_properties),
        "type": _one(22, _type),
        "items": _one(23, _one(1, _schema)),
        "allOf": _many(24, _schema),
        "properties": _map(25, _schema),
        "readOnly": _integer(27),
        "example": _one(30, _untyped),
    },
    extensions=31,
)

_REFERENCE = _message({"$ref": _text(1), "description": _text(2)})

_BODY = _message(
    {
        "description": _text(1),
        "name": _text(2),
        "in": _text(3),
        "required": _integer(4),
        "schema": _one(5, _schema),
    },
    extensions=6,
)
_PLACED = {"required": _integer(1), "in": _text(2), "description": _text(3), "name": _text(4)}
_IN_QUERY = _message(
    {
        **_PLACED,
        "type": _text(6),
        "format": _text(7),
        "pattern": _text(17),
        "uniqueItems": _integer(20),
    },
    extensions=23,
)
_ELSEWHERE = _message(
    {
        **_PLACED,
        "type": _text(5),
        "format": _text(6),
        "pattern": _text(16),
        "uniqueItems": _integer(19),
    },
    extensions=22,
)
_PLACES: Mapping[str, Field] = {
    "header": _one(1, _ELSEWHERE),
    "query": _one(3, _IN_QUERY),
    "path": _one(4, _ELSEWHERE),
}


def _parameter(value: Any) -> bytes:
    place = value["in"]
    return _framed(1, _BODY(value)) if place == "body" else _framed(2, _PLACES[place](value))


def _parameter_or_reference(value: Any) -> bytes:
    return _framed(2, _REFERENCE(value)) if "$ref" in value else _framed(1, _parameter(value))


_RESPONSE = _message({"description": _text(1), "schema": _one(2, _one(1, _schema))}, extensions=5)
_OPERATION = _message(
    {
        "tags": _texts(1),
        "summary": _text(2),
        "description": _text(3),
        "operationId": _text(5),
        "produces": _texts(6),
        "consumes": _texts(7),
        "parameters": _many(8, _parameter_or_reference),
        "responses": _one(9, _named(1, _one(1, _RESPONSE))),
        "schemes": _texts(10),
        "deprecated": _integer(11),
    },
    extensions=13,
)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_PATH = _message(
    {
        **{name: _one(number, _OPERATION) for number, name in enumerate(_METHODS, 2)},
        "parameters": _many(9, _parameter_or_reference),
    },
    extensions=10,
)
_API_KEY = _message({"type": _text(1), "name": _text(2), "in": _text(3), "description": _text(4)})

_DOCUMENT = _message(
    {
        "swagger": _text(1),
        "info": _one(2, _message({"title": _text(1), "version": _text(2)})),
        "paths": _one(8, _named(2, _PATH)),
        "definitions": _map(9, _schema),
        "parameters": _map(10, _parameter),
        "security": _many(12, _named(1, _texts(1))),
        "securityDefinitions": _map(13, _one(2, _API_KEY)),
    }
)


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document, or some of its fields."""
    return _DOCUMENT(document)
