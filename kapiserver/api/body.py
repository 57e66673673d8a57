"""Request bodies: bytes to decoded objects, and what a strict reader would object to.

In: the body, its media type, and what message it is if that is protobuf. Out: a decoded document
and the duplicate fields in it. Raises `BodyError` with the parser's text; a message that says what
it is and then is not raises BadRequest. Alias bombs in YAML are refused by the parser; the size is
limited before anything is parsed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kapiserver.api.negotiation import PROTOBUF, YAML
from kapiserver.errors import BadRequest
from kapiserver.resources.protobuf import Message, WireError, open_envelope
from kapiserver.resources.schema.reading import (
    Unreadable,
    duplicate_fields,
    encoded_again,
    has_duplicates,
    read_json,
)
from kapiserver.resources.schema.yaml_reading import read_yaml

BODY_LIMIT = 3 << 20

_YAML_FINDINGS = "yaml: unmarshal errors:"


class BodyError(ValueError):
    """The body is not of its media type. `problem`: the text for who expected an object."""

    def __init__(self, text: str, *, trying: str = "couldn't get version/kind; json parse error: "):
        super().__init__(text)
        self.problem = trying + text


class Document(NamedTuple):
    """`written`: the value as JSON. `repeats`: whether a JSON object has a key twice."""

    value: Any
    duplicates: list[str]
    written: bytes
    repeats: bool = False


def parse_body(
    body: bytes, media_type: str, *, strict: bool, message: Message | None = None
) -> Document:
    """`strict`: look for duplicate fields as well (of which the last one counts)."""
    if media_type == YAML:
        return _parse_yaml(body, strict)
    try:
        if media_type == PROTOBUF and message is not None:
            value = _parse_message(body, message)
            return Document(value, [], encoded_again(value))
        value = read_json(body)
        again = encoded_again(value)
    except Unreadable as error:
        raise BodyError(str(error)) from error
    repeats = has_duplicates(body, again)
    return Document(value, duplicate_texts(body) if strict and repeats else [], again, repeats)


def duplicate_texts(body: bytes) -> list[str]:
    """For each field that a JSON object has twice. Slow: for bodies that have some."""
    return [f'duplicate field "{path}"' for path in duplicate_fields(body)]


def _parse_yaml(body: bytes, strict: bool) -> Document:
    try:
        value, repeated = read_yaml(body)
        written = encoded_again(value)
    except Unreadable as error:
        raise BodyError(str(error), trying="") from error
    lines = "".join(f"\n  {line}" for line in repeated)
    return Document(value, [_YAML_FINDINGS + lines] if strict and repeated else [], written)


def warnings_of(finding: str) -> list[str]:
    """The warnings that a strict finding makes: YAML's reader tells several in one."""
    if not finding.startswith(_YAML_FINDINGS):
        return [finding]
    return [line.strip() for line in finding.removeprefix(_YAML_FINDINGS).strip().split("\n")]


def _parse_message(body: bytes, message: Message) -> dict[str, Any]:
    try:
        sent = open_envelope(body)
    except WireError as error:
        raise BodyError(str(error), trying="") from error
    if sent.kind not in ("", message.kind):
        # for the reader to say so: these bytes mean something else
        return {"kind": sent.kind, "apiVersion": sent.api_version}
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


def summarized(body: bytes) -> str:
    """The start of a body, for messages: as text if it looks like JSON, else in hex."""
    if not body:
        return "<empty>"
    cut = body[:30]
    shown = cut.decode(errors="replace") if body.startswith(b"{") else cut.hex()
    return f"{shown} ..." if len(body) > len(cut) else shown
