"""What the status of a pod says of its resource claims and of the devices behind them."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.validation.formats import Found, check_label, check_subdomain

_HEALTH = ("Healthy", "Unhealthy", "Unknown")
_MAX_MESSAGE = 4096
_CLAIM = "claim:"
_LISTS = (
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
)


def check_claim_statuses(found: Found, status: Object, spec: Object) -> None:
    names = {claim.get("name", "") for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for position, each in enumerate(status.get("resourceClaimStatuses") or ()):
        here = f"status.resourceClaimStatuses[{position}]"
        name, claim = each.get("name", ""), each.get("resourceClaimName")
        if name not in names:
            detail = "must match the name of an entry in `spec.resourceClaims`"
            found.append(invalid(f"{here}.name", name, detail))
        if name in seen:
            found.append(duplicate(f"{here}.name", name))
        seen.add(name)
        if claim is not None:
            check_subdomain(found, claim, f"{here}.resourceClaimName")


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def check_extended_claim(found: Found, status: Object, spec: Object) -> None:
    """The claim that stands in for extended resources, and which container uses what of it."""
    claim = status.get("extendedResourceClaimStatus")
    if claim is None:
        return
    path = "status.extendedResourceClaimStatus"
    mappings = claim.get("requestMappings") or ()
    if not mappings:
        detail = "at least one request mapping is required"
        found.append(required(f"{path}.requestMappings", detail))
    requests = {
        container.get("name", ""): (container.get("resources") or {}).get("requests") or {}
        for container in _containers(spec)
    }
    seen: set[tuple[str, str, str]] = set()
    for position, each in enumerate(mappings):
        here = f"{path}.requestMappings[{position}]"
        resource, container = each.get("resourceName", ""), each.get("containerName", "")
        request = each.get("requestName", "")
        if container in requests and resource not in requests[container]:
            detail = (
                "must match the extended resource name of an entry in "
                "spec.initContainers.resources.requests or spec.containers.resources.requests"
            )
            found.append(invalid(f"{here}.resourceName", resource, detail))
        if container not in requests:
            detail = (
                "must match the name of an entry in spec.initContainers.name or "
                "spec.containers.name"
            )
            found.append(invalid(f"{here}.containerName", container, detail))
        check_label(found, request, f"{path}.requestName")
        if (container, resource, request) in seen:
            found.append(duplicate(f"{here}.containerName", container))
            found.append(duplicate(f"{here}.resourceName", resource))
            found.append(duplicate(f"{here}.requestName", request))
        seen.add((container, resource, request))
    name = claim.get("resourceClaimName", "")
    if not name:
        found.append(required(f"{path}.resourceClaimName"))
    else:
        check_subdomain(found, name, f"{path}.resourceClaimName")


def check_resource_health(found: Found, status: Object, spec: Object) -> None:
    for field, containers in _LISTS:
        declared = {each.get("name", ""): each for each in spec.get(containers) or ()}
        for position, each in enumerate(status.get(field) or ()):
            container = declared.get(each.get("name", ""))
            if container is not None:
                path = f"status.{field}[{position}].allocatedResourcesStatus"
                _check_allocated(found, each, container, status, path)
    for position, each in enumerate(status.get("ephemeralContainerStatuses") or ()):
        if each.get("allocatedResourcesStatus"):
            path = f"status.ephemeralContainerStatuses[{position}].allocatedResourcesStatus"
            found.append(forbidden(path, "must not be specified in container status"))


def _check_allocated(
    found: Found, each: Object, container: Object, status: Object, path: str
) -> None:
    resources = container.get("resources") or {}
    for position, allocated in enumerate(each.get("allocatedResourcesStatus") or ()):
        here = f"{path}[{position}]"
        name = allocated.get("name", "")
        if name.startswith(_CLAIM):
            if name not in _claimed(resources, container.get("name", ""), status):
                detail = (
                    "must match one of the container's resource claims as "
                    "'claim:<claimName>/<requestName>' when container.resources.claims[*].request "
                    "is set or 'claim:<claimName>' when it is empty"
                )
                found.append(invalid(f"{here}.name", name, detail))
        elif name not in (resources.get("requests") or {}):
            detail = "must match one of the container's resource requests"
            found.append(invalid(f"{here}.name", name, detail))
        seen: set[str] = set()
        for index, device in enumerate(allocated.get("resources") or ()):
            _check_device(found, device, f"{here}.resources[{index}]", seen)


def _claimed(resources: Object, container: str, status: Object) -> set[str]:
    used = set()
    for claim in resources.get("claims") or ():
        name, request = claim.get("name", ""), claim.get("request", "")
        used.add(f"{_CLAIM}{name}/{request}" if request else f"{_CLAIM}{name}")
    extended = status.get("extendedResourceClaimStatus") or {}
    for mapping in extended.get("requestMappings") or ():
        if mapping.get("containerName", "") == container:
            name = extended.get("resourceClaimName", "")
            used.add(f"{_CLAIM}{name}/{mapping.get('requestName', '')}")
    return used


def _check_device(found: Found, device: Object, path: str, seen: set[str]) -> None:
    health, message = device.get("health", ""), device.get("message")
    if health not in _HEALTH:
        found.append(unsupported(f"{path}.health", health, _HEALTH))
    if message == "":
        found.append(required(f"{path}.message", "must be non-empty if specified"))
    elif message is not None and len(message.encode()) > _MAX_MESSAGE:
        found.append(too_long(f"{path}.message", _MAX_MESSAGE))
    identity = device.get("resourceID", "")
    if identity in seen:
        found.append(duplicate(f"{path}.resourceID", identity))
    seen.add(identity)
