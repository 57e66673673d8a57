"""One object of each kind that no generator makes: created, shown in every way, deleted."""

from __future__ import annotations

import json
from pathlib import Path

from e2e_kubectl import Kubectl

MANIFEST = Path(__file__).parent / "every_kind.yaml"
KINDS = len(MANIFEST.read_text().split("---\n"))

# lines of `describe`, blanks squeezed
DESCRIBED = {
    "StorageClass": "Provisioner: example.com/p",
    "PersistentVolume": "Reclaim Policy: Retain",
    "PersistentVolumeClaim": "Status: Pending",
    "NetworkPolicy": "PodSelector: a=b",
    "IngressClass": "Controller: example.com/c",
    "LimitRange": "Container cpu - 1 100m 100m -",
    "Endpoints": "Addresses: 10.1.2.3",
    "EndpointSlice": "AddressType: IPv4",
    "Lease": "Holder Identity: me",
    "ReplicationController": "Replicas: 0 current / 0 desired",
    "DaemonSet": "Desired Number of Nodes Scheduled: 0",
    "StatefulSet": "Update Strategy: RollingUpdate",
    "PriorityClass": "PreemptionPolicy: PreemptLowerPriority",
}


def test_every_kind(user: Kubectl) -> None:
    manifest = ("-f", str(MANIFEST))
    try:
        made = user("create", *manifest).splitlines()
        assert all(line.endswith(" created") for line in made), made
        assert len(made) == KINDS
        assert user("get", *manifest, "-o", "name").splitlines() == [
            line.removesuffix(" created") for line in made
        ]
        listed = json.loads(user("get", *manifest, "-o", "json"))["items"]
        assert {*DESCRIBED} <= {item["kind"] for item in listed}
        described = user("describe", *manifest)
        lines = {" ".join(line.split()) for line in described.splitlines()}
        assert {*DESCRIBED.values()} <= lines, {*DESCRIBED.values()} - lines
        assert sum(line.startswith("Name:") for line in described.splitlines()) >= KINDS
        wide = user("get", *manifest, "-o", "wide")
        assert sum(line.startswith("NAME ") for line in wide.splitlines()) == KINDS
        assert user("apply", *manifest, "--dry-run=server").count("(server dry run)\n") == KINDS
    finally:
        user("delete", *manifest, "--ignore-not-found", "--wait=false")
