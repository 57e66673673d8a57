"""The update of one stored object, whatever asked for it: PUT, PATCH, a subresource, a controller.

In: a call, and a function that makes the new object from the old one. Out: the stored object.

The first attempt starts from this node's cache, without asking the leader: the write is guarded by
the revision that was read, so if it goes through, the read was the newest. Whatever else comes of
that attempt (a refusal, nothing to change) counts only if a fresh read shows the same revision.
Conflicts are retried on the newest object; a client that named a resourceVersion gets its 409 from
the comparison with that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial

from kapiserver.admission.chain import UPDATE
from kapiserver.api import deletion
from kapiserver.api import metadata as meta
from kapiserver.api.apply.manager import keep_times
from kapiserver.api.apply.tracking import check_admitted, entries_of, track_update
from kapiserver.api.call import Call
from kapiserver.api.checks import check_changed
from kapiserver.api.companion import CLAIM_ATTEMPTS
from kapiserver.api.go_text import quoted
from kapiserver.api.large_bodies import apart
from kapiserver.api.options import WriteOptions
from kapiserver.errors import (
    MODIFIED,
    ApiError,
    Conflict,
    Invalid,
    RequestEntityTooLarge,
    UnclassifiedError,
)
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.strategies import next_generation
from kapiserver.storage import GuardMoved, RevisionConflict, StoredObject
from kapiserver.storage.together import NOTHING, Together

# With so many writers ahead of it every time, a client had better come back later.
ATTEMPTS = 50

# The current object, decoded in the served version and free to be changed → the new object.
Build = Callable[[Object], Object]


class Ownership(Enum):
    """How the record of field ownership follows an update."""

    TRACKED = "whoever writes owns what it changes"
    BUILT = "the build function keeps the record (apply)"
    UNTOUCHED = "nobody's ownership changes"


async def stored_if_small_enough(
    store: Callable[[Object], Awaitable[StoredObject]], obj: Object
) -> StoredObject:
    """Store an object; if that is too large, without the record of who owns its fields."""
    try:
        return await store(obj)
    except RequestEntityTooLarge:
        if obj["metadata"].pop("managedFields", None) is None:
            raise
    return await store(obj)


def _upstream_key(call: Call, name: str) -> str:
    scope = call.scope
    own = f"{scope.group}/{scope.resource}" if scope.is_custom else scope.resource
    folder = scope.definition.upstream_folder or own
    return "/".join(part for part in ("/registry", folder, call.namespace, name) if part)


def wrong_uid(call: Call, name: str, given: str, known: str) -> Conflict:
    """Another object than the client means has the name, or none has ("")."""
    scope = call.scope
    why = (
        f"StorageError: invalid object, Code: 4, Key: {_upstream_key(call, name)}, "
        f"ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {given}"
        f", UID in object meta: {known}"
    )
    return Conflict.of(scope.group, scope.resource, name, why)


class AbsentError(Exception):
    """There is no object to update."""


@dataclass(slots=True)
class Update:
    """One update. `replaces`: the client sent the whole object (PUT), so its uid must fit and an
    absent resourceVersion means that any will do, where the resource allows that."""

    call: Call
    name: str
    options: WriteOptions
    build: Build
    replaces: bool = False
    ownership: Ownership = Ownership.TRACKED

    async def run(self) -> StoredObject:
        """Raises AbsentError, Conflict, Invalid, and what `build` and admission raise."""
        objects = self.call.scope.objects
        namespace = self.call.namespace
        latest: StoredObject | None
        current = objects.get_now(namespace, self.name)
        if current is None or self.options.dry_run or objects.storage.barrier_now():
            latest = await objects.get(namespace, self.name)
        else:
            refusal: ApiError | None = None
            try:
                stored = await self._attempt(current)
                if stored is not current:
                    return stored
                latest = await objects.get(namespace, self.name)
            except RevisionConflict as conflict:
                latest = conflict.latest
            except ApiError as error:
                if error.code >= 500:
                    raise
                refusal = error
                latest = await objects.get(namespace, self.name)
            if latest is not None and latest.revision == current.revision:
                if refusal is not None:
                    raise refusal
                return current
        for _ in range(ATTEMPTS):
            if latest is None:
                raise AbsentError
            try:
                return await self._attempt(latest)
            except RevisionConflict as conflict:
                latest = conflict.latest
        scope = self.call.scope
        raise Conflict.of(scope.group, scope.resource, self.name, MODIFIED)

    async def _attempt(self, current: StoredObject) -> StoredObject:
        """Anew from the same object for as long as only what it wanted to claim was taken."""
        for _ in range(CLAIM_ATTEMPTS):
            with suppress(GuardMoved):
                return await self._write(current)
        scope = self.call.scope
        raise Conflict.of(scope.group, scope.resource, self.name, MODIFIED)

    async def _write(self, current: StoredObject) -> StoredObject:
        call, scope = self.call, self.call.scope
        old = current.decoded()
        new, together = await self._changed(current, old)
        objects = scope.objects
        if self.options.dry_run:
            return objects.preview(call.namespace, self.name, new, current.revision)
        if deletion.finished(new, old, scope.strategy.terminating_phase):
            companion = call.companion
            released = NOTHING if companion is None else companion.delete(old)
            await objects.delete(current, together=released)
            return objects.preview(call.namespace, self.name, new, current.revision)
        update = partial(
            objects.update,
            current,
            ttl=call.services.lifetimes.get(scope.definition.resource, 0),
            together=together,
        )
        tracked = self.ownership is Ownership.TRACKED
        return await (stored_if_small_enough(update, new) if tracked else update(new))

    async def _changed(self, current: StoredObject, old: Object) -> tuple[Object, Together]:
        """The new object in the stored version, prepared and found valid, and what goes with it."""
        call, strategy = self.call, self.call.scope.strategy
        write = call.write_context(dry_run=self.options.dry_run, old=old)
        size = call.size_with(len(current.value))
        new = await apart(size, partial(self._wanted, current, old, write))
        attributes = call.admission_attributes(
            UPDATE, self.name, dry_run=self.options.dry_run, obj=new, old=old
        )
        entries = entries_of(new)
        await call.services.admission.mutate(attributes)
        check_admitted(call, new, entries)
        metadata = meta.metadata_of(new)
        self._check_revision(metadata.get("resourceVersion", ""), current)
        meta.begin_update(new, old)
        if strategy.prepare_for_update is not None:
            await apart(size, partial(strategy.prepare_for_update, new, write))
        together = NOTHING
        if call.companion is not None and not call.subresource:
            together = await call.companion.update(new, write)
        await apart(size, partial(self._check, new, old, write))
        await call.services.admission.validate(attributes)
        return new, together

    def _wanted(self, current: StoredObject, old: Object, write: WriteContext) -> Object:
        """What is built, in the stored version, with defaults, and with who owns what of it."""
        call, scope = self.call, self.call.scope
        new = self.build(scope.decoded(current))
        metadata = meta.metadata_of(new)
        meta.match_namespace(metadata, call.namespace)
        meta.match_name(metadata, self.name)
        given, known = metadata.get("uid", ""), old["metadata"].get("uid", "")
        if self.replaces and given and given != known:
            raise wrong_uid(call, self.name, given, known)
        scope.to_storage(new)
        if scope.strategy.defaults is not None:
            scope.strategy.defaults(new, write)
        scope.fill(new)
        call.context.warn(meta.drop_duplicate_owners(metadata, admitted=not self.replaces))
        if self.ownership is Ownership.TRACKED:
            track_update(call, old, new, self.options)
        return new

    def _check(self, new: Object, old: Object, write: WriteContext) -> None:
        strategy = self.call.scope.strategy
        if strategy.bumps_generation:
            generation = next_generation(old, new, strategy.generation_metadata)
            if generation:  # some kinds begin without one
                new["metadata"]["generation"] = generation
        keep_times(new, old)
        check_changed(self.call, new, old, write)

    def _check_revision(self, given: str, current: StoredObject) -> None:
        scope = self.call.scope
        if given in ("", "0"):
            if not scope.strategy.allow_unconditional_update:
                cause = invalid("metadata.resourceVersion", 0, "must be specified for an update")
                raise Invalid.of(scope.group, scope.resource, self.name, [cause])
        elif not (given.isascii() and given.isdigit()):
            shown = quoted(given)
            raise UnclassifiedError(f"strconv.ParseUint: parsing {shown}: invalid syntax")
        elif given.lstrip("0") != str(current.revision):
            raise Conflict.of(scope.group, scope.resource, self.name, MODIFIED)
