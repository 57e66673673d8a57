"""core/v1: podtemplates and replicationcontrollers."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import SCALE, STATUS, or_else, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.pod_defaults import default_pod_template
from kapiserver.resources.printing import (
    AGE,
    NAME,
    column,
    dig,
    doc,
    images_at,
    labels_at,
    names_at,
    number_at,
    pod_template_columns,
    selector_column,
)
from kapiserver.resources.strategies import (
    drop_status,
    in_order,
    set_default,
    split_status,
    with_status,
    without_status,
)
from kapiserver.resources.validation.pod_spec import check_template
from kapiserver.resources.validation.replicated import check_controller
from kapiserver.resources.validation.statuses import check_available, check_counts
from kapiserver.resources.workloads import (
    drop_disabled_fields,
    drop_from_template,
    template_warnings,
)


def _pod_template_defaults(obj: Object, context: WriteContext) -> None:
    default_pod_template(obj.setdefault("template", {}))


def _drop_disabled(obj: Object, context: WriteContext) -> None:
    drop_from_template(obj, context.old or {})


def _controller_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    template = spec.get("template")
    if isinstance(template, dict):
        default_pod_template(template)
        labels = dig(template, "metadata", "labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            metadata = obj.setdefault("metadata", {})
            if not metadata.get("labels"):
                metadata["labels"] = dict(labels)
    set_default(spec, "replicas", 1)


def _validate_pod_template(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    old = (context.old or {}).get("template")
    check_template(found, obj.get("template") or {}, "template", old=old)
    return found


def _validate_controller(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        status = obj.get("status") or {}
        parts = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
        check_counts(found, status, ("replicas", *parts, "observedGeneration"), parts)
        check_available(found, status)
    else:
        old = dig(context.old or {}, "spec", "template")
        check_controller(found, obj.get("spec") or {}, old)
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "PodTemplate",
        "podtemplates",
        returns_deleted=True,
        strategy=without_status(
            defaults=_pod_template_defaults,
            create=_drop_disabled,
            update=_drop_disabled,
            validate=_validate_pod_template,
            complete=True,
            warnings=template_warnings("template", names_pods=False),
            generation=True,
        ),
        columns=(
            NAME,
            column(
                "Containers",
                names_at("template", "spec"),
                "Names of each container in the template.",
            ),
            column(
                "Images",
                images_at("template", "spec"),
                "Images referenced by each container in the template.",
            ),
            column(
                "Pod Labels",
                labels_at("template", "metadata", "labels"),
                "The labels for the pod template.",
            ),
        ),
    ),
    CORE.resource(
        "ReplicationController",
        "replicationcontrollers",
        upstream_folder="controllers",
        default_propagation="Orphan",
        short=("rc",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        strategy=with_status(
            defaults=_controller_defaults,
            create=in_order(drop_status, drop_disabled_fields),
            update=in_order(drop_disabled_fields, split_status),
            validate=_validate_controller,
            complete=True,
            warnings=template_warnings("spec", "template"),
        ),
        columns=(
            NAME,
            column(
                "Desired",
                number_at("spec", "replicas"),
                doc("core.v1.ReplicationControllerSpec.replicas"),
                type="integer",
            ),
            column(
                "Current",
                number_at("status", "replicas"),
                doc("core.v1.ReplicationControllerStatus.replicas"),
                type="integer",
            ),
            column(
                "Ready",
                number_at("status", "readyReplicas"),
                doc("core.v1.ReplicationControllerStatus.readyReplicas"),
                type="integer",
            ),
            AGE,
            *pod_template_columns("spec", "template", "spec"),
            selector_column(
                labels_at("spec", "selector"), doc("core.v1.ReplicationControllerSpec.selector")
            ),
        ),
        fields={"status.replicas": or_else(text_at("status", "replicas"), "0")},
    ),
)
