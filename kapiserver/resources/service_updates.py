"""How an update of a Service is understood: its fields hang together, and clients know few of them.

In: the service that the client wants and the one that is stored. Out: the wanted one, completed
with what was allocated before where the client is silent, and rid of what its new type has no use
for where the client did not ask for it. What the client did ask for is left for validation. Pure.
"""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import items, text
from kapiserver.resources.service_kinds import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    TRAFFIC,
    from_outside,
    needs_health_check,
    on_nodes,
)


def complete_cluster_ips(spec: Object) -> None:
    """Creating: a client from before dual-stack knows only clusterIP."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def complete_update(spec: Object, before: Object) -> None:
    """Changes `spec` in place, never `before`."""
    _keep_allocated(spec, before)
    _align_cluster_ips(spec, before)
    _drop_unused(spec, before)
    drop_internal_policy(spec)


def drop_internal_policy(spec: Object) -> None:
    """A name has no traffic inside: the policy is taken, if it is one, and never shown."""
    if spec.get("type") == EXTERNAL_NAME and spec.get("internalTrafficPolicy") in TRAFFIC:
        del spec["internalTrafficPolicy"]


def _keep_allocated(spec: Object, before: Object) -> None:
    """The same manifest, sent again, does not take away what was given for it."""
    if EXTERNAL_NAME not in (spec.get("type"), before.get("type")):
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        if not spec.get("clusterIPs") and before.get("clusterIPs"):
            spec["clusterIPs"] = list(before["clusterIPs"])
    if on_nodes(spec) and on_nodes(before):
        _keep_node_ports(spec, before)
    if needs_health_check(spec) and needs_health_check(before):
        port = before.get("healthCheckNodePort")
        if port and not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = port


def _keep_node_ports(spec: Object, before: Object) -> None:
    """By name: whatever else changed, it is the same port."""
    in_use = node_ports(spec)
    known = {text(port, "name"): port.get("nodePort") for port in items(before, "ports")}
    for port in items(spec, "ports"):
        kept = known.get(text(port, "name"))
        if kept and not port.get("nodePort") and kept not in in_use:
            port["nodePort"] = kept


def node_ports(spec: Object) -> set[int]:
    return {port["nodePort"] for port in items(spec, "ports") if port.get("nodePort")}


def _align_cluster_ips(spec: Object, before: Object) -> None:
    """A client that changes clusterIP and repeats clusterIPs means the former."""
    first, was = spec.get("clusterIP") or "", before.get("clusterIP") or ""
    same = items(spec, "clusterIPs") == items(before, "clusterIPs")
    if first == was or not same:
        return
    if first:
        spec["clusterIPs"] = [first]
    else:
        spec.pop("clusterIPs", None)


def _drop_unused(spec: Object, before: Object) -> None:
    """What a change of type leaves over, if the client did not change it as well."""
    if before.get("type") != EXTERNAL_NAME and spec.get("type") == EXTERNAL_NAME:
        addresses = ("clusterIP", "clusterIPs")
        if all(spec.get(field) == before.get(field) for field in addresses):
            _drop(spec, *addresses)
        for field in ("ipFamilies", "ipFamilyPolicy"):
            _drop_same(spec, before, field)
    if on_nodes(before) and not on_nodes(spec) and node_ports(spec) <= node_ports(before):
        for port in items(spec, "ports"):
            port.pop("nodePort", None)
    if needs_health_check(before) and not needs_health_check(spec):
        _drop_same(spec, before, "healthCheckNodePort")
    if before.get("type") == LOAD_BALANCER and spec.get("type") != LOAD_BALANCER:
        _drop_same(spec, before, "allocateLoadBalancerNodePorts")
        _drop_same(spec, before, "loadBalancerClass")
    if from_outside(before) and not from_outside(spec):
        _drop_same(spec, before, "externalTrafficPolicy")


def _drop_same(spec: Object, before: Object, field: str) -> None:
    if spec.get(field) == before.get(field):
        spec.pop(field, None)


def _drop(spec: Object, *fields: str) -> None:
    for field in fields:
        spec.pop(field, None)
