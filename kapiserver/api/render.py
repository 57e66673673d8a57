"""Objects, lists and Status documents as response bodies, in the form that was negotiated.

In: encoded or decoded objects and an `Output`. Out: bytes. Stored bytes that the client wants as
they are go through untouched; everything else is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from kapiserver.api import yaml_text
from kapiserver.api.negotiation import (
    JSON,
    METADATA,
    METADATA_LIST,
    OBJECT,
    PLAIN,
    PROTOBUF,
    YAML,
    Output,
    negotiate,
    wants_pretty,
)
from kapiserver.errors import NotAcceptable
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.query import first
from kapiserver.request import Response
from kapiserver.resources.protobuf import Encoder, Unwritable
from kapiserver.resources.protobuf.writing import Body
from kapiserver.storage import ListPage

# Items per piece of a big list: about what the front end sends at once.
ITEMS_PER_PIECE = 160

# Smaller documents are copied to end them with a newline: one part is written faster than two.
_COPIED = 256 * 1024

_HEADERS = {
    JSON: (b"content-type", b"application/json"),
    YAML: (b"content-type", b"application/yaml"),
    PROTOBUF: (b"content-type", PROTOBUF.encode()),
}


def output_of(context: RequestContext, *, convertible: bool = True) -> Output:
    """What the client accepts. Raises NotAcceptable."""
    request = context.request
    accept = request.header(b"accept") or b""
    encoder = context.encoder
    found = PLAIN
    if accept:
        found = negotiate(accept, convertible=convertible, protobuf=encoder is not None)
        if found.media_type == PROTOBUF:
            return replace(found, pretty=False, encoder=encoder)
    if wants_pretty(first(context.query, "pretty"), request.header(b"user-agent")):
        return replace(found, pretty=True)
    return found


def is_plain(output: Output) -> bool:
    """Whether compact JSON of the object itself is wanted."""
    return output.convert == OBJECT and not output.pretty and output.media_type == JSON


def encode(document: Any, output: Output) -> bytes:
    if output.encoder is not None:
        require_writable(output.encoder, document.get("apiVersion", "v1"), document["kind"])
        return output.encoder.document(document)
    if output.media_type == YAML:
        return yaml_text.dump(document)
    if output.pretty:  # without a newline, as Go's MarshalIndent
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def require_writable(encoder: Encoder, api_version: str, kind: str) -> Body:
    """How documents of a kind become messages; NotAcceptable if there is no such message."""
    try:
        return encoder.body_of(api_version, kind)
    except Unwritable as error:
        raise NotAcceptable(str(error)) from error


def respond(document: Any, output: Output, status: int = 200) -> Response:
    return Response(status, [_HEADERS[output.media_type]], encode(document, output))


def respond_raw(document: Any, status: int) -> Response:
    """For who accepts nothing that could be sent: indented JSON, as upstream."""
    return Response(status, [_HEADERS[JSON]], orjson.dumps(document, option=orjson.OPT_INDENT_2))


def respond_document(document: bytes, output: Output, status: int = 200) -> Response:
    """Ready compact JSON without its newline. Big documents are not copied to add it."""
    if len(document) < _COPIED:
        return respond_bytes(document + b"\n", output, status)
    return respond_bytes((document, b"\n"), output, status)


def respond_bytes(body: bytes | Sequence[bytes], output: Output, status: int = 200) -> Response:
    """Ready lines of JSON; they are parsed again only for people, for YAML and for protobuf."""
    if output.pretty or output.media_type != JSON:
        joined = body if isinstance(body, bytes) else b"".join(body)
        return respond(orjson.loads(joined), output, status)
    return Response(status, [_HEADERS[JSON]], body, compressible=True)


def respond_json(document: Any, context: RequestContext, status: int = 200) -> Response:
    """A document that is no stored object (Status, Scale, reviews): never a Table."""
    return respond(document, output_of(context, convertible=False), status)


def list_metadata(page: ListPage) -> dict[str, Any]:
    # what is computed and not stored is of no revision
    metadata: dict[str, Any] = {"resourceVersion": str(page.revision)} if page.revision else {}
    if page.continue_token:
        metadata["continue"] = page.continue_token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    return metadata


def list_body(
    kind: str, api_version: str, metadata: dict[str, Any], pieces: list[bytes], opening: bytes = b""
) -> bytes | list[bytes]:
    """A List document around items that are encoded and joined; as many chunks as pieces.

    `opening`: what items begin with and the first one lacks (the commas before others have it).
    """
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    head = head[:-1] + b',"items":['
    if len(pieces) < 2:
        return b"%b%b%b]}\n" % (head, opening if pieces else b"", pieces[0] if pieces else b"")
    return [head + opening, *_separated(pieces, b"," + opening), b"]}\n"]


def _separated(pieces: list[bytes], comma: bytes) -> Iterator[bytes]:
    yield pieces[0]
    for piece in pieces[1:]:
        yield comma
        yield piece


class ListWriter:
    """A List for people, written piece by piece: head, items, end. `head` has no items."""

    def __init__(self, head: dict[str, Any], output: Output) -> None:
        self._head = head
        self._yaml = output.media_type == YAML
        self._written = 0

    def head(self) -> bytes:
        if self._yaml:  # keys are sorted: the others come behind the items
            return yaml_text.dump({"apiVersion": self._head["apiVersion"]}) + b"items:"
        return orjson.dumps(self._head, option=orjson.OPT_INDENT_2)[:-2] + b',\n  "items": ['

    def item(self, obj: Any) -> bytes:
        self._written += 1
        if self._yaml:
            return b"\n- " + yaml_text.dump(obj)[:-1].replace(b"\n", b"\n  ")
        comma = b"," if self._written > 1 else b""
        indented = orjson.dumps(obj, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")
        return comma + b"\n    " + indented

    def end(self) -> bytes:
        if self._yaml:
            rest = {key: value for key, value in self._head.items() if key != "apiVersion"}
            return (b"\n" if self._written else b" []\n") + yaml_text.dump(rest)
        return b"\n  ]\n}" if self._written else b"]\n}"


def respond_chunks(chunks: list[bytes], output: Output) -> Response:
    return Response(200, [_HEADERS[output.media_type]], chunks, compressible=True)


def partial_metadata(metadata: Any, meta_version: str) -> bytes:
    """A PartialObjectMetadata from decoded metadata."""
    return b'{"kind":"%b","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (
        METADATA.encode(),
        meta_version.encode(),
        orjson.dumps(metadata),
    )


def is_metadata(output: Output) -> bool:
    return output.convert in (METADATA, METADATA_LIST)
