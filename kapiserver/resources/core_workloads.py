"""core/v1: podtemplates and replicationcontrollers."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import SCALE, STATUS, or_else, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.pod_defaults import default_pod_spec
from kapiserver.resources.printing import (
    AGE,
    NAME,
    column,
    dig,
    images_at,
    labels_at,
    names_at,
    number_at,
    pod_template_columns,
    selector_column,
)
from kapiserver.resources.strategies import set_default, with_status, without_status
from kapiserver.resources.workloads import check_long_running, check_replicas


def _pod_template_defaults(obj: Object, context: WriteContext) -> None:
    template = obj.setdefault("template", {})
    default_pod_spec(template.setdefault("spec", {}))


def _controller_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    template = spec.get("template")
    if isinstance(template, dict):
        default_pod_spec(template.setdefault("spec", {}))
        labels = dig(template, "metadata", "labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            metadata = obj.setdefault("metadata", {})
            if not metadata.get("labels"):
                metadata["labels"] = dict(labels)
    set_default(spec, "replicas", 1)


def _validate_controller(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = check_replicas(spec, "spec")
    selector = spec.get("selector")
    if not selector:
        found.append(required("spec.selector"))
    template = spec.get("template")
    if not template:
        found.append(required("spec.template"))
        return found
    labels = dig(template, "metadata", "labels") or {}
    if selector and not selector.items() <= labels.items():
        found.append(
            invalid(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            )
        )
    found += check_long_running(template, "spec.template", "ReplicationController")
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "PodTemplate",
        "podtemplates",
        returns_deleted=True,
        strategy=without_status(defaults=_pod_template_defaults, generation=True),
        columns=(
            NAME,
            column(
                "Containers",
                names_at("template", "spec"),
                "Names of each container in the template.",
            ),
            column("Images", images_at("template", "spec"), "Images of each container."),
            column("Pod Labels", labels_at("template", "metadata", "labels"), "Labels of the pod."),
        ),
    ),
    CORE.resource(
        "ReplicationController",
        "replicationcontrollers",
        default_propagation="Orphan",
        short=("rc",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        strategy=with_status(defaults=_controller_defaults, validate=_validate_controller),
        columns=(
            NAME,
            column("Desired", number_at("spec", "replicas"), "Wanted pods.", type="integer"),
            column("Current", number_at("status", "replicas"), "Existing pods.", type="integer"),
            column("Ready", number_at("status", "readyReplicas"), "Ready pods.", type="integer"),
            AGE,
            *pod_template_columns("spec", "template", "spec"),
            selector_column(labels_at("spec", "selector")),
        ),
        fields={"status.replicas": or_else(text_at("status", "replicas"), "0")},
    ),
)
