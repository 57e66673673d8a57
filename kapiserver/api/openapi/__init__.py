"""OpenAPI: what `kubectl explain` and client generators read.

In: the registry, the schema set, a request. Out: /openapi/v2, /openapi/v3 and the documents below
it, as bytes that are kept until the registry changes. Nothing waits, except `warm`, which makes the
slow parts ahead of time in small steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate
from urllib.parse import parse_qs

import orjson
import trio

from kapiserver.api.accept import clauses
from kapiserver.api.documents import Document, answer, document
from kapiserver.api.negotiation import JSON
from kapiserver.api.openapi import gnostic
from kapiserver.api.openapi.builder import Builder
from kapiserver.request import Request, Response
from kapiserver.resources.registry import Registry
from kapiserver.resources.schema import SchemaSet

__all__ = ["OpenAPI"]

_JSON = JSON.encode()
_V2 = "/openapi/v2"
_V2_PROTOBUF = "/openapi/v2 in protobuf"
_V3 = "/openapi/v3"
_YEAR = 365 * 24 * 3600
_UNNAMED = ((b"cache-control", b"no-cache, private"),)


class OpenAPI:
    """Answers requests below /openapi."""

    def __init__(self, registry: Registry, schemas: SchemaSet) -> None:
        self._registry = registry
        self._builder = Builder(registry, schemas)
        self._generation = -1
        self._documents: dict[str, Document] = {}
        self._hashes: dict[str, str] = {}

    def respond(self, request: Request) -> Response | None:
        """None: not an OpenAPI path. As upstream's handlers: any method, errors without a body."""
        path = request.path
        if path not in (_V2, _V3) and not path.startswith(_V3 + "/"):
            return None
        self._refresh()
        if path == _V3:
            return answer(request, self._index())
        if path != _V2:
            return self._v3(path.removeprefix(_V3 + "/"), request)
        chosen = _chosen(request, (JSON, *gnostic.MEDIA_TYPES))
        if not chosen:
            return _refusal(406)
        return answer(request, self._v2() if chosen == JSON else self._v2_protobuf())

    async def warm(self) -> None:
        """Make what takes longest, with a checkpoint after each group version."""
        for key in list(self._builder.document_keys()):
            self._builder.part(key, 2)
            await trio.lowlevel.checkpoint()
        self._refresh()
        generation, pieces = self._generation, []
        for piece in self._builder.v2_messages():
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
        if generation == self._registry.generation:
            made = document(b"".join(pieces), gnostic.CONTENT_TYPE)
            self._documents.setdefault(_V2_PROTOBUF, made)

    def _refresh(self) -> None:
        if self._generation != self._registry.generation:
            self._documents.clear()
            self._builder.forget_gone()
            self._hashes = {
                key: self._builder.fingerprint(key) for key in self._builder.document_keys()
            }
            self._generation = self._registry.generation

    def _v2(self) -> Document:
        found = self._documents.get(_V2)
        if found is None:
            found = self._documents[_V2] = document(self._builder.v2_document(), _JSON)
        return found

    def _v2_protobuf(self) -> Document:
        found = self._documents.get(_V2_PROTOBUF)
        if found is None:
            body = b"".join(self._builder.v2_messages())
            found = self._documents[_V2_PROTOBUF] = document(body, gnostic.CONTENT_TYPE)
        return found

    def _index(self) -> Document:
        found = self._documents.get(_V3)
        if found is None:
            body = {
                "paths": {
                    key: {"serverRelativeURL": _url(key, digest)}
                    for key, digest in self._hashes.items()
                }
            }
            found = self._documents[_V3] = document(orjson.dumps(body), _JSON)
        return found

    def _v3(self, key: str, request: Request) -> Response:
        digest = self._hashes.get(key)
        if digest is None:
            return _refusal(404)
        if not _chosen(request, (JSON,)):
            return _refusal(406)
        sent = parse_qs(request.query.decode("latin-1")).get("hash")
        if sent is None:
            headers: tuple[tuple[bytes, bytes], ...] = _UNNAMED
        elif sent[0] == digest:
            # The hash is part of the address: what is there never changes.
            headers = (
                (b"cache-control", b"public, immutable"),
                (b"expires", formatdate(time.time() + _YEAR, usegmt=True).encode()),
            )
        else:
            return Response(301, [(b"location", _url(key, digest).encode())])
        found = self._documents.get(key)
        if found is None:
            body = self._builder.v3_document(key)
            found = self._documents[key] = Document(body, _JSON, digest)
        return answer(request, found, headers)


def _url(key: str, digest: str) -> str:
    return f"{_V3}/{key}?hash={digest}"


def _chosen(request: Request, served: Sequence[str]) -> str:
    """The media type that the Accept header likes best, "" if it likes none."""
    for clause in clauses(request.header(b"accept") or b"*/*"):
        for media_type in served:
            if clause.covers(media_type):
                return media_type
    return ""


def _refusal(status: int) -> Response:
    return Response(status, [(b"vary", b"Accept")])
