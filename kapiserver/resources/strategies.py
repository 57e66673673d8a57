"""Hooks that many resources share: the separation of status from everything else, and defaults.

The rule: the main endpoint never writes status, /status never writes anything else. Hooks change
the new object in place, never the old one. They may share subtrees with it, so a hook that edits
below the top level runs before the ones that put old subtrees back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

from kapiserver.errors import Cause
from kapiserver.resources.definition import (
    Object,
    Prepare,
    Strategy,
    Validate,
    Warn,
    WriteContext,
)
from kapiserver.resources.field_errors import immutable
from kapiserver.resources.printing import dig
from kapiserver.resources.validation.internals import NIL

# Everything but these is what a resource's spec means to generation and to /status.
_ENVELOPE = ("apiVersion", "kind", "metadata", "status")


def next_generation(old: Object, new: Object, metadata: Sequence[str] = ()) -> int:
    """metadata.generation after an update: one more when what is wanted changed.

    That is everything but metadata and status, and those fields of metadata that the strategy
    names. An object from before generations were kept counts from zero.
    """
    before, after = old.get("metadata", {}), new.get("metadata", {})
    current: int = before.get("generation", 0)
    changed = _desired(old) != _desired(new) or any(
        (before.get(field) or {}) != (after.get(field) or {}) for field in metadata
    )
    return current + 1 if changed else current


def _desired(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in _ENVELOPE}


def put_back(obj: Object, old: Object, *fields: str) -> None:
    """Undo what the client did to top-level fields."""
    for name in fields:
        if name in old:
            obj[name] = old[name]
        else:
            obj.pop(name, None)


def put_back_metadata(obj: Object, old: Object, *fields: str) -> None:
    put_back(obj.setdefault("metadata", {}), old.get("metadata", {}), *fields)


def put_back_all_but(obj: Object, old: Object, *kept: str) -> None:
    """Only `kept` top-level fields and metadata stay as the client sent them."""
    for name in {*obj, *old} - {"apiVersion", "kind", "metadata", *kept}:
        put_back(obj, old, name)


def drop_status(obj: Object, context: WriteContext) -> None:
    """Creating: status is for controllers, through /status."""
    obj.pop("status", None)


def split_status(obj: Object, context: WriteContext) -> None:
    """Updating: /status changes status and metadata, everything else changes all but status."""
    old = context.old
    if old is None:
        return
    if context.subresource == "status":
        put_back_all_but(obj, old, "status")
    else:
        put_back(obj, old, "status")


def split_status_and_metadata(obj: Object, context: WriteContext) -> None:
    """As split_status, for kinds where /status leaves the user's metadata alone as well."""
    split_status(obj, context)
    if context.old is not None and context.subresource == "status":
        put_back_metadata(
            obj, context.old, "labels", "annotations", "finalizers", "ownerReferences"
        )


def in_order(*hooks: Prepare) -> Prepare:
    def prepare(obj: Object, context: WriteContext) -> None:
        for hook in hooks:
            hook(obj, context)

    return prepare


def all_findings(*checks: Validate) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        return [cause for check in checks for cause in check(obj, context)]

    return validate


def unchanging(*paths: str, absent: str = NIL) -> Validate:
    """Updating: the fields at these dotted paths keep the value that they were created with.

    `absent` is how a value that was taken away is shown.
    """
    split = [(path, tuple(path.split("."))) for path in paths]

    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        old = context.old
        if old is None or context.subresource == "status":
            return ()
        return [
            immutable(path, absent if value is None else value)
            for path, steps in split
            if (value := dig(obj, *steps)) != dig(old, *steps)
        ]

    return validate


class Rules(TypedDict, total=False):
    """What both kinds of strategies take. `validate` runs on create and update."""

    defaults: Prepare | None
    validate: Validate | None
    validate_update: Validate | None
    warnings: Warn | None
    complete: bool
    create_on_update: bool
    unconditional_update: bool
    generation_metadata: tuple[str, ...]
    status_keeps: tuple[str, ...]
    keeps: tuple[str, ...]
    terminating_phase: str


def with_status(
    *,
    create: Prepare | None = drop_status,
    update: Prepare = split_status,
    generation: bool = True,
    **rules: Unpack[Rules],
) -> Strategy:
    """A strategy for kinds with a status subresource."""
    return without_status(create=create, update=update, generation=generation, **rules)


def without_status(
    *,
    create: Prepare | None = None,
    update: Prepare | None = None,
    generation: bool = False,
    **rules: Unpack[Rules],
) -> Strategy:
    """A strategy for kinds that have no status, or none that is kept apart."""
    validate = rules.get("validate")
    return Strategy(
        defaults=rules.get("defaults"),
        prepare_for_create=create,
        prepare_for_update=update,
        validate_create=validate,
        validate_update=_both(validate, rules.get("validate_update")),
        warnings=rules.get("warnings"),
        complete_rules=rules.get("complete", False),
        allow_create_on_update=rules.get("create_on_update", False),
        allow_unconditional_update=rules.get("unconditional_update", True),
        bumps_generation=generation,
        generation_metadata=rules.get("generation_metadata", ()),
        status_keeps=rules.get("status_keeps", ()),
        keeps=rules.get("keeps", ()),
        terminating_phase=rules.get("terminating_phase", ""),
    )


def _both(first: Validate | None, second: Validate | None) -> Validate | None:
    if first is None or second is None:
        return first or second
    return all_findings(first, second)


def set_default(obj: Object, field: str, value: object) -> None:
    """Fill an absent field. A null never gets here: decoding drops it."""
    if field not in obj:
        obj[field] = value


def fill_default(obj: Object, field: str, value: object) -> None:
    """Of a field that Go has no pointer for: its zero value is as good as none."""
    if not obj.get(field):
        obj[field] = value
