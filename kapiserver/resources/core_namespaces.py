"""core/v1: namespaces. Their content is removed by a controller before they go."""

from __future__ import annotations

from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import column, table, value_at
from kapiserver.resources.strategies import (
    put_back,
    put_back_all_but,
    split_status,
    with_status,
)

FINALIZER = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"


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
            defaults=_default_name_label,
            create=_prepare_for_create,
            update=_prepare_for_update,
            generation=False,
        ),
        columns=table(column("Status", value_at("status", "phase"), "Active or Terminating.")),
        fields={"name": text_at("metadata", "name"), "status.phase": text_at("status", "phase")},
    ),
)
