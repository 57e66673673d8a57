"""Ready documents: bytes made once and served many times, with an ETag.

In: who makes a document, and the request. Out: an answer, 304 when the client has it already.
Shared by discovery and OpenAPI. Nothing here is per client or grows with requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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


@dataclass(frozen=True, slots=True)
class Accepted:
    """One clause of an Accept header."""

    media_type: str
    parameters: frozenset[tuple[str, str]]


@lru_cache(256)
def accepted(header: bytes | None) -> tuple[Accepted, ...]:
    """The clauses of an Accept header, best first. No header accepts anything."""
    if not header:
        return (Accepted("*/*", frozenset()),)
    weighed = sorted(_clauses(header.decode("latin-1")), key=lambda pair: -pair[0])
    return tuple(clause for quality, clause in weighed if quality > 0)


def _clauses(header: str) -> Iterator[tuple[float, Accepted]]:
    for part in header.split(","):
        media_type, *rest = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        parameters = set()
        for piece in rest:
            name, _, value = piece.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            else:
                parameters.add((name.strip(), value.strip().strip('"')))
        yield quality, Accepted(media_type.lower(), frozenset(parameters))


def require_read(request: Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed


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
