"""GET of one object: linearizable by default, from this node's cache with resourceVersion=0."""

from __future__ import annotations

from kapiserver.api.answers import object_answer
from kapiserver.api.call import Call
from kapiserver.api.options import resource_version
from kapiserver.api.render import output_of
from kapiserver.pipeline.query import first
from kapiserver.request import Response


async def get(call: Call) -> Response:
    output = output_of(call.context)
    wanted = resource_version(first(call.context.query, "resourceVersion"))
    stored = await call.scope.objects.get(call.namespace, call.name, resource_version=wanted)
    if stored is None:
        raise call.not_found()
    return object_answer(call, stored, output)


def get_now(call: Call) -> Response | None:
    """The answer if no waiting is needed for it, else None."""
    query = call.context.query
    wanted = first(query, "resourceVersion") if query else ""
    objects = call.scope.objects
    if wanted != "0" and (wanted or not objects.storage.barrier_now()):
        return None
    output = output_of(call.context)
    stored = objects.get_now(call.namespace, call.name)
    if stored is None:
        raise call.not_found()
    return object_answer(call, stored, output)
