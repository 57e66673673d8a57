"""WATCH: a stream of events. What is refused before the stream starts is an ordinary error; what
happens later (a resourceVersion that is gone, most of all) is an ERROR event in the stream. Over a
WebSocket, each event is a message."""

from __future__ import annotations

import random
from dataclasses import replace

from kapiserver.api.call import Call
from kapiserver.api.events import encoder_for
from kapiserver.api.list import selection_of
from kapiserver.api.negotiation import (
    JSON,
    METADATA,
    METADATA_LIST,
    PROTOBUF,
    TABLE,
    negotiate_stream,
)
from kapiserver.api.options import include_object, list_options
from kapiserver.request import Request, Response, StreamFunction
from kapiserver.resources.protobuf import unframed
from kapiserver.storage import WatchQuery
from kapiserver.websockets import (
    MessageForm,
    accept_fields,
    asked_protocols,
    check_handshake,
    is_websocket,
    over_websocket,
)


async def watch(call: Call) -> Response:
    context = call.context
    output = negotiate_stream(context.request.header(b"accept") or b"")
    content_type = JSON
    if output.media_type == PROTOBUF:
        output = replace(output, encoder=call.services.scopes.encoder)
        content_type = f"{PROTOBUF};stream=watch"
    if output.convert == METADATA_LIST:
        output = replace(output, convert=METADATA)
    include = include_object(context.query) if output.convert == TABLE else ""
    options = list_options(context.query, call.scope.definition, watch=True)
    query = WatchQuery(
        encoder_for(call.scope, output, include),
        selection_of(call, options),
        options.resource_version,
        options.send_initial_events,
        options.bookmarks,
        _timeout(options.timeout, call.services.watch_seconds),
    )
    run = call.scope.objects.watch(query).run
    if is_websocket(context.request):
        return _switched(context.request, run, _LINES if output.encoder is None else _FRAMES)
    return Response(200, [(b"content-type", content_type.encode())], stream=run)


def _timeout(asked: float | None, least: float) -> float | None:
    """Without a word on it, a watch ends at a random time, so that clients spread."""
    if asked is None and least:
        return random.uniform(least, 2 * least)
    return asked


def _lines(events: bytes) -> list[bytes]:
    return events.splitlines(keepends=True)


_LINES = MessageForm(text=True, split=_lines)
_FRAMES = MessageForm(text=False, split=unframed)


def _switched(request: Request, run: StreamFunction, form: MessageForm) -> Response:
    """Events are the same under any subprotocol: the first that is offered will do."""
    check_handshake(request)
    protocol = next(iter(asked_protocols(request)), "")
    fields = accept_fields(request, protocol)
    return Response(101, fields, upgrade=over_websocket(run, form))
