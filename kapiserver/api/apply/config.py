"""The body of an apply: bytes to the config of one object, checked as far as it can be alone.

Raises BadRequest with upstream's sentences. Bodies are YAML; JSON, which most clients send, is read
as such.
"""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.api.call import Call
from kapiserver.api.go_text import kind_name
from kapiserver.api.options import IGNORE, STRICT
from kapiserver.errors import BadRequest
from kapiserver.resources.definition import Object
from kapiserver.resources.schema.reading import (
    Unreadable,
    encoded_again,
    has_duplicates,
    read_json,
)
from kapiserver.resources.schema.yaml_reading import YamlDocument, read_yaml, read_yaml_slowly


class Config:
    """A config as it was sent. Each attempt gets its own decoded copy, which it may change."""

    def __init__(self, text: bytes, repeated: tuple[str, ...]) -> None:
        self._text = text
        self._repeated = repeated

    def fresh(self) -> Object:
        value: Object = orjson.loads(self._text)
        return value

    def report_duplicates(self, call: Call, validation: str) -> None:
        """Upstream looks for them last: other faults of an apply are told first."""
        if not self._repeated or validation == IGNORE:
            return
        if validation == STRICT:
            lines = "".join(f"\n  {finding}" for finding in self._repeated)
            raise BadRequest(
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal "
                f"errors:{lines}"
            )
        for finding in self._repeated:
            call.context.warn(finding)


def read_config(body: bytes, api_version: str, kind: str, *, strict: bool) -> Config:
    """A config of the given type, without managedFields."""
    try:
        value, repeated = _parsed(body, strict)
        text = encoded_again(value)
    except Unreadable as error:
        problem = f"error decoding YAML: error converting YAML to JSON: {error}"
        raise BadRequest(problem) from error
    if value is None:
        value = {}  # as Go reads nothing into a map
    if not isinstance(value, dict):
        raise BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
            f"unmarshal {kind_name(value)} into Go value of type map[string]interface {{}}"
        )
    _check_type(value, api_version, kind)
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    return Config(text, repeated)


def _parsed(body: bytes, strict: bool) -> YamlDocument:
    if body.lstrip()[:1] != b"{":
        return read_yaml(body)
    try:
        value = read_json(body)
    except Unreadable:
        return read_yaml(body)  # flow style is YAML's own
    if strict and has_duplicates(body, encoded_again(value)):
        return read_yaml_slowly(body.decode())  # which knows the lines
    return YamlDocument(value, ())


def _check_type(value: Object, api_version: str, kind: str) -> None:
    given = value.get("apiVersion"), value.get("kind")
    if given != (api_version, kind):
        raise BadRequest(f"invalid object type: {type_name(*given)}")


def type_name(api_version: Any, kind: Any) -> str:
    """`apps/v1, Kind=Deployment`, as Go prints a GroupVersionKind."""
    version = api_version if isinstance(api_version, str) else ""
    text = version if "/" in version else f"/{version}"
    return f"{text}, Kind={kind if isinstance(kind, str) else ''}"
