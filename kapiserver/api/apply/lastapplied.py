"""The annotation that client-side apply keeps, and what server-side apply makes of it.

Objects that kubectl applied on the client carry their last config. When kubectl applies on the
server, fields that are still as that config says may be taken without a conflict, and the
annotation is kept up to date, so that a client that applies the old way finds what it expects.
"""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.api.apply.compare import compare
from kapiserver.api.apply.extract import field_set
from kapiserver.api.apply.sets import FieldSet, difference
from kapiserver.api.apply.types import Type
from kapiserver.resources.definition import Object

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
ANNOTATIONS_LIMIT = 256 << 10


def _annotation(obj: Object) -> str:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    value = annotations.get(ANNOTATION, "")
    return value if isinstance(value, str) else ""


def config_of(live: Object) -> Object | None:
    """The config that was applied last to an object; None if there is none to go by."""
    text = _annotation(live)
    if not text:
        return None
    try:
        last: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(last, dict) or last.get("kind") != live["kind"]:
        return None
    return last if isinstance(last.get("apiVersion"), str) else None


def unchanged(kind: Type, last: Object, live: Object) -> FieldSet:
    """What is as `last` says: this may be taken over without force."""
    fields = field_set(kind, last)
    for changed in compare(kind, last, live):
        fields = difference(fields, changed)
    return fields


def refresh(merged: Object, config: Object) -> Object:
    """The merged object with the annotation up to date, if it has one. Changes neither."""
    if not _annotation(merged):
        return merged
    metadata = dict(merged["metadata"])
    annotations = dict(metadata["annotations"])
    annotations[ANNOTATION] = _written(config)
    if _size(annotations) > ANNOTATIONS_LIMIT:
        del annotations[ANNOTATION]
    metadata["annotations"] = annotations
    return {**merged, "metadata": metadata}


def _size(annotations: dict[str, Any]) -> int:
    """In bytes. Nulls, which an applied config may hold, do not count."""
    return sum(
        len(key.encode()) + len(value.encode()) for key, value in annotations.items() if value
    )


def _written(config: Object) -> str:
    metadata = dict(config.get("metadata") or {})
    annotations = metadata.get("annotations")
    if annotations is not None:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != ANNOTATION}
    else:
        metadata.pop("annotations", None)
    shown = {**config, "metadata": metadata}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(shown, option=options).decode()
