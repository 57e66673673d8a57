"""Ready documents: bytes made once and served many times, with an ETag.

In: who makes a document, and the request. Out: an answer, 304 when the client has it already.
Shared by discovery and OpenAPI. Nothing here is per client or grows with requests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kapiserver.api.accept import check_routed
from kapiserver.errors import MethodNotAllowed
from kapiserver.request import Request, Response


@dataclass(frozen=True, slots=True)
class Document:
    """`etag` is the hash of the body, without quotes."""

    body: bytes
    content_type: bytes
    etag: str


def document(body: bytes, content_type: bytes) -> Document:
    return Document(body, content_type, hashlib.sha512(body).hexdigest().upper())


def check_route(request: Request, produced: tuple[str, ...]) -> None:
    """What upstream's router says before a document is made: GET only, and in these forms."""
    if request.method != "GET":
        raise MethodNotAllowed
    check_routed(request.header(b"accept"), produced)


def has_it(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this document."""
    sent = request.header(b"if-none-match")
    if sent is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in sent.decode("latin-1").split(","))
    return any(tag in ("*", f'"{etag}"') for tag in tags)


def answer(
    request: Request, found: Document, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Response:
    """The document with its ETag, or 304."""
    tags = [(b"etag", f'"{found.etag}"'.encode()), (b"vary", b"Accept"), *headers]
    if has_it(request, found.etag):
        return Response(304, tags)
    return Response(
        200, [(b"content-type", found.content_type), *tags], found.body, compressible=True
    )
