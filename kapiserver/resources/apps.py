"""apps/v1: controllerrevisions, daemonsets, deployments, replicasets, statefulsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.annotated_fields import (
    check_rollback,
    first_template_generation,
    next_template_generation,
)
from kapiserver.resources.app_defaults import (
    daemon_set_defaults,
    deployment_defaults,
    replica_set_defaults,
    stateful_set_defaults,
)
from kapiserver.resources.declare import SCALE, STATUS, Group
from kapiserver.resources.definition import (
    Column,
    FieldDoc,
    Object,
    ResourceDefinition,
    WriteContext,
)
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    Cell,
    column,
    dig,
    doc,
    items,
    labels_at,
    number,
    number_at,
    pod_template_columns,
    selector_at,
    selector_column,
    selector_text,
    table,
    text,
)
from kapiserver.resources.strategies import (
    drop_status,
    in_order,
    put_back_metadata,
    split_status,
    unchanging,
    with_status,
    without_status,
)
from kapiserver.resources.validation.formats import NON_NEGATIVE
from kapiserver.resources.validation.replicated import (
    check_daemon_set,
    check_deployment,
    check_replica_set,
    check_stateful_set,
)
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.statuses import (
    DAEMON_COUNTS,
    DEPLOYMENT_COUNTS,
    check_available,
    check_counts,
    check_not_decremented,
)
from kapiserver.resources.workloads import (
    drop_disabled_fields,
    stateful_warnings,
    template_warnings,
)

APPS = Group("apps", "io.k8s.api.apps")

_TEMPLATE = pod_template_columns("spec", "template", "spec")
_SELECTOR_STAYS = unchanging("spec.selector")
_WARNINGS = template_warnings("spec", "template")
_DAEMON_WARNINGS = template_warnings("spec", "template", only_template=True)
_CREATE = in_order(drop_status, drop_disabled_fields)
_UPDATE = in_order(drop_disabled_fields, split_status)


def _deployment_update(obj: Object, context: WriteContext) -> None:
    _UPDATE(obj, context)
    if context.old is not None and context.subresource == "status":
        put_back_metadata(obj, context.old, "labels")


def _validate_deployment(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        status = obj.get("status") or {}
        parts = ("updatedReplicas", "readyReplicas", "availableReplicas")
        check_counts(found, status, DEPLOYMENT_COUNTS, parts)
        check_available(found, status)
        check_not_decremented(found, status, _old_status(context))
    else:
        check_deployment(found, obj.get("spec") or {}, _old_template(context))
        check_rollback(found, obj)
    return found


def _validate_replica_set(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        status = obj.get("status") or {}
        parts = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
        counts = ("replicas", *parts, "terminatingReplicas", "observedGeneration")
        check_counts(found, status, counts, parts)
        check_available(found, status)
    else:
        check_replica_set(found, obj.get("spec") or {}, _old_template(context))
    return found


def _validate_daemon_set(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        status = obj.get("status") or {}
        check_counts(found, status, DAEMON_COUNTS)
        check_not_decremented(found, status, _old_status(context))
    else:
        check_daemon_set(found, obj.get("spec") or {}, _old_template(context))
    return found


def _validate_stateful_set(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        status = obj.get("status") or {}
        parts = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
        counts = ("replicas", *parts, "observedGeneration", "collisionCount")
        check_counts(found, status, counts, parts)
        check_available(found, status, "status.readyReplicas")
        check_not_decremented(found, status, _old_status(context))
    else:
        old = None if context.old is None else context.old.get("spec") or {}
        check_stateful_set(found, obj.get("spec") or {}, old)
    return found


def _old_status(context: WriteContext) -> Object:
    return (context.old or {}).get("status") or {}


def _old_template(context: WriteContext) -> Object | None:
    return ((context.old or {}).get("spec") or {}).get("template")


_STATEFUL_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_spec_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None or context.subresource == "status":
        return ()

    def frozen(spec: Object) -> Object:
        return {key: value for key, value in spec.items() if key not in _STATEFUL_MUTABLE}

    if same(frozen(old.get("spec") or {}), frozen(obj.get("spec") or {})):
        return ()
    return [
        forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
            "'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )
    ]


def _validate_revision(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    data, revision = obj.get("data"), obj.get("revision")
    if isinstance(revision, int) and revision < 0:
        found.append(invalid("revision", revision, NON_NEGATIVE))
    if context.old is not None:
        return found
    if data is None:
        found.append(required("data", "data is mandatory"))
    elif not isinstance(data, dict):
        found.append(required("data", "data must be a valid JSON object"))
    return found


def _ready_of_wanted(obj: Object, now: float) -> str:
    return f"{number(obj, 'status', 'readyReplicas')}/{number(obj, 'spec', 'replicas')}"


def _deployment_selector(obj: Object, now: float) -> str:
    return selector_text(dig(obj, "spec", "selector"))


def _controller(obj: Object, now: float) -> str:
    for owner in items(obj, "metadata", "ownerReferences"):
        if owner.get("controller") is True:
            group = text(owner, "apiVersion").rpartition("/")[0]
            kind = text(owner, "kind").lower()
            return f"{kind}.{group}/{text(owner, 'name')}" if group else f"{kind}/{owner['name']}"
    return NONE


def _revision(obj: Object, now: float) -> Any:
    return number(obj, "revision")


def _count(title: str, cell: Cell, description: FieldDoc) -> Column:
    return column(title, cell, description, type="integer")


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    APPS.resource(
        "ControllerRevision",
        "controllerrevisions",
        strategy=without_status(
            validate=_validate_revision, validate_update=unchanging("data"), complete=True
        ),
        columns=table(
            column("Controller", _controller, "Controller of the object"),
            column("Revision", _revision, doc("apps.v1.ControllerRevision.revision")),
        ),
    ),
    APPS.resource(
        "DaemonSet",
        "daemonsets",
        short=("ds",),
        categories=("all",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=daemon_set_defaults,
            create=in_order(_CREATE, first_template_generation),
            update=in_order(_UPDATE, next_template_generation),
            validate=_validate_daemon_set,
            validate_update=_SELECTOR_STAYS,
            complete=True,
            warnings=_DAEMON_WARNINGS,
        ),
        columns=(
            NAME,
            _count(
                "Desired",
                number_at("status", "desiredNumberScheduled"),
                doc("apps.v1.DaemonSetStatus.desiredNumberScheduled"),
            ),
            _count(
                "Current",
                number_at("status", "currentNumberScheduled"),
                doc("apps.v1.DaemonSetStatus.currentNumberScheduled"),
            ),
            _count(
                "Ready",
                number_at("status", "numberReady"),
                doc("apps.v1.DaemonSetStatus.numberReady"),
            ),
            _count(
                "Up-to-date",
                number_at("status", "updatedNumberScheduled"),
                doc("apps.v1.DaemonSetStatus.updatedNumberScheduled"),
            ),
            _count(
                "Available",
                number_at("status", "numberAvailable"),
                doc("apps.v1.DaemonSetStatus.numberAvailable"),
            ),
            column(
                "Node Selector",
                labels_at("spec", "template", "spec", "nodeSelector"),
                doc("core.v1.PodSpec.nodeSelector"),
            ),
            AGE,
            *_TEMPLATE,
            selector_column(selector_at("spec", "selector"), doc("apps.v1.DaemonSetSpec.selector")),
        ),
    ),
    APPS.resource(
        "Deployment",
        "deployments",
        short=("deploy",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        strategy=with_status(
            status_keeps=("labels",),
            defaults=deployment_defaults,
            create=_CREATE,
            update=_deployment_update,
            validate=_validate_deployment,
            validate_update=_SELECTOR_STAYS,
            complete=True,
            warnings=_WARNINGS,
            # They are copied to its replica sets.
            generation_metadata=("annotations",),
        ),
        columns=(
            NAME,
            column("Ready", _ready_of_wanted, "Number of the pod with ready state"),
            column(
                "Up-to-date",
                number_at("status", "updatedReplicas"),
                doc("apps.v1.DeploymentStatus.updatedReplicas"),
            ),
            column(
                "Available",
                number_at("status", "availableReplicas"),
                doc("apps.v1.DeploymentStatus.availableReplicas"),
            ),
            AGE,
            *_TEMPLATE,
            selector_column(_deployment_selector, doc("apps.v1.DeploymentSpec.selector")),
        ),
    ),
    APPS.resource(
        "ReplicaSet",
        "replicasets",
        short=("rs",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        strategy=with_status(
            defaults=replica_set_defaults,
            create=_CREATE,
            update=_UPDATE,
            validate=_validate_replica_set,
            validate_update=_SELECTOR_STAYS,
            complete=True,
            warnings=_WARNINGS,
        ),
        columns=(
            NAME,
            _count(
                "Desired", number_at("spec", "replicas"), doc("apps.v1.ReplicaSetSpec.replicas")
            ),
            _count(
                "Current", number_at("status", "replicas"), doc("apps.v1.ReplicaSetStatus.replicas")
            ),
            _count(
                "Ready",
                number_at("status", "readyReplicas"),
                doc("apps.v1.ReplicaSetStatus.readyReplicas"),
            ),
            AGE,
            *_TEMPLATE,
            selector_column(
                selector_at("spec", "selector"), doc("apps.v1.ReplicaSetSpec.selector")
            ),
        ),
    ),
    APPS.resource(
        "StatefulSet",
        "statefulsets",
        short=("sts",),
        name_rule=dns1123_label,
        categories=("all",),
        subresources=(SCALE, STATUS),
        strategy=with_status(
            defaults=stateful_set_defaults,
            create=_CREATE,
            update=_UPDATE,
            validate=_validate_stateful_set,
            validate_update=_stateful_spec_stays,
            complete=True,
            warnings=stateful_warnings,
        ),
        columns=(
            NAME,
            column("Ready", _ready_of_wanted, "Number of the pod with ready state"),
            AGE,
            *_TEMPLATE,
        ),
    ),
)
