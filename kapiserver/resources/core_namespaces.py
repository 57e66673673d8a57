"""core/v1: namespaces. Their content is removed by a controller before they go."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import column, dig, items, table, text, value_at
from kapiserver.resources.strategies import (
    put_back,
    put_back_all_but,
    split_status,
    with_status,
)
from kapiserver.resources.validation.labels import check_qualified

FINALIZER = "kubernetes"
_STANDARD_FINALIZERS = (FINALIZER, "orphan", "foregroundDeletion")
NAME_LABEL = "kubernetes.io/metadata.name"


def _defaults(obj: Object, context: WriteContext) -> None:
    status = obj.setdefault("status", {}) if context.subresource == "status" else obj.get("status")
    if isinstance(status, dict) and not status.get("phase"):
        status["phase"] = "Active"
    _default_name_label(obj, context)


def _default_name_label(obj: Object, context: WriteContext) -> None:
    """Every namespace can be selected by its name."""
    metadata = obj.get("metadata") or {}
    name = metadata.get("name")
    if name:
        labels = metadata.get("labels") or {}
        labels[NAME_LABEL] = name
        metadata["labels"] = labels


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    obj["status"] = {"phase": "Active"}
    spec = obj.setdefault("spec", {})
    finalizers = spec.setdefault("finalizers", [])
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)
    # A generated name is known only now.
    _default_name_label(obj, context)


def _prepare_for_update(obj: Object, context: WriteContext) -> None:
    """spec.finalizers changes through /finalize only, status through /status only."""
    old = context.old
    if old is None:
        return
    if context.subresource == "finalize":
        put_back_all_but(obj, old, "spec")
        return
    split_status(obj, context)
    put_back(obj, old, "spec")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    finalizers = items(obj, "spec", "finalizers")
    found: list[Cause] = []
    if context.subresource == "status":
        _check_phase(found, obj)
    elif context.subresource == "finalize":
        for position, name in enumerate(finalizers):
            _check_finalizer(found, name, f"spec.finalizers[{position}]")
    else:
        for name in finalizers:
            _check_finalizer(found, name, "spec.finalizers")
    return found


def _check_finalizer(found: list[Cause], name: str, path: str) -> None:
    check_qualified(found, name, path)
    if "/" not in name and name not in _STANDARD_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        found.append(invalid(path, name, detail))


def _check_phase(found: list[Cause], obj: Object) -> None:
    going, phase = dig(obj, "metadata", "deletionTimestamp"), text(obj, "status", "phase")
    wanted, state = ("Terminating", "not empty") if going else ("Active", "empty")
    if phase != wanted:
        detail = f"may only be '{wanted}' if `deletionTimestamp` is {state}"
        found.append(invalid("status.Phase", phase, detail))  # upstream spells it so


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Namespace",
        "namespaces",
        namespaced=False,
        # A collection of namespaces cannot be deleted in one request.
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        short=("ns",),
        subresources=(
            Subresource("finalize", ("update",)),
            Subresource("status", ("get", "patch", "update")),
        ),
        name_rule=dns1123_label,
        strategy=with_status(
            complete=True,
            defaults=_defaults,
            create=_prepare_for_create,
            update=_prepare_for_update,
            validate=_validate,
            generation=False,
            terminating_phase="Terminating",
        ),
        columns=table(column("Status", value_at("status", "phase"), "The status of the namespace")),
        fields={"status.phase": text_at("status", "phase")},
    ),
)
