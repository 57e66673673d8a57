"""core/v1: pods, and the hooks that decide which endpoint may write what of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.pod_defaults import (
    default_host_ports,
    default_pod_spec,
    default_requests,
)
from kapiserver.resources.pod_table import COLUMNS, row_conditions
from kapiserver.resources.printing import dig, items, text
from kapiserver.resources.strategies import (
    put_back,
    put_back_metadata,
    set_default,
    split_status,
)
from kapiserver.resources.validation.pod_resize import check_resize
from kapiserver.resources.validation.pod_spec import check_new_pod, check_pod
from kapiserver.resources.validation.pod_update import check_ephemeral_update, check_pod_update
from kapiserver.resources.validation.pod_warnings import pod_warnings

_EDITABLE = ("get", "patch", "update")
_TERMINAL = ("Succeeded", "Failed")
# Endpoints that take only their part of a pod, so that the rest needs no check.
_OWN_RULES = ("binding", "status")


def _defaults(pod: Object, context: WriteContext) -> None:
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    default_requests(spec)
    default_host_ports(spec)
    set_default(spec, "enableServiceLinks", True)


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort: from requests and limits of cpu and memory."""
    requests: set[str] = set()
    guaranteed = True
    for container in [*items(spec, "containers"), *items(spec, "initContainers")]:
        asked = _compute(dig(container, "resources", "requests"))
        capped = _compute(dig(container, "resources", "limits"))
        requests |= asked.keys() | capped.keys()
        if capped.keys() != {"cpu", "memory"} or {**capped, **asked} != capped:
            guaranteed = False
    if not requests:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _compute(amounts: Any) -> Mapping[str, str]:
    """Only cpu and memory count for quality of service, and only amounts above zero."""
    return {
        name: str(amount)
        for name, amount in (amounts or {}).items()
        if name in ("cpu", "memory") and str(amount).strip("0.") != ""
    }


def _prepare_for_create(pod: Object, context: WriteContext) -> None:
    spec = pod.get("spec") or {}
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
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
        _only_spec(pod, old, {**(old.get("spec") or {}), "ephemeralContainers": added})
    elif context.subresource == "resize":
        _only_spec(pod, old, _resized(pod.get("spec") or {}, old.get("spec") or {}))
    else:
        split_status(pod, context)
        if context.subresource == "status":
            # Kubelets of old corrupted owner references, which garbage collection relies on.
            put_back_metadata(pod, old, "ownerReferences", "deletionTimestamp")
            status = pod.setdefault("status", {})
            if not status.get("qosClass") and dig(old, "status", "qosClass"):
                status["qosClass"] = old["status"]["qosClass"]


def _only_spec(pod: Object, old: Object, spec: Object) -> None:
    pod["spec"] = spec
    put_back(pod, old, "status")
    put_back_metadata(pod, old, "labels", "annotations", "finalizers", "ownerReferences")


def _resized(spec: Object, old: Object) -> Object:
    """The old spec with the new resources of its containers; anything else is left to checks."""
    if [c.get("name") for c in items(spec, "containers")] != [
        c.get("name") for c in items(old, "containers")
    ]:
        return spec
    merged = dict(old)
    for field in ("containers", "initContainers"):
        if len(items(spec, field)) == len(items(old, field)) and items(old, field):
            merged[field] = [
                {**before, **{k: after[k] for k in ("resources", "resizePolicy") if k in after}}
                for before, after in zip(items(old, field), items(spec, field), strict=True)
            ]
    if "resources" in spec:
        merged["resources"] = spec["resources"]
    return merged


def _validate_create(pod: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_new_pod(found, pod)
    return found


def _validate_update(pod: Object, context: WriteContext) -> Sequence[Cause]:
    old, found = context.old, list[Cause]()
    if old is None or context.subresource in _OWN_RULES:
        return found
    check_pod(found, pod)
    if context.subresource == "ephemeralcontainers":
        check_ephemeral_update(found, pod, old)
    elif context.subresource == "resize":
        check_resize(found, pod, old)
        if qos_class(pod.get("spec") or {}) != qos_class(old.get("spec") or {}):
            shown = text(pod, "status", "qosClass")
            detail = "Pod QOS Class may not change as a result of resizing"
            found.append(invalid("spec", shown, detail))
    elif not context.subresource:
        check_pod_update(found, pod, old)
    return found


def _warnings(pod: Object, context: WriteContext) -> Sequence[str]:
    """Only on create: people hardly update pods, and programs do so often."""
    if context.old is not None:
        return ()
    warnings = pod_warnings(pod)
    problems = dns1123_label(text(pod, "metadata", "name"))
    if problems:
        warnings.append(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            f"behavior; a DNS label is recommended: [{' '.join(problems)}]"
        )
    return warnings


def grace_period(pod: Object) -> int | None:
    """How long a pod may take to stop; None when nothing runs that would have to."""
    if not dig(pod, "spec", "nodeName") or dig(pod, "status", "phase") in _TERMINAL:
        return None
    seconds = dig(pod, "spec", "terminationGracePeriodSeconds")
    if not isinstance(seconds, int):
        return 0
    return seconds if seconds >= 0 else 1


def _all_ips(pod: Object) -> str:
    return ",".join(text(address, "ip") for address in items(pod, "status", "podIPs"))


def _first_ip(pod: Object) -> str:
    addresses = items(pod, "status", "podIPs")
    return text(addresses[0], "ip") if addresses else text(pod, "status", "podIP")


FIELDS = {
    "spec.nodeName": text_at("spec", "nodeName"),
    "spec.restartPolicy": text_at("spec", "restartPolicy"),
    "spec.schedulerName": text_at("spec", "schedulerName"),
    "spec.serviceAccountName": text_at("spec", "serviceAccountName"),
    "spec.hostNetwork": or_else(text_at("spec", "hostNetwork"), "false"),
    "status.phase": text_at("status", "phase"),
    "status.podIP": _first_ip,
    "status.podIPs": _all_ips,
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
            Subresource("ephemeralcontainers", _EDITABLE),
            Subresource("eviction", ("create",), "Eviction", "policy", "v1"),
            Subresource("exec", CONNECT_VERBS, "PodExecOptions"),
            Subresource("log", ("get",)),
            Subresource("portforward", CONNECT_VERBS, "PodPortForwardOptions"),
            Subresource("proxy", PROXY_VERBS, "PodProxyOptions"),
            Subresource("resize", _EDITABLE),
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
        ),
        columns=COLUMNS,
        row_conditions=row_conditions,
        fields=FIELDS,
    ),
)
