"""PATCH with an apply config: merge it into the object, or create the object from it.

The answer is 200, or 201 for a new object. Conflicts of revisions are retried with a fresh merge;
conflicts of ownership are the client's (409), unless it forces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kapiserver.api import metadata as meta
from kapiserver.api.answers import object_answer
from kapiserver.api.apply.check import problems
from kapiserver.api.apply.config import Config, read_config, type_name
from kapiserver.api.apply.manager import Untyped
from kapiserver.api.apply.restore import restore
from kapiserver.api.body import BODY_LIMIT
from kapiserver.api.call import Call
from kapiserver.api.create import create_object
from kapiserver.api.large_bodies import apart
from kapiserver.api.negotiation import APPLY_PATCH, media_type
from kapiserver.api.options import IGNORE, WriteOptions, write_options
from kapiserver.api.render import output_of
from kapiserver.api.write import AbsentError, Ownership, Update
from kapiserver.errors import (
    MODIFIED,
    AlreadyExists,
    BadRequest,
    Conflict,
    Invalid,
    UnclassifiedError,
)
from kapiserver.pipeline.query import flag
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import required
from kapiserver.storage import StoredObject

SCALE = ("autoscaling/v1", "Scale")
_SCALE_SCHEMA = "io.k8s.api.autoscaling.v1.Scale"

# Creating and deleting by others may alternate with us, but not for ever.
_ATTEMPTS = 5


def is_apply(call: Call) -> bool:
    return media_type(call.context.request.header(b"content-type")) == APPLY_PATCH


async def apply(call: Call) -> Response:
    output = output_of(call.context)
    options = _options(call)
    scope = call.scope
    config = await _config(call, options, scope.api_version, scope.kind)

    def build(live: Object | None) -> Object:
        return _merged(call, options, config, config.fresh(), live)

    for _ in range(_ATTEMPTS):
        try:
            stored = await _update(call, options, build)
            return object_answer(call, stored, output)
        except AbsentError:
            if call.subresource:
                raise call.not_found() from None
        try:
            stored = await _create(call, options, build(None))
            return object_answer(call, stored, output, 201)
        except AlreadyExists:
            continue
    raise Conflict.of(scope.group, scope.resource, call.name, MODIFIED)


async def apply_scale(call: Call) -> StoredObject:
    """A Scale is applied as the replicas of its object. AbsentError: there is no such object."""
    options = _options(call)
    config = await _config(call, options, *SCALE)
    scope = call.scope

    def build(live: Object) -> Object:
        scale = config.fresh()
        problem = problems(scope.field_types, _SCALE_SCHEMA, scale)
        if problem:
            raise _untyped(call, scale, problem)
        partial: Object = {"apiVersion": scope.api_version, "kind": scope.kind}
        given = scale.get("metadata") or {}
        partial["metadata"] = {
            field: given[field]
            for field in ("name", "namespace", "resourceVersion", "uid")
            if field in given
        }
        spec = scale.get("spec") or {}
        if spec.get("replicas") is not None:
            partial["spec"] = {"replicas": spec["replicas"]}
        return _merged(call, options, config, partial, live)

    return await _update(call, options, build)


def _options(call: Call) -> WriteOptions:
    """PatchOptions as apply has them: a manager must be named, and may use force."""
    query = dict(call.context.query)
    query.pop("force", None)
    options = write_options(query, "PatchOptions")
    if not options.field_manager:
        cause = required("fieldManager", "is required for apply patch")
        raise Invalid.of("meta.k8s.io", "PatchOptions", "", [cause])
    return WriteOptions(
        options.dry_run,
        options.field_validation,
        options.field_manager,
        flag(call.context.query, "force"),
    )


async def _config(call: Call, options: WriteOptions, api_version: str, kind: str) -> Config:
    body = await call.context.request.body(BODY_LIMIT)
    strict = options.field_validation != IGNORE
    return await apart(len(body), partial(read_config, body, api_version, kind, strict=strict))


def _merged(
    call: Call, options: WriteOptions, config: Config, wanted: Object, live: Object | None
) -> Object:
    """The object that the config makes of `live`, fit for typed decoding."""
    scope = call.scope
    manager = scope.field_manager(call.subresource)
    try:
        merged = manager.apply(
            live, wanted, options.field_manager, meta.timestamp(), force=options.force
        )
    except Untyped as untyped:
        raise _untyped(call, wanted, str(untyped)) from untyped
    except RecursionError as error:
        raise BadRequest("exceeded max depth") from error
    if scope.validator.check(merged).error:
        problem = restore(scope.field_types.schemas, scope.version.schema, merged)
        if problem:
            kind = type_name(scope.api_version, scope.kind)
            raise UnclassifiedError(
                f"failed to convert new object ({_what(call, wanted)}) to proper version: "
                f"unable to convert unstructured object to {kind}: {problem}"
            )
    config.report_duplicates(call, options.field_validation)
    return merged


def _untyped(call: Call, config: Object, problem: str) -> UnclassifiedError:
    what = _what(call, config)
    return UnclassifiedError(f"failed to create typed patch object ({what}): {problem}")


def _what(call: Call, config: Object) -> str:
    metadata = config.get("metadata")
    given = metadata if isinstance(metadata, dict) else {}
    namespace, name = (
        value if isinstance(value, str) else ""
        for value in (given.get("namespace"), given.get("name"))
    )
    return f"{namespace}/{name}; {type_name(config.get('apiVersion'), config.get('kind'))}"


async def _update(
    call: Call, options: WriteOptions, build: Callable[[Object], Object]
) -> StoredObject:
    change = Update(call, call.name, options, build, ownership=Ownership.BUILT)
    return await change.run()


async def _create(call: Call, options: WriteOptions, obj: Object) -> StoredObject:
    call.require("create")
    scope = call.scope
    metadata = meta.metadata_of(obj)
    if metadata.get("uid"):
        why = (
            f"uid mismatch: the provided object specified uid {metadata['uid']}, "
            "and no existing object was found"
        )
        raise Conflict.of(scope.group, scope.resource, call.name, why)
    metadata.pop("resourceVersion", None)  # only an object that is there is compared with
    meta.match_namespace(metadata, call.namespace)
    meta.match_name(metadata, call.name)
    return await create_object(call, obj, options, applied=True)
