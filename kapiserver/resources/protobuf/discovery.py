"""The aggregated discovery document (apidiscovery.k8s.io/v2) as protobuf.

Its types are in no OpenAPI document, so the table of their fields stands here. In: the document as
JSON has it. Out: the bytes of its message, without the envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kapiserver.resources.protobuf.wire import BYTES
from kapiserver.resources.protobuf.writing import Body, delimited, tag_of, text

_Field = Callable[[Mapping[str, Any]], bytes]


def _one(name: str, number: int, body: Body = text) -> _Field:
    """Written even when it is empty, as Go does with what is no pointer."""
    tag = tag_of(number, BYTES)
    return lambda document: delimited(tag, body(document.get(name, "")))


def _many(name: str, number: int, body: Body = text) -> _Field:
    tag = tag_of(number, BYTES)
    return lambda document: b"".join(
        [delimited(tag, body(item)) for item in document.get(name, ())]
    )


def _message(*fields: _Field) -> Body:
    return lambda document: b"".join([field(document) for field in fields])


_KIND = _message(_one("group", 1), _one("version", 2), _one("kind", 3))
_SUBRESOURCE = _message(
    _one("subresource", 1),
    _one("responseKind", 2, _KIND),
    _many("acceptedTypes", 3, _KIND),
    _many("verbs", 4),
)
_RESOURCE = _message(
    _one("resource", 1),
    _one("responseKind", 2, _KIND),
    _one("scope", 3),
    _one("singularResource", 4),
    _many("verbs", 5),
    _many("shortNames", 6),
    _many("categories", 7),
    _many("subresources", 8, _SUBRESOURCE),
)
_VERSION = _message(_one("version", 1), _many("resources", 2, _RESOURCE), _one("freshness", 3))


def group_list(list_meta: Body, object_meta: Body) -> Body:
    """How an APIGroupDiscoveryList is written, with the writers of the shared messages."""
    group = _message(_one("metadata", 1, object_meta), _many("versions", 2, _VERSION))
    return _message(_one("metadata", 1, list_meta), _many("items", 2, group))
