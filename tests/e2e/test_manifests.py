"""Published manifests go through, and what upstream refuses is refused with upstream's reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_cluster import KUBECTL, MANIFESTS, Cluster, run

pytestmark = pytest.mark.skipif(
    not (MANIFESTS.is_dir() and KUBECTL.exists()),
    reason=f"needs {MANIFESTS} and {KUBECTL}",
)


def documents(path: Path) -> int:
    return sum(line.startswith("kind:") for line in path.read_text().splitlines())


def test_the_kubernetes_examples_are_applied(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "examples")
    path = MANIFESTS / "kubernetes-examples.yaml"
    command = [str(KUBECTL), "-n", "examples", "apply", "-f", str(path)]
    done = run(command, env=cluster.env)
    outcomes = [line.rsplit(" ", 1)[-1] for line in done.out.splitlines()]
    assert set(outcomes) <= {"created", "configured", "unchanged"}, done
    assert len(outcomes) + done.err.count("rror") >= documents(path), done
    assert done.err == "" or done.status == 1
    second = run(command, env=cluster.env)
    assert "created" not in second.out
    assert second.err == done.err


def test_ingress_nginx_is_applied(cluster: Cluster) -> None:
    path = MANIFESTS / "ingress-nginx-deploy.yaml"
    said = cluster.kubectl("apply", "-f", str(path))
    assert said.count(" created\n") == documents(path)
    again = cluster.kubectl("apply", "-f", str(path))
    assert again.count(" unchanged\n") == documents(path)
    deployment = cluster.kubectl_json(
        "-n", "ingress-nginx", "get", "deployment", "ingress-nginx-controller"
    )
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "ingress-nginx"
    cluster.kubectl("delete", "-f", str(path), "--wait=false")
    cluster.kubectl("wait", "--for=delete", "namespace/ingress-nginx", "--timeout=50s")
