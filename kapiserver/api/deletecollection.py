"""DELETE of a collection: every selected object, one after the other; answers with their list."""

from __future__ import annotations

from kapiserver.api.call import Call
from kapiserver.api.delete import delete_object, read_delete_options
from kapiserver.api.list import list_query, page_answer
from kapiserver.api.options import list_options
from kapiserver.api.render import output_of
from kapiserver.errors import NotFound
from kapiserver.request import Response


async def delete_collection(call: Call) -> Response:
    output = output_of(call.context)
    chosen = list_options(call.context.query, call.scope.definition, watch=False)
    options = await read_delete_options(call)
    page = await call.scope.objects.list(list_query(call, chosen))
    for stored in page.items:
        try:
            await delete_object(call, stored.name, options)
        except NotFound:
            continue  # somebody else was faster
    return await page_answer(call, page, output)
