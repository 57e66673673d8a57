"""Ownership on the way of a write: who writes, and managedFields brought up to date by it.

Called by the verbs between defaulting and admission: what admission and the resource's own hooks
change after that belongs to nobody.
"""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.api.apply.manager import problem_with
from kapiserver.api.apply.managers import from_user_agent
from kapiserver.api.call import Call
from kapiserver.api.metadata import metadata_of, timestamp
from kapiserver.api.options import WriteOptions
from kapiserver.errors import BadRequest
from kapiserver.remembering import remembered
from kapiserver.resources.definition import Object

# The server's own writes, as clients know them from upstream.
SERVER = "kube-apiserver"

_TOO_DEEP = "exceeded max depth"


@remembered(512)
def _program(agent: bytes) -> str:
    return from_user_agent(agent.decode("utf-8", "replace"))


def writer_of(call: Call, options: WriteOptions) -> str:
    """The manager that a write is recorded under."""
    if options.field_manager:
        return options.field_manager
    request = call.context.request
    return _program(request.header(b"user-agent") or b"") if request.method else SERVER


def track_create(call: Call, obj: Object, options: WriteOptions) -> None:
    """`obj`: a new object in the stored version, defaulted."""
    manager = call.scope.field_manager(call.subresource)
    served = _served(call, obj)
    try:
        manager.created(served, writer_of(call, options), timestamp())
    except RecursionError as error:
        raise BadRequest(_TOO_DEEP) from error
    _take(obj, served)


def track_update(call: Call, old: Object, new: Object, options: WriteOptions) -> None:
    """`old`, `new`: objects in the stored version; `new` is defaulted."""
    manager = call.scope.field_manager(call.subresource)
    served = _served(call, new)
    try:
        manager.updated(_served(call, old), served, writer_of(call, options), timestamp())
    except RecursionError as error:
        raise BadRequest(_TOO_DEEP) from error
    _take(new, served)


def _served(call: Call, obj: Object) -> Object:
    """The object in the served version; mostly the stored one itself."""
    scope = call.scope
    if not scope.converts:
        return obj
    copy: Object = orjson.loads(orjson.dumps(obj))
    return scope.from_storage(copy)


def _take(obj: Object, served: Object) -> None:
    if served is obj:
        return
    entries = served["metadata"].get("managedFields")
    if entries:
        metadata_of(obj)["managedFields"] = entries
    else:
        metadata_of(obj).pop("managedFields", None)


def entries_of(obj: Object) -> Any:
    return metadata_of(obj).get("managedFields")


def check_admitted(call: Call, obj: Object, before: Any) -> None:
    """Admission may change managedFields, but not into something that is none."""
    after = entries_of(obj)
    if after is before:
        return
    problem = problem_with(after)
    if problem:
        if before:
            metadata_of(obj)["managedFields"] = before
        else:
            metadata_of(obj).pop("managedFields", None)
        call.context.warn(
            ".metadata.managedFields was in an invalid state after admission; this could be caused "
            "by an outdated mutating admission controller; please fix your requests: " + problem
        )
    elif not after:
        metadata_of(obj).pop("managedFields", None)
