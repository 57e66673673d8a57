"""What a Service must be: findings about its spec, worded as upstream's. Pure.

Addresses and node ports that are still to be given out may be absent; the checks here hold before
and after that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.field_errors import (
    IMMUTABLE,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.pod_rules import PROTOCOLS, check_port_number
from kapiserver.resources.printing import items, text

CLUSTER_IP, NODE_PORT, LOAD_BALANCER = "ClusterIP", "NodePort", "LoadBalancer"
EXTERNAL_NAME = "ExternalName"
TYPES = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
HEADLESS = "None"  # as the value of clusterIP

_AFFINITIES = ("ClientIP", "None")
_TRAFFIC = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_MAX_STICKY_SECONDS = 86400
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_NOT_EXTERNAL_NAME = "may not be set for ExternalName services"
_SET_ONCE = "may not change once set"


def on_nodes(spec: Object) -> bool:
    """Whether its ports are open on every node."""
    return spec.get("type") in (NODE_PORT, LOAD_BALANCER)


def needs_health_check(spec: Object) -> bool:
    return spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"


def from_outside(spec: Object) -> bool:
    return on_nodes(spec) or (spec.get("type") == CLUSTER_IP and bool(spec.get("externalIPs")))


def is_headless(spec: Object) -> bool:
    return bool(items(spec, "clusterIPs") == [HEADLESS])


def check_service(service: Object, context: WriteContext) -> Sequence[Cause]:
    if context.subresource == "status":
        return ()
    spec = service.get("spec") or {}
    kind_of_service = spec.get("type")
    headless = spec.get("clusterIP") == HEADLESS
    found: list[Cause] = []
    if not items(spec, "ports") and not headless and kind_of_service != EXTERNAL_NAME:
        found.append(required("spec.ports"))
    if headless and on_nodes(spec):
        why = f"may not be set to 'None' for {kind_of_service} services"
        found.append(invalid("spec.clusterIPs[0]", HEADLESS, why))
    if kind_of_service == EXTERNAL_NAME:
        found += _check_external_name(spec)
    found += _check_ports(spec)
    found += _check_affinity(spec)
    found += check_cluster_ips(spec)
    if kind_of_service not in TYPES:
        found.append(not_supported("spec.type", kind_of_service, TYPES))
    found += _check_node_ports(spec)
    found += _check_load_balancer(spec)
    found += _check_traffic(spec)
    return found


def _check_external_name(spec: Object) -> list[Cause]:
    found = [
        forbidden(f"spec.{field}", _NOT_EXTERNAL_NAME)
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
        if spec.get(field)
    ]
    name = text(spec, "externalName").removesuffix(".")
    if not name:
        return [*found, required("spec.externalName")]
    return found + [invalid("spec.externalName", name, why) for why in dns1123_subdomain(name)]


def _check_ports(spec: Object) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    pairs: set[tuple[object, object]] = set()
    ports = items(spec, "ports")
    for position, port in enumerate(ports):
        here = f"spec.ports[{position}]"
        name = text(port, "name")
        if not name and len(ports) > 1:
            found.append(required(f"{here}.name"))
        elif name:
            found += [invalid(f"{here}.name", name, why) for why in dns1123_label(name)]
            if name in names:
                found.append(duplicate(f"{here}.name", name))
            names.add(name)
        found += check_port_number(port.get("port", 0), f"{here}.port")
        if port.get("protocol") not in PROTOCOLS:
            found.append(not_supported(f"{here}.protocol", port.get("protocol"), PROTOCOLS))
        if isinstance(port.get("targetPort"), int):
            found += check_port_number(port["targetPort"], f"{here}.targetPort")
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            found.append(
                duplicate(here, {"protocol": port.get("protocol"), "port": port.get("port")})
            )
        pairs.add(pair)
    return found


def _check_affinity(spec: Object) -> list[Cause]:
    affinity = spec.get("sessionAffinity")
    where = "spec.sessionAffinityConfig"
    if affinity not in _AFFINITIES:
        return [not_supported("spec.sessionAffinity", affinity, _AFFINITIES)]
    settings = spec.get("sessionAffinityConfig")
    if affinity == "None":
        if settings is None:
            return []
        return [forbidden(where, "must not be set when session affinity is None")]
    seconds = ((settings or {}).get("clientIP") or {}).get("timeoutSeconds", 0)
    if 0 < seconds <= _MAX_STICKY_SECONDS:
        return []
    path = f"{where}.clientIP.timeoutSeconds"
    return [invalid(path, seconds, f"must be greater than 0 and less than {_MAX_STICKY_SECONDS}")]


def check_cluster_ips(spec: Object) -> list[Cause]:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, each by itself and one with another."""
    if spec.get("type") == EXTERNAL_NAME:
        return []
    field = "spec.clusterIPs"
    addresses, families = items(spec, "clusterIPs"), items(spec, "ipFamilies")
    found: list[Cause] = []
    if spec.get("clusterIP"):
        if not addresses:
            found.append(required(field))
        elif addresses[0] != spec["clusterIP"]:
            found.append(invalid(field, addresses, "first value must match `clusterIP`"))
    elif addresses:
        why = "must be empty when `clusterIP` is not specified"
        found.append(invalid(field, addresses, why))
    for position, family in enumerate(families):
        here = f"spec.ipFamilies[{position}]"
        if family not in _FAMILIES:
            found.append(not_supported(here, family, _FAMILIES))
        if family in families[:position]:
            found.append(duplicate(here, family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        found.append(not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    versions, broken = _check_addresses(addresses, found)
    if len(addresses) > 2:
        found.append(invalid(field, addresses, "may only hold up to 2 values"))
    if broken:
        return found
    if len(addresses) > 1 and len(set(versions)) != len(versions):
        why = "may specify no more than one IP for each IP family"
        found.append(invalid(field, addresses, why))
    if not is_headless(spec):
        for position, (version, family) in enumerate(zip(versions, families, strict=False)):
            if f"IPv{version}" != family and family in _FAMILIES:
                why = f"expected an {family} value as indicated by `ipFamilies[{position}]`"
                found.append(invalid(f"{field}[{position}]", addresses[position], why))
    return found


def _check_addresses(addresses: list[str], found: list[Cause]) -> tuple[list[int], bool]:
    """(IP versions, whether one is no address at all)"""
    versions: list[int] = []
    broken = False
    for position, address in enumerate(addresses):
        if position == 0 and address == HEADLESS:
            if len(addresses) > 1:
                broken = True
                why = "'None' must be the first and only value"
                found.append(invalid("spec.clusterIPs", addresses, why))
            continue
        try:
            versions.append(ipaddress.ip_address(address).version)
        except ValueError:
            broken = True
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            found.append(invalid(f"spec.clusterIPs[{position}]", address, why))
    return versions, broken


def _check_node_ports(spec: Object) -> list[Cause]:
    found: list[Cause] = []
    seen: set[tuple[object, object]] = set()
    for position, port in enumerate(items(spec, "ports")):
        number = port.get("nodePort")
        if not number:
            continue
        here = f"spec.ports[{position}].nodePort"
        if spec.get("type") == CLUSTER_IP:
            found.append(forbidden(here, "may not be used when `type` is 'ClusterIP'"))
        pair = (port.get("protocol"), number)
        if pair in seen:
            found.append(duplicate(here, number))
        seen.add(pair)
    return found


def _check_load_balancer(spec: Object) -> list[Cause]:
    found: list[Cause] = []
    balanced = spec.get("type") == LOAD_BALANCER
    ranges = "spec.LoadBalancerSourceRanges"  # upstream spells it so
    if spec.get("loadBalancerSourceRanges") and not balanced:
        found.append(forbidden(ranges, _ONLY_LOAD_BALANCER))
    for position, value in enumerate(items(spec, "loadBalancerSourceRanges")):
        try:
            ipaddress.ip_network(value.strip(), strict=False)
        except ValueError:
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            found.append(invalid(f"{ranges}[{position}]", value.strip(), why))
    for field in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if field in spec and not balanced:
            found.append(forbidden(f"spec.{field}", _ONLY_LOAD_BALANCER))
    return found


def _check_traffic(spec: Object) -> list[Cause]:
    found: list[Cause] = []
    external = spec.get("externalTrafficPolicy")
    field = "spec.externalTrafficPolicy"
    if not from_outside(spec):
        if external:
            why = "may only be set for externally-accessible services"
            found.append(invalid(field, external, why))
    elif external not in _TRAFFIC:
        found.append(not_supported(field, external, _TRAFFIC) if external else required(field))
    health = spec.get("healthCheckNodePort") or 0
    if health and not needs_health_check(spec):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        found.append(invalid("spec.healthCheckNodePort", health, why))
    internal = spec.get("internalTrafficPolicy")
    field = "spec.internalTrafficPolicy"
    if internal is None:
        if spec.get("type") in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
            found.append(required(field))
    elif internal not in _TRAFFIC:
        found.append(not_supported(field, internal, _TRAFFIC))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        found.append(not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
    return found


def warn_of_service(service: Object, context: WriteContext) -> Sequence[str]:
    """Fields that are set and have no effect."""
    if context.subresource == "status":
        return ()
    spec = service.get("spec") or {}
    found: list[str] = []
    if spec.get("type") == CLUSTER_IP and spec.get("clusterIP") == HEADLESS:
        ignored = [field for field in ("loadBalancerIP", "externalIPs") if spec.get(field)]
        if spec.get("sessionAffinity") != "None":
            ignored.append("SessionAffinity")
        found += [f"spec.{field} is ignored for headless services" for field in ignored]
    if spec.get("type") == EXTERNAL_NAME:
        if spec.get("externalIPs"):
            found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    elif spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


# -- what an update may change ------------------------------------------------------------------


def check_service_update(service: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None or context.subresource == "status":
        return ()
    spec, before = service.get("spec") or {}, old.get("spec") or {}
    found: list[Cause] = []
    if EXTERNAL_NAME not in (spec.get("type"), before.get("type")):
        found += _check_addresses_stay(spec, before)
        found += _check_families_stay(spec, before)
    if spec.get("type") == before.get("type") == LOAD_BALANCER:
        ours, theirs = spec.get("loadBalancerClass"), before.get("loadBalancerClass")
        if ours != theirs:
            found.append(invalid("spec.loadBalancerClass", ours, _SET_ONCE))
    if needs_health_check(spec) and needs_health_check(before):
        port, was = spec.get("healthCheckNodePort", 0), before.get("healthCheckNodePort", 0)
        if was and port != was:
            found.append(forbidden("spec.healthCheckNodePort", IMMUTABLE))
    return found


def _check_addresses_stay(spec: Object, before: Object) -> list[Cause]:
    if is_headless(spec) and is_headless(before):
        return []
    now, was = items(spec, "clusterIPs"), items(before, "clusterIPs")
    found: list[Cause] = []
    if len(now) == len(was):
        return [
            invalid(f"spec.clusterIPs[{position}]", now, _SET_ONCE)
            for position, (ours, theirs) in enumerate(zip(now, was, strict=True))
            if ours != theirs
        ]
    if was and not now:
        found.append(invalid("spec.clusterIPs[0]", now, "primary clusterIP can not be unset"))
    if was and now and now[0] != was[0]:
        found.append(invalid("spec.clusterIPs[0]", now, _SET_ONCE))
    if len(now) == 1 and len(was) > 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        found.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why))
    return found


def _check_families_stay(spec: Object, before: Object) -> list[Cause]:
    if is_headless(spec) or is_headless(before):
        return []
    now, was = items(spec, "ipFamilies"), items(before, "ipFamilies")
    field = "spec.ipFamilies[0]"
    if len(now) == len(was):
        return [
            invalid(field, now, _SET_ONCE)
            for ours, theirs in zip(now, was, strict=True)
            if ours != theirs
        ]
    found: list[Cause] = []
    if now and was and now[0] != was[0]:
        found.append(invalid(field, items(spec, "clusterIPs"), _SET_ONCE))
    if len(now) == 1 and len(was) > 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        found.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why))
    return found
