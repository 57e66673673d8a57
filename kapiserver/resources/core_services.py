"""core/v1: services and endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import PROXY_VERBS, STATUS, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.field_errors import duplicate, invalid, not_supported, required
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.pod_rules import PROTOCOLS, check_port_number
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    column,
    dig,
    items,
    joined_with_more,
    labels_at,
    number,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    set_default,
    split_status,
    with_status,
    without_status,
)

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_EXTERNAL_TYPES = ("NodePort", "LoadBalancer")
_STICKY_SECONDS = 10800
_SHOWN_ENDPOINTS = 3


def _defaults(service: Object, context: WriteContext) -> None:
    spec = service.setdefault("spec", {})
    set_default(spec, "sessionAffinity", "None")
    set_default(spec, "type", "ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        client_ip = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        set_default(client_ip, "timeoutSeconds", _STICKY_SECONDS)
    for port in items(spec, "ports"):
        set_default(port, "protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if spec["type"] in _EXTERNAL_TYPES:
        set_default(spec, "externalTrafficPolicy", "Cluster")
    if spec["type"] != "ExternalName":
        set_default(spec, "internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        set_default(spec, "allocateLoadBalancerNodePorts", True)
    _default_load_balancer_status(service)


def _default_load_balancer_status(service: Object) -> None:
    for ingress in items(service, "status", "loadBalancer", "ingress"):
        if ingress.get("ip"):
            set_default(ingress, "ipMode", "VIP")


def _align_cluster_ips(spec: Object) -> None:
    """clusterIP is the first of clusterIPs; a client that knows one of them gets both."""
    first, all_of_them = spec.get("clusterIP"), spec.get("clusterIPs")
    if first and not all_of_them:
        spec["clusterIPs"] = [first]
    elif all_of_them and not first:
        spec["clusterIP"] = all_of_them[0]


def _prepare_for_create(service: Object, context: WriteContext) -> None:
    service["status"] = {"loadBalancer": {}}
    _align_cluster_ips(service.get("spec") or {})


def _prepare_for_update(service: Object, context: WriteContext) -> None:
    """What was allocated stays when a client that does not know it sends the object back."""
    split_status(service, context)
    old = context.old
    if old is None or context.subresource == "status":
        return
    spec, before = service.get("spec") or {}, old.get("spec") or {}
    if spec.get("type") == "ExternalName" or before.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP") and not spec.get("clusterIPs"):
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if field in before:
                spec.setdefault(field, before[field])
    _align_cluster_ips(spec)
    if spec.get("type") in _EXTERNAL_TYPES:
        known = {
            (port.get("port"), port.get("protocol")): port["nodePort"]
            for port in items(before, "ports")
            if port.get("nodePort")
        }
        for port in items(spec, "ports"):
            kept = known.get((port.get("port"), port.get("protocol")))
            if kept and not port.get("nodePort"):
                port["nodePort"] = kept


def _validate(service: Object, context: WriteContext) -> Sequence[Cause]:
    spec = service.get("spec") or {}
    found: list[Cause] = []
    kind_of_service = spec.get("type")
    if kind_of_service not in TYPES:
        found.append(not_supported("spec.type", kind_of_service, TYPES))
    if spec.get("sessionAffinity") not in ("None", "ClientIP"):
        found.append(
            not_supported("spec.sessionAffinity", spec.get("sessionAffinity"), ("ClientIP", "None"))
        )
    ports = items(spec, "ports")
    headless = spec.get("clusterIP") == "None"
    if not ports and not headless and kind_of_service != "ExternalName":
        found.append(required("spec.ports"))
    if headless and kind_of_service in _EXTERNAL_TYPES:
        found.append(
            invalid(
                "spec.clusterIPs[0]",
                "None",
                f"may not be set to 'None' for {kind_of_service} services",
            )
        )
    if kind_of_service == "ExternalName" and not spec.get("externalName"):
        found.append(required("spec.externalName"))
    found += _check_ports(ports)
    return found


def _check_ports(ports: list[Object]) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    pairs: set[tuple[object, object]] = set()
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
        if isinstance(port.get("targetPort"), int):
            found += check_port_number(port["targetPort"], f"{here}.targetPort")
        if port.get("protocol") not in PROTOCOLS:
            found.append(not_supported(f"{here}.protocol", port.get("protocol"), PROTOCOLS))
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            found.append(
                duplicate(here, {"protocol": port.get("protocol"), "port": port.get("port")})
            )
        pairs.add(pair)
    return found


def _cluster_ip_stays(service: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None or context.subresource == "status":
        return ()
    spec, before = service.get("spec") or {}, old.get("spec") or {}
    if "ExternalName" in (spec.get("type"), before.get("type")):
        return ()
    if before.get("clusterIP") and spec.get("clusterIP") != before["clusterIP"]:
        return [invalid("spec.clusterIPs[0]", spec.get("clusterIPs"), "may not change once set")]
    return ()


def _cluster_ip(service: Object, now: float) -> str:
    addresses = items(service, "spec", "clusterIPs")
    return str(addresses[0]) if addresses else text(service, "spec", "clusterIP") or NONE


def ingress_points(obj: Object) -> str:
    """Addresses of the load balancer that serves a service or an ingress."""
    points = {
        text(point, "ip") or text(point, "hostname")
        for point in items(obj, "status", "loadBalancer", "ingress")
    }
    return ",".join(sorted(points - {""}))


def _external_ip(service: Object, now: float) -> str:
    kind_of_service = text(service, "spec", "type")
    external = ",".join(str(ip) for ip in items(service, "spec", "externalIPs"))
    if kind_of_service in ("ClusterIP", "NodePort"):
        return external or NONE
    if kind_of_service == "LoadBalancer":
        shown = [part for part in (ingress_points(service), external) if part]
        return ",".join(shown) or "<pending>"
    if kind_of_service == "ExternalName":
        return text(service, "spec", "externalName")
    return UNKNOWN


def _ports(service: Object, now: float) -> str:
    def shown(port: Object) -> str:
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{number(port, 'port')}{node_port}/{text(port, 'protocol')}"

    return ",".join(shown(port) for port in items(service, "spec", "ports")) or NONE


def _endpoint_defaults(obj: Object, context: WriteContext) -> None:
    for subset in items(obj, "subsets"):
        for port in items(subset, "ports"):
            set_default(port, "protocol", "TCP")


def _endpoints(obj: Object, now: float) -> str:
    found: list[str] = []
    for subset in items(obj, "subsets"):
        addresses = [text(address, "ip") for address in items(subset, "addresses")]
        ports = [number(port, "port") for port in items(subset, "ports")]
        if not ports:
            found.extend(addresses)
        for port in ports:
            found.extend(
                f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                for address in addresses
            )
    if not dig(obj, "subsets"):
        return NONE
    return joined_with_more(found[:_SHOWN_ENDPOINTS], len(found), empty="")


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Endpoints",
        "endpoints",
        short=("ep",),
        deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        strategy=without_status(defaults=_endpoint_defaults, create_on_update=True),
        columns=table(column("Endpoints", _endpoints, "Addresses and ports of ready pods.")),
    ),
    CORE.resource(
        "Service",
        "services",
        returns_deleted=True,
        short=("svc",),
        categories=("all",),
        subresources=(Subresource("proxy", PROXY_VERBS, "ServiceProxyOptions"), STATUS),
        name_rule=dns1123_label,
        strategy=with_status(
            defaults=_defaults,
            create=_prepare_for_create,
            update=_prepare_for_update,
            validate=_validate,
            validate_update=_cluster_ip_stays,
            create_on_update=True,
            generation=False,
        ),
        columns=(
            NAME,
            column("Type", value_at("spec", "type"), "How the service is exposed."),
            column("Cluster-IP", _cluster_ip, "First address inside the cluster."),
            column("External-IP", _external_ip, "Addresses outside the cluster."),
            column("Port(s)", _ports, "Ports that the service offers."),
            AGE,
            column(
                "Selector",
                labels_at("spec", "selector"),
                "Labels of the pods it leads to.",
                wide=True,
            ),
        ),
        fields={
            "spec.clusterIP": text_at("spec", "clusterIP"),
            "spec.type": text_at("spec", "type"),
        },
    ),
)
