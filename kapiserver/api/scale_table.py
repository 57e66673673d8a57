"""A Scale as an answer: itself, its metadata, or the Table that `--subresource=scale` shows.

In: the Scale that was made of an object. Out: the form that the client asked for. A Scale is not
stored: nothing of its rows is shared or kept.
"""

from __future__ import annotations

import time

import orjson

from kapiserver.api.call import Call
from kapiserver.api.negotiation import TABLE
from kapiserver.api.options import include_object
from kapiserver.api.render import (
    is_metadata,
    output_of,
    partial_metadata,
    respond_bytes,
    respond_json,
)
from kapiserver.api.tables import METADATA, OBJECT, described, table_of
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.printing import AGE, NAME, column, doc, name, number_at

COLUMNS = (
    column("Name", name, NAME.description),
    column(
        "Desired",
        number_at("spec", "replicas"),
        doc("autoscaling.v1.ScaleSpec.replicas"),
        type="integer",
    ),
    column(
        "Available",
        number_at("status", "replicas"),
        doc("autoscaling.v1.ScaleStatus.replicas"),
        type="integer",
    ),
    AGE,
)


def scale_answer(call: Call, scale: Object) -> Response:
    """Raises NotAcceptable, and BadRequest for an `includeObject` that there is not."""
    output = output_of(call.context)
    metadata = partial_metadata(scale["metadata"], output.meta_version)
    if is_metadata(output):
        return respond_bytes(metadata, output)
    if output.convert != TABLE:
        return respond_json(scale, call.context)
    include, now = include_object(call.context.query), time.time()
    shown = {METADATA: metadata, OBJECT: orjson.dumps(scale)}.get(include, b"null")
    cells = orjson.dumps([each.cell(scale, now) for each in COLUMNS])
    columns = orjson.dumps([described(each, call.scope) for each in COLUMNS])
    revision = {"resourceVersion": scale["metadata"]["resourceVersion"]}
    row = b'{"cells":%b,"object":%b}' % (cells, shown)
    return respond_bytes(table_of(output.meta_version, revision, columns, [row]), output)
