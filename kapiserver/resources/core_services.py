"""core/v1: services and endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import PROXY_VERBS, STATUS, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.endpoint_subsets import repack
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    column,
    dig,
    doc,
    items,
    joined_with_more,
    labels_at,
    number,
    table,
    text,
    value_at,
)
from kapiserver.resources.service_kinds import EXTERNAL_NAME, LOAD_BALANCER, TYPES, from_outside
from kapiserver.resources.service_rules import check_service, check_service_update
from kapiserver.resources.service_updates import (
    complete_cluster_ips,
    complete_update,
    drop_internal_policy,
)
from kapiserver.resources.service_warnings import warn_of_service
from kapiserver.resources.strategies import (
    set_default,
    split_status,
    with_status,
    without_status,
)
from kapiserver.resources.validation.endpoints import check_endpoints, warn_of_endpoints

_STICKY_SECONDS = 10800
_SHOWN_ENDPOINTS = 3

# Manifests that come from templates say "" and 0 where they mean nothing.
_OMITTED_WHEN_EMPTY = (
    "clusterIP",
    "clusterIPs",
    "externalName",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "ipFamilies",
    "sessionAffinity",
    "type",
)


def _defaults(service: Object, context: WriteContext) -> None:
    spec = service.setdefault("spec", {})
    _drop_empty(spec, _OMITTED_WHEN_EMPTY)
    for port in items(spec, "ports"):
        _drop_empty(port, ("nodePort", "protocol"))
    set_default(spec, "sessionAffinity", "None")
    set_default(spec, "type", "ClusterIP")
    _default_affinity(spec)
    for port in items(spec, "ports"):
        set_default(port, "protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if from_outside(spec):
        set_default(spec, "externalTrafficPolicy", "Cluster")
    if spec["type"] in TYPES and spec["type"] != EXTERNAL_NAME:
        set_default(spec, "internalTrafficPolicy", "Cluster")
    if spec["type"] == LOAD_BALANCER:
        set_default(spec, "allocateLoadBalancerNodePorts", True)
        _default_load_balancer_status(service)


def _default_affinity(spec: Object) -> None:
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        seconds = dig(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
        if seconds is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _STICKY_SECONDS}}


def _drop_empty(holder: Object, fields: Iterable[str]) -> None:
    for field in fields:
        if field in holder and not holder[field]:
            del holder[field]


def _default_load_balancer_status(service: Object) -> None:
    for ingress in items(service, "status", "loadBalancer", "ingress"):
        if ingress.get("ip"):
            set_default(ingress, "ipMode", "VIP")


def _prepare_for_create(service: Object, context: WriteContext) -> None:
    service["status"] = {"loadBalancer": {}}
    spec = service.setdefault("spec", {})
    complete_cluster_ips(spec)
    drop_internal_policy(spec)


def _prepare_for_update(service: Object, context: WriteContext) -> None:
    split_status(service, context)
    old = context.old
    if old is None or context.subresource == "status":
        return
    spec = service.setdefault("spec", {})
    complete_update(spec, old.get("spec") or {})
    if spec.get("type") != LOAD_BALANCER:
        service["status"] = {**(old.get("status") or {}), "loadBalancer": {}}


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
            _drop_empty(port, ("protocol",))
            set_default(port, "protocol", "TCP")


def _repack(obj: Object, context: WriteContext) -> None:
    """Findings name the places that the client knows: what is wrong stays as it was sent."""
    if items(obj, "subsets") and not check_endpoints(obj, context):
        obj["subsets"] = repack(obj["subsets"])


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
        upstream_folder="services/endpoints",
        short=("ep",),
        deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        strategy=without_status(
            complete=True,
            defaults=_endpoint_defaults,
            create=_repack,
            update=_repack,
            validate=check_endpoints,
            warnings=warn_of_endpoints,
            create_on_update=True,
        ),
        columns=table(column("Endpoints", _endpoints, doc("core.v1.Endpoints.subsets"))),
    ),
    CORE.resource(
        "Service",
        "services",
        upstream_folder="services/specs",
        returns_deleted=True,
        short=("svc",),
        categories=("all",),
        subresources=(Subresource("proxy", PROXY_VERBS, "ServiceProxyOptions"), STATUS),
        name_rule=dns1123_label,
        strategy=replace(
            with_status(
                complete=True,
                defaults=_defaults,
                create=_prepare_for_create,
                update=_prepare_for_update,
                validate=check_service,
                warnings=warn_of_service,
                create_on_update=True,
                generation=False,
            ),
            validate_update=check_service_update,
        ),
        columns=(
            NAME,
            column("Type", value_at("spec", "type"), doc("core.v1.ServiceSpec.type")),
            column("Cluster-IP", _cluster_ip, doc("core.v1.ServiceSpec.clusterIP")),
            column("External-IP", _external_ip, doc("core.v1.ServiceSpec.externalIPs")),
            column("Port(s)", _ports, doc("core.v1.ServiceSpec.ports")),
            AGE,
            column(
                "Selector",
                labels_at("spec", "selector"),
                doc("core.v1.ServiceSpec.selector"),
                wide=True,
            ),
        ),
        fields={
            "spec.clusterIP": text_at("spec", "clusterIP"),
            "spec.type": text_at("spec", "type"),
        },
    ),
)
