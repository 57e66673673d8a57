"""What is allowed in a pod or template and still worth a word to whoever writes it.

In: a well-formed pod or template and its path ("" for a pod). Out: the texts of Warning headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.pod_containers import each_container
from kapiserver.resources.validation.claims import claim_spec_warnings
from kapiserver.resources.validation.ip_syntax import ip_warnings
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.path_warnings import path_warnings
from kapiserver.resources.validation.pod_annotations import (
    APP_ARMOR,
    APP_ARMOR_ADVICE,
    SECCOMP_CONTAINER,
    SECCOMP_POD,
)
from kapiserver.resources.validation.quantities import amount

_PORTS_COMPARED = 100  # of one number: a client hears of no more clashes
_NODE_LABELS = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
}
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": (
        'non-functional in v1.11+; use the "sysctls" field instead'
    ),
    "security.alpha.kubernetes.io/unsafe-sysctls": (
        'non-functional in v1.11+; use the "sysctls" field instead'
    ),
}
_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_NULL_SELECTOR = "a null labelSelector results in matching no pod"
_BYTES = ("memory", "ephemeral-storage")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def template_name_warnings(name: str) -> list[str]:
    """Of workloads whose pods are named after them."""
    problems = dns1123_label(name)
    if not problems:
        return []
    return [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising "
        f"behavior; a DNS label is recommended: [{' '.join(problems)}]"
    ]


def pod_warnings(pod: Object, path: str = "") -> list[str]:
    dot = f"{path}." if path else ""
    spec = pod.get("spec") or {}
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    return [
        *_nodes(spec, f"{dot}spec"),
        *_annotated(annotations, f"{dot}metadata.annotations"),
        *_volumes(spec, f"{dot}spec.volumes"),
        *path_warnings(spec.get("volumes")),
        *_repeated(spec, "hostAliases", "ip", f"{dot}spec.hostAliases"),
        *_repeated(spec, "imagePullSecrets", "name", f"{dot}spec.imagePullSecrets"),
        *_empty_secrets(spec, f"{dot}spec.imagePullSecrets"),
        *_fractions(spec.get("overhead"), f"{dot}spec.overhead"),
        *_profiles(spec, annotations, f"{dot}metadata.annotations"),
        *_containers(spec, annotations, path),
        *_ports(spec, f"{dot}spec"),
        *_port_names(spec, f"{dot}spec"),
        *_grace(spec, f"{dot}spec.terminationGracePeriodSeconds"),
        *_affinities(spec, f"{dot}spec.affinity"),
        *_addresses(spec, f"{dot}spec"),
    ]


def _deprecated(label: str) -> str:
    since, instead = _NODE_LABELS[label]
    return f'deprecated since {since}; use "{instead}" instead'


def _nodes(spec: Object, path: str) -> Iterator[str]:
    for label in spec.get("nodeSelector") or ():
        if label in _NODE_LABELS:
            yield f"{path}.nodeSelector[{label}]: {_deprecated(label)}"
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    if nodes:
        here = f"{path}.affinity.nodeAffinity"
        terms = (nodes.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()
        for position, term in enumerate(terms):
            yield from _term(term, f"{here}.{_REQUIRED}.nodeSelectorTerms[{position}]")
        for position, weighted in enumerate(nodes.get(_PREFERRED) or ()):
            term = weighted.get("preference") or {}
            yield from _term(term, f"{here}.{_PREFERRED}[{position}].preference", values=True)
    for position, each in enumerate(spec.get("topologySpreadConstraints") or ()):
        here = f"{path}.topologySpreadConstraints[{position}]"
        label = each.get("topologyKey", "")
        if label in _NODE_LABELS:
            yield f"{here}.topologyKey: {label} is {_deprecated(label)}"
        if each.get("labelSelector") is None:
            yield f"{here}.labelSelector: {_NULL_SELECTOR}"


def _term(term: Object, path: str, *, values: bool = False) -> Iterator[str]:
    for position, each in enumerate(term.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{position}]"
        label = each.get("key", "")
        if label in _NODE_LABELS:
            yield f"{here}.key: {label} is {_deprecated(label)}"
        for index, value in enumerate(each.get("values") or () if values else ()):
            for problem in label_value(value):
                yield f"{here}.values[{index}]: {value} is invalid, {problem}"


def _annotated(annotations: Object, path: str) -> Iterator[str]:
    for key, text in _ANNOTATIONS.items():
        if key in annotations:
            yield f"{path}[{key}]: {text}"


def _profiles(spec: Object, annotations: Object, path: str) -> Iterator[str]:
    if SECCOMP_POD in annotations and not _context(spec).get("seccompProfile"):
        yield f"{path}[{SECCOMP_POD}]: {_SECCOMP}"


def _has_app_armor(holder: Object) -> bool:
    return _context(holder).get("appArmorProfile") is not None


def _context(holder: Object) -> Object:
    return holder.get("securityContext") or {}


def _volumes(spec: Object, path: str) -> Iterator[str]:
    for position, volume in enumerate(spec.get("volumes") or ()):
        for kind in volume:
            if kind in _VOLUMES:
                shown = "storageOS" if kind == "storageos" else kind
                yield f"{path}[{position}].{shown}: {_VOLUMES[kind]}"
            elif kind == "ephemeral" and (volume[kind] or {}).get("volumeClaimTemplate"):
                here = f"{path}[{position}].ephemeral.volumeClaimTemplate.spec"
                spec_of_claim = volume[kind]["volumeClaimTemplate"].get("spec") or {}
                yield from claim_spec_warnings(spec_of_claim, here)


def _repeated(spec: Object, field: str, key: str, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for position, item in enumerate(spec.get(field) or ()):
        value = item.get(key, "")
        if value in seen:
            yield f'{path}[{position}].{key}: duplicate {key} "{value}"'
        seen.add(value)


def _empty_secrets(spec: Object, path: str) -> Iterator[str]:
    for position, item in enumerate(spec.get("imagePullSecrets") or ()):
        if not item.get("name"):
            yield f'{path}[{position}].name: invalid empty name ""'


def _fractions(amounts: Any, path: str) -> Iterator[str]:
    for name in _BYTES:
        yield from _fraction(amounts, name, path)


def _fraction(amounts: Any, name: str, path: str) -> Iterator[str]:
    quantity = (amounts or {}).get(name)
    if quantity is not None and amount(quantity).denominator != 1:
        yield f'{path}[{name}]: fractional byte value "{quantity}" is invalid, must be an integer'


def _containers(spec: Object, annotations: Object, path: str) -> Iterator[str]:
    dot = f"{path}." if path else ""
    for here, container in each_container(spec, f"{dot}spec"):
        if annotations:
            where = f"{dot}metadata.annotations"
            key = SECCOMP_CONTAINER + container.get("name", "")
            if key in annotations and not _context(container).get("seccompProfile"):
                yield f"{where}[{key}]: {_SECCOMP}"
            profiled = _has_app_armor(container) or _has_app_armor(spec)
            key = APP_ARMOR + container.get("name", "")
            if path and key in annotations and not profiled:
                yield f"{where}[{key}]: {APP_ARMOR_ADVICE}"
        resources = container.get("resources") or {}
        for name in _BYTES if resources else ():
            for field in ("limits", "requests"):
                yield from _fraction(resources.get(field), name, f"{here}.resources.{field}")
        variables = container.get("env") or ()
        if len(variables) > 1:
            yield from _hidden(variables, f"{here}.env")


def _hidden(variables: Any, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for position, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value", "")
        if name not in seen:
            seen.add(name)
            continue
        reference = f"$({name})"
        extends = reference in value and value != reference
        if variable.get("valueFrom") is not None or not extends:
            yield (
                f'{path}[{position}]: hides previous definition of "{name}", which may be dropped '
                "when using apply"
            )


def _ports(spec: Object, path: str) -> Iterator[str]:
    seen: dict[tuple[int, str], list[tuple[str, Object]]] = {}
    for here, port in _each_port(spec, path):
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{here}: hostIP set without hostPort: {_port_text(port)}"
        key = (port.get("containerPort", 0), port.get("protocol", ""))
        for other_path, other in seen.get(key, ()):
            word = _clash(port, other)
            if word:
                yield f"{here}: {word} port definition with {other_path}"
        known = seen.setdefault(key, [])
        if len(known) < _PORTS_COMPARED:
            known.append((here, port))


def _each_port(spec: Object, path: str) -> Iterator[tuple[str, Object]]:
    for here, container in each_container(spec, path):
        for position, port in enumerate(container.get("ports") or ()):
            yield f"{here}.ports[{position}]", port


def _port_text(port: Object) -> str:
    """As Go prints the struct."""
    return (
        f"{{Name:{port.get('name', '')} HostPort:{port.get('hostPort', 0)} "
        f"ContainerPort:{port.get('containerPort', 0)} Protocol:{port.get('protocol', '')} "
        f"HostIP:{port.get('hostIP', '')}}}"
    )


def _port_names(spec: Object, path: str) -> Iterator[str]:
    taken: dict[str, str] = {}
    for here, port in _each_port(spec, path):
        name = port.get("name")
        if name and name in taken:
            other = taken[name]
            yield (
                f'{here}: duplicate port name "{name}" with {other}, services and probes that '
                f"select ports by name will use {other}"
            )
        elif name:
            taken[name] = here


def _clash(port: Object, other: Object) -> str:
    address, number = port.get("hostIP", ""), port.get("hostPort", 0)
    other_address, other_number = other.get("hostIP", ""), other.get("hostPort", 0)
    if (address, number) == (other_address, other_number):
        return "duplicate"
    if number == 0 or other_number == 0:
        return "overlapping"
    if number == other_number and bool(address) != bool(other_address):
        return "dangerously ambiguous"
    return ""


def _grace(spec: Object, path: str) -> Iterator[str]:
    seconds = spec.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds < 0:
        yield f"{path}: must be >= 0; negative values are invalid and will be treated as 1"


def _affinities(spec: Object, path: str) -> Iterator[str]:
    for field in ("podAffinity", "podAntiAffinity"):
        pods = (spec.get("affinity") or {}).get(field) or {}
        for position, term in enumerate(pods.get(_REQUIRED) or ()):
            if term.get("labelSelector") is None:
                yield f"{path}.{field}.{_REQUIRED}[{position}].labelSelector: {_NULL_SELECTOR}"
        for position, weighted in enumerate(pods.get(_PREFERRED) or ()):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                here = f"{path}.{field}.{_PREFERRED}[{position}].podAffinityTerm"
                yield f"{here}.labelSelector: {_NULL_SELECTOR}"


def _addresses(spec: Object, path: str) -> Iterator[str]:
    for position, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        yield from ip_warnings(f"{path}.dnsConfig.nameservers[{position}]", server)
    for position, alias in enumerate(spec.get("hostAliases") or ()):
        yield from ip_warnings(f"{path}.hostAliases[{position}].ip", alias.get("ip", ""))


def pod_status_warnings(status: Object) -> list[str]:
    return [
        warning
        for field in ("podIPs", "hostIPs")
        for position, each in enumerate(status.get(field) or ())
        for warning in ip_warnings(f"status.{field}[{position}].ip", each.get("ip", ""))
    ]
