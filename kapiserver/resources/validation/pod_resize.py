"""Through /resize: containers get more or less of cpu and memory, and nothing else changes."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid
from kapiserver.resources.pod_resources import qos_class
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.quantities import amount
from kapiserver.resources.validation.same import same

_RESIZED = ("cpu", "memory")
_SIDES = ("requests", "limits")
_LISTS = ("containers", "initContainers")
_MIRROR = "kubernetes.io/config.mirror"
_ONLY = "only cpu and memory resources are mutable"


def check_resize(found: Found, new: Object, old: Object) -> None:
    """`new` is well formed as such and differs from `old` in resources only."""
    if _MIRROR in ((old.get("metadata") or {}).get("annotations") or {}):
        found[:] = [forbidden("[]", "static pods cannot be resized")]
        return
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if (before.get("os") or {}).get("name") == "windows":
        found[:] = [forbidden("[]", "windows pods cannot be resized")]
        return
    quality = qos_class(after)
    if quality != ((old.get("status") or {}).get("qosClass") or qos_class(before)):
        shown = (new.get("status") or {}).get("qosClass") or quality
        detail = "Pod QOS Class may not change as a result of resizing"
        found.append(invalid("spec", shown, detail))
    if not _is_supported(old):
        detail = "Pod running on node without support for resize"
        found.append(forbidden("spec", detail))
    _check_pod_level(found, after.get("resources"), before.get("resources"))
    if not _check_order(found, after, before):
        return
    for field in ("initContainers", "containers"):
        pairs = zip(after.get(field) or (), before.get(field) or (), strict=True)
        for position, (one, other) in enumerate(pairs):
            path = f"spec.{field}[{position}]"
            for side in _SIDES:
                if _removed(one.get("resources"), other.get("resources"), side):
                    detail = f"resource {side} cannot be removed"
                    found.append(forbidden(f"{path}.resources.{side}", detail))
            if field == "initContainers":
                _check_initial(found, one, other, path)
            elif not same(_rest(one), _kept(other)):
                found.append(forbidden("spec", _ONLY))
    if not found and not same(_without(after), _without(before)):
        found.append(forbidden("spec", _ONLY))


def _is_supported(pod: Object) -> bool:
    """A kubelet that can resize says what every running container has."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if (status.get("state") or {}).get("running") is not None:
            return status.get("resources") is not None
    return True


def _check_pod_level(found: Found, after: Any, before: Any) -> None:
    if before is not None and after is None:
        detail = "pod-level resources cannot be removed"
        found.append(forbidden("spec.resources", detail))
        return
    for side in _SIDES:
        if _removed(after, before, side):
            detail = f"pod-level resource {side} cannot be removed"
            found.append(forbidden(f"spec.resources.{side}", detail))
    if _others(after) != _others(before):
        detail = "only cpu and memory resources are mutable at pod-level"
        found.append(forbidden("spec", detail))


def _check_order(found: Found, after: Object, before: Object) -> bool:
    known = len(found)
    for field in _LISTS:
        wanted, had = after.get(field) or (), before.get(field) or ()
        if len(wanted) != len(had):
            detail = f"{field} may not be added or removed on resize"
            found.append(forbidden(f"spec.{field}", detail))
            continue
        for position, (one, other) in enumerate(zip(wanted, had, strict=True)):
            if one.get("name") != other.get("name"):
                detail = f"{field} may not be renamed or reordered on resize"
                found.append(forbidden(f"spec.{field}[{position}].name", detail))
    return len(found) == known


def _check_initial(found: Found, new: Object, old: Object, path: str) -> None:
    after, before = new.get("resources"), old.get("resources")
    if not same(_rest(new), _kept(old)):
        detail = "only cpu and memory resources for init or sidecar containers are mutable"
        found.append(forbidden(path, detail))
    if new.get("restartPolicy") == "Always" or same(after, before):
        return
    if any(each.get("restartPolicy") == "RestartContainer" for each in _policies(new)):
        detail = (
            "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
        )
        found.append(forbidden(path, detail))


def _policies(container: Object) -> Any:
    return container.get("resizePolicy") or ()


def _removed(after: Any, before: Any, side: str) -> bool:
    return bool(((before or {}).get(side) or {}).keys() - ((after or {}).get(side) or {}).keys())


def _others(resources: Any) -> Any:
    return {
        (side, name): amount(quantity)
        for side in _SIDES
        for name, quantity in ((resources or {}).get(side) or {}).items()
        if name not in _RESIZED
    }, (resources or {}).get("claims") or []


def _rest(container: Object) -> Object:
    """A container without what a resize is for; its claims are lost on the way, as they are in
    kube-apiserver, so that no container with claims can be resized."""
    amounts, _ = _others(container.get("resources"))
    return {**container, "resources": (amounts, [])}


def _kept(container: Object) -> Object:
    """What must be left of it."""
    return {**container, "resources": _others(container.get("resources"))}


def _without(spec: Object) -> Object:
    """A spec without what has rules of its own above."""
    return {k: v for k, v in spec.items() if k not in ("resources", *_LISTS)}
