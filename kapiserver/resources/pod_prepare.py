"""What happens to a pod between its defaults and its checks: on create, and on each endpoint that
takes only a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.pod_containers import containers_of
from kapiserver.resources.pod_features import drop_disabled
from kapiserver.resources.strategies import put_back, put_back_all_but, put_back_metadata
from kapiserver.resources.validation.pod_annotations import (
    APP_ARMOR,
    APP_ARMOR_ADVICE,
    app_armor_profile,
)

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_OFF_IN_STATUS = ("volumeHealth", "nodeAllocatableResourceClaimStatuses")
_STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


def prepare_new_pod(pod: Object) -> list[str]:
    """Answers with warnings about what it replaces."""
    spec = pod.get("spec") or {}
    metadata = pod.get("metadata") or {}
    drop_disabled(spec)
    _merge_label_keys(spec, metadata.get("labels") or {})
    return _sync_app_armor(spec, metadata.get("annotations") or {})


def _merge_label_keys(spec: Object, labels: Object) -> None:
    """Label keys stand for the pod's own values of those labels, which become expressions."""
    affinity = spec.get("affinity") or {}
    for field in ("podAffinity", "podAntiAffinity"):
        for term in _terms(affinity.get(field) or {}):
            _merge(term, "matchLabelKeys", "In", labels)
            _merge(term, "mismatchLabelKeys", "NotIn", labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge(constraint, "matchLabelKeys", "In", labels)


def _terms(pods: Object) -> Iterator[Object]:
    yield from pods.get(_REQUIRED) or ()
    for weighted in pods.get(_PREFERRED) or ():
        if weighted.get("podAffinityTerm"):
            yield weighted["podAffinityTerm"]


def _merge(holder: Object, field: str, operator: str, labels: Object) -> None:
    selector = holder.get("labelSelector")
    if selector is None:
        return
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for key in holder.get(field) or ()
        if key in labels
    ]
    if added:
        expressions = [*(selector.get("matchExpressions") or ()), *added]
        holder["labelSelector"] = {**selector, "matchExpressions": expressions}


def _sync_app_armor(spec: Object, annotations: Object) -> list[str]:
    """Profiles that old clients put into annotations, as the fields that replaced them."""
    if (spec.get("os") or {}).get("name") == "windows":
        return []
    if not any(key.startswith(APP_ARMOR) for key in annotations):
        return []
    warnings = []
    of_pod = (spec.get("securityContext") or {}).get("appArmorProfile")
    for container in containers_of(spec):
        key = APP_ARMOR + container.get("name", "")
        own = (container.get("securityContext") or {}).get("appArmorProfile")
        if key not in annotations or own is not None:
            continue  # who has the field as well knows of it
        profile = app_armor_profile(annotations[key])
        if profile is not None and profile != of_pod:
            container.setdefault("securityContext", {})["appArmorProfile"] = profile
        if profile is None or profile != of_pod:
            warnings.append(f"metadata.annotations[{key}]: {APP_ARMOR_ADVICE}")
    return warnings


def only_spec(pod: Object, old: Object, spec: Object) -> None:
    pod["spec"] = spec
    put_back(pod, old, "status")
    put_back_metadata(
        pod, old, "labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp"
    )


def resized(spec: Object, old: Object) -> Object:
    """The old spec with the new resources of its containers; anything else is left to checks."""
    merged = dict(old)
    for field in ("containers", "initContainers"):
        after, before = spec.get(field) or [], old.get(field) or []
        if len(after) != len(before):
            return spec
        if not before:
            continue
        if [c.get("name") for c in after] != [c.get("name") for c in before]:
            merged[field] = after
        else:
            merged[field] = [
                _with_resources(one, other) for one, other in zip(before, after, strict=True)
            ]
    put_back(merged, spec, "resources")
    return merged


def _with_resources(container: Object, wanted: Object) -> Object:
    made = dict(container)
    put_back(made, wanted, "resources", "resizePolicy")
    return made


def prepare_status(pod: Object, old: Object) -> None:
    """/status takes status and most metadata."""
    put_back_all_but(pod, old, "status")
    # Kubelets of old corrupted owner references, which garbage collection relies on.
    put_back_metadata(pod, old, "ownerReferences", "deletionTimestamp")
    status, before = dict(pod.get("status") or {}), old.get("status") or {}
    pod["status"] = status
    if not status.get("qosClass"):
        put_back(status, before, "qosClass")
    _keep_generations(status, before)
    _align_addresses(status)
    for field in _OFF_IN_STATUS:
        if field not in before:
            status.pop(field, None)
    if not _has_volume_statuses(before):
        for mount in _mounts(status):
            mount.pop("volumeStatus", None)


def _keep_generations(status: Object, before: Object) -> None:
    """Writers that do not know of generations leave them out: that is no news."""
    if not status.get("observedGeneration") and before.get("observedGeneration"):
        status["observedGeneration"] = before["observedGeneration"]
    known: dict[str, list[int]] = {}  # a type may occur more than once
    for condition in before.get("conditions") or ():
        generation = condition.get("observedGeneration", 0)
        known.setdefault(condition.get("type", ""), []).append(generation)
    for condition in status.get("conditions") or ():
        had = known.get(condition.get("type", ""))
        generation = had.pop(0) if had else 0
        if generation and not condition.get("observedGeneration"):
            condition["observedGeneration"] = generation


def _align_addresses(status: Object) -> None:
    """podIP is the first one of podIPs, whichever of them was given."""
    first, listed = status.get("podIP", ""), status.get("podIPs") or []
    if first and (not listed or listed[0].get("ip", "") != first):
        status["podIPs"] = [{"ip": first}]
    elif listed and listed[0].get("ip"):
        status["podIP"] = listed[0]["ip"]


def _mounts(status: Object) -> Iterator[Object]:
    for field in _STATUS_LISTS:
        for each in status.get(field) or ():
            yield from each.get("volumeMounts") or ()


def _has_volume_statuses(status: Object) -> Any:
    return any(mount.get("volumeStatus") is not None for mount in _mounts(status))
