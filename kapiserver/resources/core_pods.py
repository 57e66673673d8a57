"""core/v1: pods, and the hooks that decide which endpoint may write what of them."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import (
    CONNECT_VERBS,
    PROXY_VERBS,
    STATUS,
    or_else,
    text_at,
)
from kapiserver.resources.definition import (
    Object,
    ResourceDefinition,
    Strategy,
    Subresource,
    WriteContext,
)
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.pod_defaults import (
    default_grace,
    default_host_ports,
    default_pod_spec,
    default_pod_status,
    default_requests,
    drop_forgotten_annotations,
    round_amounts,
)
from kapiserver.resources.pod_features import drop_disabled
from kapiserver.resources.pod_prepare import (
    only_spec,
    prepare_new_pod,
    prepare_status,
    resized,
)
from kapiserver.resources.pod_resources import default_pod_level, qos_class
from kapiserver.resources.pod_table import COLUMNS, cells, row_conditions
from kapiserver.resources.printing import dig, items, text
from kapiserver.resources.strategies import (
    put_back,
    set_default,
)
from kapiserver.resources.validation.pod_annotations import check_changed_annotations
from kapiserver.resources.validation.pod_resize import check_resize
from kapiserver.resources.validation.pod_spec import check_new_pod, check_pod
from kapiserver.resources.validation.pod_status import check_pod_status
from kapiserver.resources.validation.pod_update import check_ephemeral_update, check_pod_update
from kapiserver.resources.validation.pod_warnings import (
    pod_status_warnings,
    pod_warnings,
)

_EDITABLE = ("get", "patch", "update")
_RESIZED = (
    "spec.containers.*.resources",
    "spec.containers.*.resizePolicy",
    "spec.initContainers.*.resources",
    "spec.initContainers.*.resizePolicy",
)
_TERMINAL = ("Succeeded", "Failed")


def _defaults(pod: Object, context: WriteContext) -> None:
    spec = pod.setdefault("spec", {})
    drop_forgotten_annotations(pod)
    default_pod_spec(spec)
    default_grace(spec)
    default_requests(spec)
    default_pod_level(spec)
    default_host_ports(spec)
    set_default(spec, "enableServiceLinks", True)
    round_amounts(spec)
    default_pod_status(pod.get("status") or {})


def _prepare_for_create(pod: Object, context: WriteContext) -> None:
    spec = pod.get("spec") or {}
    # A class that the client names stays: whoever copies a pod copies its status, too.
    quality = text(pod, "status", "qosClass") or qos_class(spec)
    context.seen[:] = prepare_new_pod(pod)
    pod["status"] = {"phase": "Pending", "qosClass": quality}
    if spec.get("schedulingGates"):
        pod["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]


def _prepare_for_update(pod: Object, context: WriteContext) -> None:
    old = context.old
    if old is None or context.subresource == "binding":
        return
    if context.subresource == "ephemeralcontainers":
        added = items(pod, "spec", "ephemeralContainers")
        spec = {k: v for k, v in (old.get("spec") or {}).items() if k != "ephemeralContainers"}
        only_spec(pod, old, {**spec, "ephemeralContainers": added} if added else spec)
    elif context.subresource == "resize":
        only_spec(pod, old, resized(pod.get("spec") or {}, old.get("spec") or {}))
    elif context.subresource == "status":
        prepare_status(pod, old)
    else:
        put_back(pod, old, "status")
    drop_disabled(pod.get("spec") or {}, old.get("spec") or {})


def _validate_create(pod: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_new_pod(found, pod)
    return found


def _validate_update(pod: Object, context: WriteContext) -> Sequence[Cause]:
    old, found = context.old, list[Cause]()
    if old is None or context.subresource == "binding":
        return found
    if context.subresource == "status":
        check_changed_annotations(found, pod, old)
        check_pod_status(found, pod, old)
        return found
    check_pod(found, pod, old)
    if context.subresource == "ephemeralcontainers":
        check_changed_annotations(found, pod, old)
        check_ephemeral_update(found, pod, old)
    elif context.subresource == "resize":
        check_resize(found, pod, old)
    else:
        check_changed_annotations(found, pod, old)
        check_pod_update(found, pod, old)
    return found


def _warnings(pod: Object, context: WriteContext) -> Sequence[str]:
    """Only on create: people hardly update pods, and programs do so often."""
    if context.subresource == "status":
        return pod_status_warnings(pod.get("status") or {})
    if context.old is not None:
        return ()
    warnings = list(context.seen)
    problems = dns1123_label(text(pod, "metadata", "name"))
    if problems:
        warnings.append(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            f"behavior; a DNS label is recommended: [{' '.join(problems)}]"
        )
    return warnings + pod_warnings(pod)


def grace_period(pod: Object, wanted: int | None) -> int:
    """How long a pod may take to stop: no time when nothing runs that would have to."""
    if not dig(pod, "spec", "nodeName") or dig(pod, "status", "phase") in _TERMINAL:
        return 0
    seconds = dig(pod, "spec", "terminationGracePeriodSeconds") if wanted is None else wanted
    if not isinstance(seconds, int):
        return 0
    return seconds if seconds >= 0 else 1


def _no_ips(pod: Object) -> str:
    """A label that is understood and that no pod has a value for, as upstream."""
    return ""


def _first_ip(pod: Object) -> str:
    addresses = items(pod, "status", "podIPs")
    return text(addresses[0], "ip") if addresses else text(pod, "status", "podIP")


FIELDS = {
    "spec.nodeName": text_at("spec", "nodeName"),
    "spec.host": text_at("spec", "nodeName"),  # what it was called once
    "spec.restartPolicy": text_at("spec", "restartPolicy"),
    "spec.schedulerName": text_at("spec", "schedulerName"),
    "spec.serviceAccountName": text_at("spec", "serviceAccountName"),
    "spec.hostNetwork": or_else(text_at("spec", "hostNetwork"), "false"),
    "status.phase": text_at("status", "phase"),
    "status.podIP": _first_ip,
    "status.podIPs": _no_ips,
    "status.nominatedNodeName": text_at("status", "nominatedNodeName"),
}

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Pod",
        "pods",
        returns_deleted=True,
        short=("po",),
        categories=("all",),
        subresources=(
            Subresource("attach", CONNECT_VERBS, "PodAttachOptions"),
            Subresource("binding", ("create",), "Binding"),
            Subresource("ephemeralcontainers", _EDITABLE, changes=("spec.ephemeralContainers",)),
            Subresource(
                "eviction", ("create",), "Eviction", "policy", "v1", accepted=("policy/v1beta1",)
            ),
            Subresource("exec", CONNECT_VERBS, "PodExecOptions"),
            Subresource("log", ("get",)),
            Subresource("portforward", CONNECT_VERBS, "PodPortForwardOptions"),
            Subresource("proxy", PROXY_VERBS, "PodProxyOptions"),
            Subresource("resize", _EDITABLE, changes=_RESIZED),
            STATUS,
        ),
        strategy=Strategy(
            defaults=_defaults,
            prepare_for_create=_prepare_for_create,
            prepare_for_update=_prepare_for_update,
            validate_create=_validate_create,
            validate_update=_validate_update,
            warnings=_warnings,
            complete_rules=True,
            graceful_deletion_seconds=grace_period,
            bumps_generation=True,
            status_keeps=("deletionTimestamp", "ownerReferences"),
        ),
        columns=COLUMNS,
        row_cells=cells,
        row_conditions=row_conditions,
        fields=FIELDS,
    ),
)
