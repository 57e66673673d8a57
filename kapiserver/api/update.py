"""PUT: the whole object anew. Where the resource allows it, a PUT to a free name creates."""

from __future__ import annotations

import orjson

from kapiserver.api import metadata as meta
from kapiserver.api.answers import object_answer
from kapiserver.api.call import Call
from kapiserver.api.create import create_object
from kapiserver.api.decoding import read_object
from kapiserver.api.options import write_options
from kapiserver.api.render import output_of
from kapiserver.api.write import AbsentError, Update, wrong_uid
from kapiserver.request import Response
from kapiserver.resources.definition import Object


async def update(call: Call) -> Response:
    output = output_of(call.context)
    options = write_options(call.context.query, "UpdateOptions")
    obj = await read_object(call, options.field_validation)
    metadata = meta.metadata_of(obj)
    meta.match_namespace(metadata, call.namespace)
    meta.match_name(metadata, call.name)
    sent = orjson.dumps(obj)  # each attempt changes its object: each gets a fresh one

    def build(_: Object) -> Object:
        fresh: Object = orjson.loads(sent)
        return fresh

    change = Update(call, call.name, options, build, replaces=True)
    try:
        return object_answer(call, await change.run(), output)
    except AbsentError:
        if metadata.get("uid"):  # compared first: the object that the client had is gone
            raise wrong_uid(call, call.name, metadata["uid"], "") from None
        if call.subresource or not call.scope.strategy.allow_create_on_update:
            raise call.not_found() from None
    metadata.pop("resourceVersion", None)  # only an object that is there is compared with
    call.require("create")
    return object_answer(call, await create_object(call, obj, options), output, 201)
