"""What must hold of a pod spec, in pods and in templates: presence, names, references.

The schema has checked types and required fields of the wire format; here is what it cannot say.
"""

from __future__ import annotations

from collections.abc import Iterable

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, not_supported, required
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.printing import items, text

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("TCP", "UDP", "SCTP")


def check_pod_spec(
    spec: Object, path: str, *, claimed: frozenset[str] = frozenset()
) -> list[Cause]:
    """`claimed` volumes come from elsewhere than the spec: a workload's claim templates."""
    volumes = {text(volume, "name") for volume in items(spec, "volumes")} | claimed
    found = _check_names(items(spec, "volumes"), f"{path}.volumes")
    found += check_containers(spec, path, volumes)
    if not items(spec, "containers"):
        found.append(required(f"{path}.containers"))
    found += _check_choice(spec, "restartPolicy", RESTART_POLICIES, path)
    found += _check_choice(spec, "dnsPolicy", DNS_POLICIES, path)
    for field in ("serviceAccountName", "nodeName"):
        name = text(spec, field)
        found += [invalid(f"{path}.{field}", name, why) for why in _name_problems(name)]
    deadline = spec.get("activeDeadlineSeconds")
    if isinstance(deadline, int) and not 1 <= deadline <= 2147483647:
        found.append(
            invalid(
                f"{path}.activeDeadlineSeconds",
                deadline,
                "must be between 1 and 2147483647, inclusive",
            )
        )
    grace = spec.get("terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace < 0:
        found.append(
            invalid(
                f"{path}.terminationGracePeriodSeconds",
                grace,
                "must be greater than or equal to 0",
            )
        )
    return found


def _name_problems(name: str) -> list[str]:
    return dns1123_subdomain(name) if name else []


def check_containers(spec: Object, path: str, volumes: set[str]) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for position, container in enumerate(items(spec, field)):
            here = f"{path}.{field}[{position}]"
            name = text(container, "name")
            found += _check_name(name, seen, f"{here}.name")
            found += _check_container(container, here, volumes)
    return found


def _check_container(container: Object, path: str, volumes: set[str]) -> list[Cause]:
    found: list[Cause] = []
    image = text(container, "image")
    if not image:
        found.append(required(f"{path}.image"))
    elif image != image.strip():
        found.append(
            invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
        )
    found += _check_choice(container, "imagePullPolicy", PULL_POLICIES, path)
    found += _check_ports(items(container, "ports"), f"{path}.ports")
    mounts: set[str] = set()
    for position, mount in enumerate(items(container, "volumeMounts")):
        here = f"{path}.volumeMounts[{position}]"
        name, at = text(mount, "name"), text(mount, "mountPath")
        if not name:
            found.append(required(f"{here}.name"))
        elif name not in volumes:
            found.append(Cause("FieldValueNotFound", f'Not found: "{name}"', f"{here}.name"))
        if not at:
            found.append(required(f"{here}.mountPath"))
        elif at in mounts:
            found.append(invalid(f"{here}.mountPath", at, "must be unique"))
        mounts.add(at)
    for position, variable in enumerate(items(container, "env")):
        if not text(variable, "name"):
            found.append(required(f"{path}.env[{position}].name"))
    return found


def _check_ports(ports: list[Object], path: str) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    for position, port in enumerate(ports):
        here = f"{path}[{position}]"
        name = text(port, "name")
        if name and name in names:
            found.append(duplicate(f"{here}.name", name))
        names.add(name)
        number = port.get("containerPort")
        if not number:
            found.append(required(f"{here}.containerPort"))
        else:
            found += check_port_number(number, f"{here}.containerPort")
        if port.get("hostPort"):
            found += check_port_number(port["hostPort"], f"{here}.hostPort")
        found += _check_choice(port, "protocol", PROTOCOLS, here)
    return found


def check_port_number(number: object, path: str) -> list[Cause]:
    if isinstance(number, int) and not 1 <= number <= 65535:
        return [invalid(path, number, "must be between 1 and 65535, inclusive")]
    return []


def _check_names(named: Iterable[Object], path: str) -> list[Cause]:
    seen: set[str] = set()
    found: list[Cause] = []
    for position, item in enumerate(named):
        found += _check_name(text(item, "name"), seen, f"{path}[{position}].name")
    return found


def _check_name(name: str, seen: set[str], path: str) -> list[Cause]:
    """A DNS label that no sibling has."""
    if not name:
        return [required(path)]
    found = [invalid(path, name, why) for why in dns1123_label(name)]
    if name in seen:
        found.append(duplicate(path, name))
    seen.add(name)
    return found


def _check_choice(obj: Object, field: str, choices: tuple[str, ...], path: str) -> list[Cause]:
    value = obj.get(field)
    if value is None or value in choices:
        return []
    return [not_supported(f"{path}.{field}", value, choices)]
