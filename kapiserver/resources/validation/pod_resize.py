"""Through /resize: containers get more or less of cpu and memory, and nothing else changes."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.quantities import amount
from kapiserver.resources.validation.same import same

_RESIZED = ("cpu", "memory")
_MIRROR = "kubernetes.io/config.mirror"


def check_resize(found: Found, new: Object, old: Object) -> None:
    """`new` is well formed as such and differs from `old` in resources only."""
    if _MIRROR in ((old.get("metadata") or {}).get("annotations") or {}):
        found[:] = [forbidden("", "static pods cannot be resized")]
        return
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if (before.get("os") or {}).get("name") == "windows":
        found[:] = [forbidden("", "windows pods cannot be resized")]
        return
    for field in ("initContainers", "containers"):
        wanted, had = after.get(field) or (), before.get(field) or ()
        if len(wanted) != len(had):
            found.append(forbidden("spec", "only cpu and memory resources are mutable"))
            continue
        for position, (one, other) in enumerate(zip(wanted, had, strict=True)):
            path = f"spec.{field}[{position}].resources"
            _check_container(found, one, other, path, initial=field == "initContainers")


def _check_container(found: Found, new: Object, old: Object, path: str, *, initial: bool) -> None:
    after, before = new.get("resources") or {}, old.get("resources") or {}
    if initial and new.get("restartPolicy") != "Always":
        if not same(after, before):
            detail = "resources for non-sidecar init containers are immutable"
            found.append(forbidden("spec", detail))
        return
    for side in ("requests", "limits"):
        if (before.get(side) or {}).keys() - (after.get(side) or {}).keys():
            found.append(forbidden(f"{path}.{side}", f"resource {side} cannot be removed"))
    if _others(after) != _others(before):
        kind = " for sidecar containers" if initial else ""
        found.append(forbidden("spec", f"only cpu and memory resources{kind} are mutable"))


def _others(resources: Object) -> Any:
    return {
        (side, name): amount(quantity)
        for side in ("requests", "limits")
        for name, quantity in (resources.get(side) or {}).items()
        if name not in _RESIZED
    }
