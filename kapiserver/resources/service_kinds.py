"""What kinds of Service there are, and what each of them needs. Pure predicates on a spec."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import items

CLUSTER_IP, NODE_PORT, LOAD_BALANCER = "ClusterIP", "NodePort", "LoadBalancer"
EXTERNAL_NAME = "ExternalName"
TYPES = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
TRAFFIC = ("Cluster", "Local")  # the policies for it
HEADLESS = "None"  # as the value of clusterIP


def on_nodes(spec: Object) -> bool:
    """Whether its ports are open on every node."""
    return spec.get("type") in (NODE_PORT, LOAD_BALANCER)


def needs_health_check(spec: Object) -> bool:
    return spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"


def from_outside(spec: Object) -> bool:
    return on_nodes(spec) or (spec.get("type") == CLUSTER_IP and bool(spec.get("externalIPs")))


def is_headless(spec: Object) -> bool:
    return bool(items(spec, "clusterIPs") == [HEADLESS])
