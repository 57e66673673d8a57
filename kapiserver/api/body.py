"""Request bodies: bytes to decoded objects, and what a strict reader would object to.

In: the body, its media type, and what message it is if that is protobuf. Out: a decoded document
and the duplicate fields in it. Raises `BodyError` with the parser's text; a message that says what
it is and then is not raises BadRequest. Alias bombs in YAML are refused by the parser; the size is
limited before anything is parsed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import ryaml

from kapiserver.api.negotiation import PROTOBUF, YAML
from kapiserver.errors import BadRequest
from kapiserver.resources.protobuf import Message, WireError, open_envelope
from kapiserver.resources.schema.reading import TOO_DEEP

BODY_LIMIT = 3 << 20


class BodyError(ValueError):
    """The body is not of its media type. `problem`: the text for who expected an object."""

    def __init__(self, text: str, *, trying: str = "couldn't get version/kind; json parse error: "):
        super().__init__(text)
        self.problem = trying + text


class Document(NamedTuple):
    value: Any
    duplicates: list[str]


def parse_body(
    body: bytes, media_type: str, *, strict: bool, message: Message | None = None
) -> Document:
    """`strict`: look for duplicate fields as well (of which the last one counts)."""
    if media_type == PROTOBUF and message is not None:
        value = _parse_message(body, message)
    elif media_type == YAML:
        value = _parse_yaml(body)
    else:
        value = _parse_json(body)
    try:
        again = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise BodyError(_unwritable(error)) from error
    # a document that survives a round trip has no field twice; most clients send such bytes
    if not strict or media_type in (PROTOBUF, YAML) or again == body.rstrip():
        return Document(value, [])
    return Document(value, duplicate_fields(body))


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyError(_json_problem(body, error)) from error


def _unwritable(error: orjson.JSONEncodeError) -> str:
    """What cannot be written again cannot be stored: mostly, it nests too deep."""
    return TOO_DEEP if "Recursion" in str(error) else str(error)


def _json_problem(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip() or error.pos >= len(body):
        return "unexpected end of JSON input"
    return f"invalid character at offset {error.pos}: {error.msg}"


def _parse_yaml(body: bytes) -> Any:
    try:
        value = ryaml.loads(body.decode())
    except (ValueError, UnicodeDecodeError) as error:
        problem = f"error converting YAML to JSON: yaml: {error}"
        raise BodyError(problem, trying="") from error
    return _string_keys(value)


def _parse_message(body: bytes, message: Message) -> dict[str, Any]:
    try:
        sent = open_envelope(body)
    except WireError as error:
        raise BodyError(str(error), trying="") from error
    try:
        value = message.read(sent.raw)
    except WireError as error:
        kind, version = sent.kind or message.kind, sent.api_version.rpartition("/")[2]
        raise BadRequest(
            f'{kind} in version "{version or message.version}" cannot be handled as a '
            f"{message.kind}: {error}"
        ) from error
    if sent.kind:
        value["kind"] = sent.kind
    if sent.api_version:
        value["apiVersion"] = sent.api_version
    return value


def _string_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else orjson.dumps(key).decode(): _string_keys(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_string_keys(item) for item in value]
    return value


def duplicate_fields(body: bytes) -> list[str]:
    """`duplicate field "spec.x"` for each field that an object has twice."""
    repeated: dict[int, list[str]] = {}
    keep: list[Any] = []  # so that no id is used twice

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs):
            seen: set[str] = set()
            twice: list[str] = []
            for key, _ in pairs:
                (twice.append if key in seen else seen.add)(key)
            repeated[id(built)] = list(dict.fromkeys(twice))
            keep.append(built)
        return built

    document = json.loads(body, object_pairs_hook=build)
    if not repeated:
        return []
    return [f'duplicate field "{path}"' for path in _paths(document, "", repeated)]


def _paths(value: Any, path: str, repeated: dict[int, list[str]]) -> Iterator[str]:
    if isinstance(value, dict):
        for key in repeated.get(id(value), ()):
            yield f"{path}.{key}" if path else key
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else key, repeated)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]", repeated)


def summarized(body: bytes) -> str:
    """The start of a body, for messages: as text if it looks like JSON, else in hex."""
    if not body:
        return "<empty>"
    cut = body[:30]
    shown = cut.decode(errors="replace") if body.startswith(b"{") else cut.hex()
    return f"{shown} ..." if len(body) > len(cut) else shown
