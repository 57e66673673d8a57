"""POST: a new object, with a generated name if the client asked for one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from kapiserver.admission.chain import CREATE
from kapiserver.api import metadata as meta
from kapiserver.api.answers import object_answer
from kapiserver.api.apply.tracking import check_admitted, entries_of, track_create
from kapiserver.api.call import Call
from kapiserver.api.checks import check_create
from kapiserver.api.companion import CLAIM_ATTEMPTS
from kapiserver.api.decoding import read_object
from kapiserver.api.large_bodies import apart
from kapiserver.api.options import WriteOptions, write_options
from kapiserver.api.render import output_of
from kapiserver.api.write import stored_if_small_enough
from kapiserver.errors import AlreadyExists, ServiceUnavailable, UnclassifiedError
from kapiserver.request import Response
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.storage import GuardMoved, KeyExists, StoredObject
from kapiserver.storage.together import NOTHING, Together

# Enough for a million names under one prefix, as upstream has worked out.
NAME_ATTEMPTS = 8


async def create(call: Call) -> Response:
    output = output_of(call.context)
    options = write_options(call.context.query, "CreateOptions")
    obj = await read_object(call, options.field_validation)
    stored = await create_object(call, obj, options)
    return object_answer(call, stored, output, 201)


async def create_object(
    call: Call, obj: Object, options: WriteOptions, *, applied: bool = False
) -> StoredObject:
    """Create a decoded object (served version, consumed). Raises AlreadyExists, Invalid, …

    `applied`: its managedFields say already who owns what.
    """
    strategy = call.scope.strategy
    metadata = meta.metadata_of(obj)
    meta.drop_system_fields(metadata)
    meta.match_namespace(metadata, call.namespace)
    revised = _has_revision(metadata)
    write = call.write_context(dry_run=options.dry_run)
    size = call.size_with()
    await apart(size, partial(_complete, call, obj, write, options, applied=applied))
    name = metadata.get("name", "")
    attributes = call.admission_attributes(CREATE, name, dry_run=options.dry_run, obj=obj)
    entries = entries_of(obj)
    await call.services.admission.mutate(attributes)
    check_admitted(call, obj, entries)
    meta.begin_create(obj, generations=strategy.bumps_generation)
    metadata = meta.metadata_of(obj)
    prefix = metadata.get("generateName", "")
    generating = bool(prefix) and not metadata.get("name")
    attempts = NAME_ATTEMPTS if generating else 1
    moves = CLAIM_ATTEMPTS
    companion = call.companion
    # each attempt completes the object anew: what is made of its name, too
    again = generating or companion is not None or attributes.depends_on is not None
    draft = orjson.dumps(obj) if again else b""
    while True:
        attempts -= 1
        if generating:
            metadata["name"] = meta.generated_name(prefix)
        if strategy.prepare_for_create is not None:
            await apart(size, partial(strategy.prepare_for_create, obj, write))
        together = NOTHING if companion is None else await companion.create(obj, write)
        await apart(size, partial(check_create, call, obj, write))
        attributes.name = metadata["name"]
        await call.services.admission.validate(attributes)
        if revised and not options.dry_run:
            raise UnclassifiedError("resourceVersion should not be set on objects to be created")
        try:
            store = partial(
                _store,
                call,
                options=options,
                unchanged=attributes.depends_on,
                together=together,
            )
            return await (store(obj) if applied else stored_if_small_enough(store, obj))
        except GuardMoved:
            attempts += 1
            moves -= 1
            if moves == 0:
                raise _contended() from None
            attributes.depends_on = None  # the namespace has changed: ask once more
        except KeyExists as error:
            if attempts == 0:
                raise _exists(call, error.existing, generated=bool(prefix)) from error
        if draft:
            obj = orjson.loads(draft)
            attributes.obj = obj
            metadata = meta.metadata_of(obj)


def _complete(
    call: Call, obj: Object, write: WriteContext, options: WriteOptions, *, applied: bool
) -> None:
    """Bring it to the stored version, with defaults, and with who owns what of it."""
    scope = call.scope
    scope.to_storage(obj)
    if scope.strategy.defaults is not None:
        scope.strategy.defaults(obj, write)
    scope.fill(obj)
    call.context.warn(meta.drop_duplicate_owners(meta.metadata_of(obj), admitted=applied))
    if not applied:
        track_create(call, obj, options)


def _has_revision(metadata: Mapping[str, Any]) -> bool:
    """What is no number does not count."""
    given = metadata.get("resourceVersion", "")
    return given.isascii() and given.isdigit() and int(given[:20]) > 0


async def _store(
    call: Call,
    obj: Object,
    *,
    options: WriteOptions,
    unchanged: StoredObject | None,
    together: Together,
) -> StoredObject:
    objects, name = call.scope.objects, obj["metadata"]["name"]
    if not options.dry_run:
        lifetime = call.services.lifetimes.get(call.scope.definition.resource, 0)
        return await objects.create(
            call.namespace, name, obj, ttl=lifetime, unchanged=unchanged, together=together
        )
    existing = await objects.get(call.namespace, name)
    if existing is not None:
        raise KeyExists(existing)
    return objects.preview(call.namespace, name, obj, 0)


def _contended() -> ServiceUnavailable:
    return ServiceUnavailable(
        "what the object depends on kept changing while it was written, please try again",
        retry_after=1,
    )


def _exists(call: Call, existing: StoredObject, *, generated: bool) -> AlreadyExists:
    """`generated`: the object has a prefix for names; also if its own came from the client."""
    error = AlreadyExists.of(call.scope.group, call.scope.resource, existing.name)
    if generated:
        error.message += ", the server was not able to generate a unique name for the object"
        error.retry_after = 1
    if "deletionTimestamp" in existing.decoded()["metadata"]:
        error.message = f"object is being deleted: {error.message}"
    return error
