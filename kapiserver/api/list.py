"""LIST: a page of objects, joined from their stored bytes; or a Table; or metadata only."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from kapiserver.api.answers import go_type
from kapiserver.api.call import Call
from kapiserver.api.negotiation import METADATA, METADATA_LIST, TABLE, Output
from kapiserver.api.options import EXACT, ListOptions, include_object, list_options
from kapiserver.api.render import (
    ITEMS_PER_PIECE,
    ListWriter,
    is_metadata,
    is_plain,
    list_body,
    list_metadata,
    output_of,
    partial_metadata,
    require_writable,
    respond_bytes,
    respond_chunks,
    respond_document,
)
from kapiserver.api.tables import TableWriter
from kapiserver.errors import BadRequest, NotAcceptable
from kapiserver.request import Response
from kapiserver.resources.protobuf import Encoder
from kapiserver.storage import ListPage, ListQuery
from kapiserver.storage.object import Selection, StoredObject

# Objects that are decoded (for rows, for metadata, for people) between two checkpoints.
DECODED_PER_CHECKPOINT = 50

# Objects whose bytes are joined at once; longer lists pause in between and are sent in pieces.
JOINED_PER_CHECKPOINT = 1000


def selection_of(call: Call, options: ListOptions) -> Selection:
    """What the path and the selectors ask for. A pinned name or namespace narrows the search."""
    namespace = call.namespace
    name = call.context.info.parts[1] if len(call.context.info.parts) > 1 else ""
    fields = options.fields
    if fields is not None:
        if name and fields.exact("metadata.name") != name:
            raise BadRequest("fieldSelector metadata.name doesn't match requested name")
        name = fields.exact("metadata.name")
        if call.scope.definition.namespaced:
            namespace = namespace or fields.exact("metadata.namespace")
        pinned = (("metadata.name", name), ("metadata.namespace", namespace))
        if all(
            equal and value and (label, value) in pinned for label, equal, value in fields.terms
        ):
            fields = None
    return Selection(namespace, name, options.labels, fields)


async def list_objects(call: Call) -> Response:
    output = output_of(call.context)
    options = list_options(call.context.query, call.scope.definition, watch=False)
    page = await call.scope.objects.list(list_query(call, options))
    return await page_answer(call, page, output)


def list_now(call: Call) -> Response | None:
    """The answer if it can be given at once: no waiting, nothing to decode, not too long."""
    output = output_of(call.context)
    if not is_plain(output):
        return None
    options = list_options(call.context.query, call.scope.definition, watch=False)
    page = call.scope.objects.list_now(list_query(call, options))
    if page is None or len(page.items) > JOINED_PER_CHECKPOINT:
        return None
    return _list_of(call, page, list(_pieces(call, page.items)), output)


def _pieces(call: Call, items: list[StoredObject]) -> Iterator[bytes]:
    """Items joined, batch by batch: the parts of one are gone before the next are made."""
    scope = call.scope
    comma = b"," + scope.item_opening
    for start in range(0, len(items), ITEMS_PER_PIECE):
        yield comma.join(scope.items(items[start : start + ITEMS_PER_PIECE]))


def _list_of(call: Call, page: ListPage, pieces: list[bytes], output: Output) -> Response:
    scope, metadata = call.scope, list_metadata(page)
    body = list_body(scope.list_kind, scope.api_version, metadata, pieces, scope.item_opening)
    return respond_bytes(body, output)


def list_query(call: Call, options: ListOptions) -> ListQuery:
    """What the store is asked. A limit without a word on the match means exactly that revision;
    at "0" there is no limit: clients that start from any state get all of it at once, as from
    upstream's cache."""
    wanted = options.resource_version
    match = options.resource_version_match
    return ListQuery(
        selection_of(call, options),
        0 if wanted == "0" and not options.continue_token else options.limit,
        options.continue_token,
        wanted,
        match == EXACT or (not match and options.limit > 0 and wanted not in ("", "0")),
        options.labels is None and options.fields is None,
    )


async def page_answer(call: Call, page: ListPage, output: Output) -> Response:
    if output.convert == TABLE and output.encoder is None:
        return await _table_answer(call, page, output)
    if output.convert == METADATA:
        raise NotAcceptable(
            "you requested PartialObjectMetadata, but the requested object is a list "
            f"({go_type(call.scope, call.scope.list_kind)})"
        )
    if output.encoder is not None:
        return await _protobuf_answer(call, page, output, output.encoder)
    if is_metadata(output):
        return await _metadata_answer(call, page, output)
    if not is_plain(output):
        return await _readable_answer(call, page, output)
    pieces: list[bytes] = []
    for start in range(0, len(page.items), JOINED_PER_CHECKPOINT):
        pieces += _pieces(call, page.items[start : start + JOINED_PER_CHECKPOINT])
        await trio.lowlevel.checkpoint()
    return _list_of(call, page, pieces, output)


async def _readable_answer(call: Call, page: ListPage, output: Output) -> Response:
    """Indented JSON or YAML, made item by item: people wait, other requests do not."""
    scope = call.scope
    head = {
        "kind": scope.list_kind,
        "apiVersion": scope.api_version,
        "metadata": list_metadata(page),
    }
    writer = ListWriter(head, output)
    chunks = [writer.head()]
    for index, stored in enumerate(page.items, start=1):
        item = scope.decoded(stored)
        if not scope.is_custom:  # in lists of built-in kinds, these are the list's
            del item["kind"], item["apiVersion"]
        chunks.append(writer.item(item))
        if index % DECODED_PER_CHECKPOINT == 0:
            await trio.lowlevel.checkpoint()
    chunks.append(writer.end())
    return respond_chunks(chunks, output)


async def _protobuf_answer(
    call: Call, page: ListPage, output: Output, encoder: Encoder
) -> Response:
    """Objects or their metadata; Tables have no message and are refused."""
    scope = call.scope
    kind, api_version = scope.list_kind, scope.api_version
    if output.convert:
        kind, api_version = output.convert, f"meta.k8s.io/{output.meta_version}"
    require_writable(encoder, api_version, kind)
    body = encoder.body_of(api_version, METADATA if is_metadata(output) else scope.kind)
    items: list[bytes] = []
    for index, stored in enumerate(page.items, start=1):
        items.append(body(stored.decoded() if is_metadata(output) else scope.decoded(stored)))
        if index % DECODED_PER_CHECKPOINT == 0:
            await trio.lowlevel.checkpoint()
    return respond_chunks(encoder.list(api_version, kind, list_metadata(page), items), output)


async def _table_answer(call: Call, page: ListPage, output: Output) -> Response:
    writer = TableWriter(call.scope, include_object(call.context.query), output.meta_version)
    rows: list[bytes] = []
    for index, row in enumerate(writer.rows_of(page.items), start=1):
        rows.append(row)
        if index % DECODED_PER_CHECKPOINT == 0:
            await trio.lowlevel.checkpoint()
    return respond_document(writer.table(list_metadata(page), rows), output)


async def _metadata_answer(call: Call, page: ListPage, output: Output) -> Response:
    items: list[bytes] = []
    for index, stored in enumerate(page.items, start=1):
        items.append(partial_metadata(stored.parsed()["metadata"], output.meta_version))
        if index % DECODED_PER_CHECKPOINT == 0:
            await trio.lowlevel.checkpoint()
    api_version = f"meta.k8s.io/{output.meta_version}"
    body = list_body(METADATA_LIST, api_version, list_metadata(page), items)
    return respond_bytes(body, output)
