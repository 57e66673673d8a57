"""spec.resources of a pod: what all its containers together may use, and what each may then."""

from __future__ import annotations

from collections.abc import Collection

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid
from kapiserver.resources.pod_resources import for_pods, of_containers, written
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.quantities import HUGE_PAGES, amount, check_pod_requirements


def check_pod_resources(
    found: Found, spec: Object, path: str, claims: Collection[str], *, partial_pages: bool
) -> None:
    resources = spec.get("resources")
    if resources is None:
        return
    here = f"{path}.resources"
    if (spec.get("os") or {}).get("name") == "windows":
        found.append(forbidden(here, "may not be set for a windows pod"))
        return
    if resources.get("claims"):
        detail = "claims may not be set for Resources at pod-level"
        found.append(forbidden(f"{here}.claims", detail))
    check_pod_requirements(found, resources, here, claims, partial_pages=partial_pages)
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, (total, binary) in sorted(of_containers(spec, "requests").items()):
        if name in requests and for_pods(name) and total > amount(requests[name]):
            detail = (
                "must be greater than or equal to aggregate container requests of "
                f"{written(total, binary)}"
            )
            found.append(invalid(f"{here}.requests[{name}]", requests[name], detail))
    for name, (total, binary) in sorted(of_containers(spec, "limits").items()):
        if name in limits and name.startswith(HUGE_PAGES) and total > amount(limits[name]):
            detail = (
                "must be greater than or equal to aggregate container limits of "
                f"{written(total, binary)}"
            )
            found.append(invalid(f"{here}.limits[{name}]", limits[name], detail))
    for position, container in enumerate(spec.get("containers") or ()):
        for name, limit in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and amount(limit) > amount(limits[name]):
                where = f"{here}.containers[{position}][{name}].limits"
                detail = f"must be less than or equal to pod limits of {limits[name]}"
                found.append(invalid(where, limit, detail))
