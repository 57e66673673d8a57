"""A controller with kr8s: every namespace labelled `team` has the quota that its size calls for."""

import kr8s
from kr8s.objects import Namespace, ResourceQuota

PODS = {"small": "10", "large": "100"}


def reconcile(api: kr8s.Api) -> int:
    """Make it so, and return how many quotas had to be written."""
    written = 0
    for namespace in api.get("namespaces", label_selector="team"):
        written += ensure_quota(api, namespace)
    return written


def ensure_quota(api: kr8s.Api, namespace: Namespace) -> int:
    hard = {"pods": PODS[namespace.labels.get("size", "small")]}
    metadata = {"name": "team", "namespace": namespace.name}
    quota = ResourceQuota({"metadata": metadata, "spec": {"hard": hard}}, api=api)
    if not quota.exists():
        quota.create()
        return 1
    quota.refresh()
    if quota.spec.hard.pods == hard["pods"]:
        return 0
    quota.patch({"spec": {"hard": hard}})
    return 1
