"""/openapi/v2 in protobuf, read back with a decoder that knows the wire format only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from kapiserver.api.openapi import OpenAPI, gnostic
from kapiserver.request import Connection, Request, Response
from kapiserver.resources.registry import builtin_registry
from kapiserver.resources.schema import SchemaSet

PATHS, DEFINITIONS, PARAMETERS = 8, 9, 10
KUBECTL = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            yield tag >> 3, data[at : at + value]
            at += value
        else:
            yield tag >> 3, value


def named(data: bytes, number: int) -> dict[str, bytes]:
    pairs = (dict(fields(pair)) for field, pair in fields(data) if field == number)
    return {pair[1].decode(): pair[2] for pair in pairs}


@pytest.fixture(scope="module")
def openapi() -> OpenAPI:
    return OpenAPI(builtin_registry(), SchemaSet.load())


def ask(openapi: OpenAPI, accept: str) -> Response:
    headers = ((b"accept", accept.encode()),)
    connection = Connection(None, None, None)
    found = openapi.respond(Request("GET", "/openapi/v2", b"", headers, connection, "", None))
    assert found is not None
    return found


def merged(document: bytes, number: int) -> bytes:
    """A message that is given in pieces."""
    return b"".join(piece for field, piece in fields(document) if field == number)


def test_it_says_what_the_json_says(openapi: OpenAPI) -> None:
    answer = ask(openapi, KUBECTL)
    assert (b"content-type", gnostic.CONTENT_TYPE) in answer.headers
    document = bytes(answer.body)  # type: ignore[arg-type]
    json = orjson.loads(bytes(ask(openapi, "application/json").body))  # type: ignore[arg-type]
    assert dict(fields(document))[1] == b"2.0"
    schemas = named(merged(document, DEFINITIONS), 1)
    assert schemas.keys() == json["definitions"].keys()
    assert named(merged(document, PATHS), 2).keys() == json["paths"].keys()
    assert named(merged(document, PARAMETERS), 1).keys() == json["parameters"].keys()
    pod = list(fields(schemas["io.k8s.api.core.v1.Pod"]))
    properties = named(b"".join(value for number, value in pod if number == 25), 1)
    assert properties.keys() == {"apiVersion", "kind", "metadata", "spec", "status"}
    assert dict(fields(properties["apiVersion"]))[22] == b"\n\x06string"
    extensions = {
        name: orjson.loads(dict(fields(value))[2])
        for name, value in named(schemas["io.k8s.api.core.v1.Pod"], 31).items()
    }
    kinds = json["definitions"]["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"]
    assert extensions["x-kubernetes-group-version-kind"] == kinds


async def test_warming_makes_it_too(openapi: OpenAPI) -> None:
    warmed = OpenAPI(builtin_registry(), SchemaSet.load())
    await warmed.warm()
    assert ask(warmed, KUBECTL).body == ask(openapi, KUBECTL).body


def test_json_is_what_clients_get_that_take_both(openapi: OpenAPI) -> None:
    for accept in ("application/json", "*/*", f"application/json, {KUBECTL}"):
        assert (b"content-type", b"application/json") in ask(openapi, accept).headers
