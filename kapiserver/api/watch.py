"""WATCH: a stream of events. What is refused before the stream starts is an ordinary error; what
happens later (a resourceVersion that is gone, most of all) is an ERROR event in the stream."""

from __future__ import annotations

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
from kapiserver.request import Response
from kapiserver.storage import WatchQuery


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
        options.timeout,
    )
    headers = [(b"content-type", content_type.encode())]
    return Response(200, headers, stream=call.scope.objects.watch(query).run)
