"""The body of an apply: bytes to the config of one object, checked as far as it can be alone.

Raises BadRequest with upstream's sentences. Bodies are YAML; JSON, which most clients send, is read
as such.
"""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.api.body import BodyError, Document, parse_body
from kapiserver.api.call import Call
from kapiserver.api.go_text import kind_name, quoted
from kapiserver.api.negotiation import JSON
from kapiserver.api.options import IGNORE, STRICT
from kapiserver.errors import BadRequest
from kapiserver.resources.definition import Object
from kapiserver.resources.schema.reading import Unreadable, read_yaml


class Config:
    """A config as it was sent. Each attempt gets its own decoded copy, which it may change."""

    def __init__(self, value: Object, duplicates: list[str]) -> None:
        try:
            self._text = orjson.dumps(value)
        except orjson.JSONEncodeError as error:  # too deep, or numbers that JSON cannot hold
            raise BadRequest(f"error decoding YAML: {error}") from error
        self._duplicates = duplicates

    def fresh(self) -> Object:
        value: Object = orjson.loads(self._text)
        return value

    def report_duplicates(self, call: Call, validation: str) -> None:
        """Upstream looks for them last: other faults of an apply are told first."""
        if not self._duplicates or validation == IGNORE:
            return
        lines = "".join(f"\n  {finding}" for finding in self._duplicates)
        text = f"error converting YAML to JSON: yaml: unmarshal errors:{lines}"
        if validation == STRICT:
            raise BadRequest(f"error strict decoding YAML: {text}")
        call.context.warn(text.replace("\n", " "))


def read_config(body: bytes, api_version: str, kind: str, *, strict: bool) -> Config:
    """A config of the given type, without managedFields."""
    document = _parsed(body, strict)
    value = document.value
    if not isinstance(value, dict):
        raise BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
            f"unmarshal {kind_name(value)} into Go value of type map[string]interface {{}}"
        )
    _check_type(value, api_version, kind)
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    return Config(value, [_repeated(finding) for finding in document.duplicates])


def _parsed(body: bytes, strict: bool) -> Document:
    if body.lstrip()[:1] == b"{":
        try:
            return parse_body(body, JSON, strict=strict)
        except BodyError:
            pass  # flow style is YAML's own
    try:
        return Document(read_yaml(body), [])  # a field twice is an error of its own there
    except Unreadable as error:
        text = f"error decoding YAML: error converting YAML to JSON: {error}"
        raise BadRequest(text) from error


def _check_type(value: Object, api_version: str, kind: str) -> None:
    given = value.get("apiVersion"), value.get("kind")
    if given != (api_version, kind):
        raise BadRequest(f"invalid object type: {type_name(*given)}")


def type_name(api_version: Any, kind: Any) -> str:
    """`apps/v1, Kind=Deployment`, as Go prints a GroupVersionKind."""
    version = api_version if isinstance(api_version, str) else ""
    text = version if "/" in version else f"/{version}"
    return f"{text}, Kind={kind if isinstance(kind, str) else ''}"


def _repeated(finding: str) -> str:
    path = finding.removeprefix("duplicate field ").strip('"')
    return f"key {quoted(path.rpartition('.')[2])} already set in map"
