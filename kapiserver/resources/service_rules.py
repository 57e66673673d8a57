"""What a Service must be: findings about its spec and its status, worded as upstream's. Pure.

Addresses and node ports that are still to be given out may be absent; the checks here hold before
and after that. Addresses that the stored service has are taken as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.field_errors import (
    IMMUTABLE,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.printing import items, text
from kapiserver.resources.service_addresses import (
    check_addresses_stay,
    check_cluster_ips,
    check_families_stay,
)
from kapiserver.resources.service_kinds import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    TRAFFIC,
    TYPES,
    from_outside,
    is_headless,
    needs_health_check,
    on_nodes,
)
from kapiserver.resources.validation.formats import (
    Found,
    check_label,
    check_port,
    check_port_or_name,
    check_subdomain,
)
from kapiserver.resources.validation.internals import NIL
from kapiserver.resources.validation.ip_syntax import (
    cidr_problems,
    ip_problems,
    parse_ip,
    special_ip_problems,
)
from kapiserver.resources.validation.labels import check_labels, check_qualified
from kapiserver.resources.validation.ports import PROTOCOLS

_AFFINITIES = ("ClientIP", "None")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_IP_MODES = ("Proxy", "VIP")
_MAX_STICKY_SECONDS = 86400
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_NOT_EXTERNAL_NAME = "may not be set for ExternalName services"
_NEEDS_CLIENT_IP = "when session affinity type is ClientIP"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"


def check_service(service: Object, context: WriteContext) -> Sequence[Cause]:
    if context.subresource == "status":
        return check_status(service, context.old)
    spec = service.get("spec") or {}
    old = context.old or {}
    before: Object | None = None if context.old is None else old.get("spec") or {}
    found: Found = []
    _check_topology(found, _annotations(service))
    if not items(spec, "ports") and not is_headless(spec) and spec.get("type") != EXTERNAL_NAME:
        found.append(required("spec.ports"))
    _check_type(found, spec)
    _check_ports(found, items(spec, "ports"))
    check_labels(found, spec.get("selector"), "spec.selector")
    _check_affinity(found, spec)
    found += check_cluster_ips(spec, before)
    _check_external_ips(found, spec, before)
    kind_of_service = spec.get("type")
    if not kind_of_service:
        found.append(required("spec.type"))
    elif kind_of_service not in TYPES:
        found.append(unsupported("spec.type", kind_of_service, TYPES))
    _check_node_ports(found, spec)
    _check_pairs(found, items(spec, "ports"))
    _check_ranges(found, service, old)
    _check_load_balancer(found, spec)
    _check_traffic(found, spec)
    return found


def _annotations(service: Object) -> Object:
    return (service.get("metadata") or {}).get("annotations") or {}


def _check_topology(found: Found, annotations: Object) -> None:
    mode, hints = annotations.get(_TOPOLOGY_MODE), annotations.get(_TOPOLOGY_HINTS)
    if mode is not None and hints is not None and mode != hints:
        detail = f"must match annotations[{_TOPOLOGY_HINTS}] when both are specified"
        found.append(invalid(f"metadata.annotations[{_TOPOLOGY_MODE}]", mode, detail))


def _check_type(found: Found, spec: Object) -> None:
    if on_nodes(spec) and is_headless(spec):
        detail = f"may not be set to 'None' for {spec['type']} services"
        found.append(invalid("spec.clusterIPs[0]", spec["clusterIPs"][0], detail))
    if spec.get("type") != EXTERNAL_NAME:
        return
    found += [
        forbidden(f"spec.{field}", _NOT_EXTERNAL_NAME)
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
        if spec.get(field)
    ]
    name = text(spec, "externalName").removesuffix(".")
    if name:
        check_subdomain(found, name, "spec.externalName")
    else:
        found.append(required("spec.externalName"))


def _check_ports(found: Found, ports: Sequence[Object]) -> None:
    names: set[str] = set()
    for position, port in enumerate(ports):
        here = f"spec.ports[{position}]"
        name = text(port, "name")
        if name:
            check_label(found, name, f"{here}.name")
            if name in names:
                found.append(duplicate(f"{here}.name", name))
            names.add(name)
        elif len(ports) > 1:
            found.append(required(f"{here}.name"))
        check_port(found, port.get("port", 0), f"{here}.port")
        check_protocol(found, port, here)
        check_port_or_name(found, port.get("targetPort", 0), f"{here}.targetPort")
        if port.get("appProtocol") is not None:
            check_qualified(found, port["appProtocol"], f"{here}.appProtocol")


def check_protocol(found: Found, port: Object, path: str) -> None:
    protocol = port.get("protocol")
    if not protocol:
        found.append(required(f"{path}.protocol"))
    elif protocol not in PROTOCOLS:
        found.append(unsupported(f"{path}.protocol", protocol, PROTOCOLS))


def _check_affinity(found: Found, spec: Object) -> None:
    affinity, path = spec.get("sessionAffinity"), "spec.sessionAffinityConfig"
    settings = spec.get("sessionAffinityConfig")
    if not affinity:
        found.append(required("spec.sessionAffinity"))
    elif affinity not in _AFFINITIES:
        found.append(unsupported("spec.sessionAffinity", affinity, _AFFINITIES))
    elif affinity == "None":
        if settings is not None:
            found.append(forbidden(path, "must not be set when session affinity is None"))
    elif settings is None:
        found.append(required(path, _NEEDS_CLIENT_IP))
    elif settings.get("clientIP") is None:
        found.append(required(f"{path}.clientIP", _NEEDS_CLIENT_IP))
    else:
        seconds, path = (
            settings["clientIP"].get("timeoutSeconds"),
            f"{path}.clientIP.timeoutSeconds",
        )
        if seconds is None:
            found.append(required(path, _NEEDS_CLIENT_IP))
        elif not 0 < seconds <= _MAX_STICKY_SECONDS:
            detail = f"must be greater than 0 and less than {_MAX_STICKY_SECONDS}"
            found.append(invalid(path, seconds, detail))


def _check_external_ips(found: Found, spec: Object, before: Object | None) -> None:
    known = items(before, "externalIPs")
    for position, address in enumerate(items(spec, "externalIPs")):
        problems = () if address in known else ip_problems(address)
        problems = problems or special_ip_problems(address)
        here = f"spec.externalIPs[{position}]"
        found += [invalid(here, address, problem) for problem in problems]


def _check_node_ports(found: Found, spec: Object) -> None:
    ports = items(spec, "ports")
    if spec.get("type") == CLUSTER_IP:
        found += [
            forbidden(
                f"spec.ports[{position}].nodePort", "may not be used when `type` is 'ClusterIP'"
            )
            for position, port in enumerate(ports)
            if port.get("nodePort")
        ]
    seen: set[tuple[object, object]] = set()
    for position, port in enumerate(ports):
        number = port.get("nodePort")
        if not number:
            continue
        pair = (port.get("protocol"), number)
        if pair in seen:
            found.append(duplicate(f"spec.ports[{position}].nodePort", number))
        seen.add(pair)


def _check_pairs(found: Found, ports: Sequence[Object]) -> None:
    seen: set[tuple[object, object]] = set()
    for position, port in enumerate(ports):
        pair = (port.get("protocol", ""), port.get("port", 0))
        if pair in seen:
            shown = {
                "Name": "",
                "Protocol": pair[0],
                "AppProtocol": None,
                "Port": pair[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            found.append(duplicate(f"spec.ports[{position}]", shown))
        seen.add(pair)


def _check_ranges(found: Found, service: Object, old: Object) -> None:
    """Who may use a load balancer: the field, or else the annotation from before there was one."""
    spec, annotation = service.get("spec") or {}, _annotations(service).get(_SOURCE_RANGES)
    balanced = spec.get("type") == LOAD_BALANCER
    if items(spec, "loadBalancerSourceRanges"):
        path = "spec.LoadBalancerSourceRanges"  # upstream spells it so
        if not balanced:
            found.append(forbidden(path, _ONLY_LOAD_BALANCER))
        known = {value.strip() for value in items(old, "spec", "loadBalancerSourceRanges")}
        for position, value in enumerate(items(spec, "loadBalancerSourceRanges")):
            _check_range(found, value, f"{path}[{position}]", known)
    elif annotation is not None:
        path = f"metadata.annotations[{_SOURCE_RANGES}]"
        if not balanced:
            found.append(forbidden(path, _ONLY_LOAD_BALANCER))
        if annotation.strip() and annotation != _annotations(old).get(_SOURCE_RANGES):
            for value in annotation.strip().split(","):
                _check_range(found, value, path, ())


def _check_range(found: Found, value: str, path: str, known: Collection[str]) -> None:
    cidr = value.strip()
    if cidr not in known:
        found += [invalid(path, cidr, problem) for problem in cidr_problems(cidr)]


def _check_load_balancer(found: Found, spec: Object) -> None:
    balanced = spec.get("type") == LOAD_BALANCER
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and not balanced:
        found.append(forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_LOAD_BALANCER))
    if allocate is None and balanced:
        found.append(required("allocateLoadBalancerNodePorts"))
    _check_class(found, spec)


def _check_class(found: Found, spec: Object) -> None:
    name = spec.get("loadBalancerClass")
    if name is not None and spec.get("type") == LOAD_BALANCER:
        check_qualified(found, name, "spec.loadBalancerClass")
    elif name is not None:
        found.append(forbidden("spec.loadBalancerClass", _ONLY_LOAD_BALANCER))


def _check_traffic(found: Found, spec: Object) -> None:
    external, field = spec.get("externalTrafficPolicy"), "spec.externalTrafficPolicy"
    if not from_outside(spec):
        if external:
            detail = "may only be set for externally-accessible services"
            found.append(invalid(field, external, detail))
    elif not external:
        found.append(required(field))
    elif external not in TRAFFIC:
        found.append(unsupported(field, external, TRAFFIC))
    health, field = spec.get("healthCheckNodePort") or 0, "spec.healthCheckNodePort"
    if health and needs_health_check(spec):
        check_port(found, health, field)
    elif health:
        detail = (
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        )
        found.append(invalid(field, health, detail))
    internal, field = spec.get("internalTrafficPolicy"), "spec.internalTrafficPolicy"
    if internal is None:
        if spec.get("type") in TYPES and spec.get("type") != EXTERNAL_NAME:
            found.append(required(field))
    elif internal not in TRAFFIC:
        found.append(unsupported(field, internal, TRAFFIC))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        found.append(unsupported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))


def check_status(service: Object, old: Object | None) -> Sequence[Cause]:
    found: Found = []
    points = items(service, "status", "loadBalancer", "ingress")
    path = "status.loadBalancer.ingress"
    if points and text(service, "spec", "type") != LOAD_BALANCER:
        return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
    known = [text(point, "ip") for point in items(old, "status", "loadBalancer", "ingress")]
    for position, point in enumerate(points):
        check_point(found, point, f"{path}[{position}]", known, modes=True)
    return found


def check_point(
    found: Found, point: Object, path: str, known: Collection[str], *, modes: bool
) -> None:
    """One address of a load balancer, of a Service (with `modes`) or of an Ingress."""
    address, mode, host = text(point, "ip"), point.get("ipMode"), text(point, "hostname")
    if address and address not in known:
        found += [invalid(f"{path}.ip", address, problem) for problem in ip_problems(address)]
    if modes and mode is None and address:
        found.append(required(f"{path}.ipMode", "must be specified when `ip` is set"))
    elif modes and mode is not None and not address:
        found.append(forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set"))
    elif modes and mode is not None and mode not in _IP_MODES:
        found.append(unsupported(f"{path}.ipMode", mode, _IP_MODES))
    if host:
        found += [invalid(f"{path}.hostname", host, why) for why in dns1123_subdomain(host)]
        if parse_ip(host) is not None:
            detail = "must be a DNS name, not an IP address"
            found.append(invalid(f"{path}.hostname", host, detail))


def check_service_update(service: Object, context: WriteContext) -> Sequence[Cause]:
    """What an update may change, and then all that holds for every service."""
    old = context.old
    if old is None or context.subresource == "status":
        return check_service(service, context)
    spec, before = service.get("spec") or {}, old.get("spec") or {}
    found: Found = []
    if EXTERNAL_NAME not in (spec.get("type"), before.get("type")):
        found += check_addresses_stay(spec, before)
        found += check_families_stay(spec, before)
    if spec.get("type") == before.get("type") == LOAD_BALANCER:
        ours, theirs = spec.get("loadBalancerClass"), before.get("loadBalancerClass")
        if ours != theirs:
            shown = NIL if ours is None else ours
            found.append(invalid("spec.loadBalancerClass", shown, "may not change once set"))
    _check_class(found, spec)  # again below: an update looks at it twice
    if needs_health_check(spec) and needs_health_check(before):
        port, was = spec.get("healthCheckNodePort", 0), before.get("healthCheckNodePort", 0)
        if was and port != was:
            found.append(forbidden("spec.healthCheckNodePort", IMMUTABLE))
    return [*found, *check_service(service, context)]
