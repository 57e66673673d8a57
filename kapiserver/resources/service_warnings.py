"""Fields of a Service that are set and have no effect, or that are better set in another way."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.printing import items, text
from kapiserver.resources.service_kinds import CLUSTER_IP, EXTERNAL_NAME, HEADLESS
from kapiserver.resources.validation.ip_syntax import cidr_warnings, ip_warnings

_TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"


def warn_of_service(service: Object, context: WriteContext) -> Sequence[str]:
    if context.subresource == "status":
        return _of_status(service)
    spec, found = service.get("spec") or {}, []
    external, name = items(spec, "externalIPs"), spec.get("type") == EXTERNAL_NAME
    headless = spec.get("type") == CLUSTER_IP and spec.get("clusterIP") == HEADLESS
    if _TOPOLOGY_HINTS in ((service.get("metadata") or {}).get("annotations") or {}):
        found.append(
            f"annotation {_TOPOLOGY_HINTS} is deprecated, please use {_TOPOLOGY_MODE} instead"
        )
    if spec.get("clusterIP") not in (None, "", HEADLESS):
        found += _of_addresses("clusterIPs", items(spec, "clusterIPs"))
    if headless:
        ignored = [field for field in ("loadBalancerIP", "externalIPs") if spec.get(field)]
        if spec.get("sessionAffinity") != "None":
            ignored.append("SessionAffinity")
        found += [f"spec.{field} is ignored for headless services" for field in ignored]
    found += _of_addresses("externalIPs", external)
    if external and not headless and not name:
        found.append(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
        )
    found += ip_warnings("spec.loadBalancerIP", text(spec, "loadBalancerIP"))
    for position, cidr in enumerate(items(spec, "loadBalancerSourceRanges")):
        found += cidr_warnings(f"spec.loadBalancerSourceRanges[{position}]", cidr)
    if external and name:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if spec.get("externalName") and not name:
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def _of_addresses(field: str, addresses: Sequence[str]) -> list[str]:
    return [
        warning
        for position, address in enumerate(addresses)
        for warning in ip_warnings(f"spec.{field}[{position}]", address)
    ]


def _of_status(service: Object) -> list[str]:
    return [
        warning
        for position, point in enumerate(items(service, "status", "loadBalancer", "ingress"))
        for warning in ip_warnings(f"status.loadBalancer.ingress[{position}]", text(point, "ip"))
    ]
