"""Published manifests go through, and what upstream refuses is refused with upstream's reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_cluster import KUBECTL, MANIFESTS, Cluster, Completed, run

pytestmark = pytest.mark.skipif(
    not (MANIFESTS.is_dir() and KUBECTL.exists()),
    reason=f"needs {MANIFESTS} and {KUBECTL}",
)


def documents(path: Path, folder: Path) -> dict[str, str]:
    """Each document in a file of its own, so that one that is refused does not stop the others."""
    folder.mkdir()
    found = {}
    for number, text in enumerate(path.read_text().split("\n---")):
        name = f"{number:03}.yaml"
        (folder / name).write_text(text)
        found[name] = text
    return found


def outcomes(done: Completed) -> list[str]:
    return [line.rsplit(" ", 1)[-1] for line in done.out.splitlines()]


def test_the_kubernetes_examples_are_applied(cluster: Cluster, tmp_path: Path) -> None:
    """Two are not API objects; two change a selector, which no Deployment allows."""
    texts = documents(MANIFESTS / "kubernetes-examples.yaml", tmp_path / "examples")
    no_objects = [name for name, text in texts.items() if "\nkind:" not in text]
    cluster.kubectl("create", "namespace", "examples")
    command = [str(KUBECTL), "-n", "examples", "apply", "-f", str(tmp_path / "examples")]
    done = run(command, env=cluster.env)
    for name in no_objects:
        assert f'{name}": error validating data: [apiVersion not set, kind not set]' in done.err
    assert done.err.count("Error from server") == 2, done
    assert done.err.count('Deployment.apps "redis-master" is invalid: spec.selector: ') == 2, done
    assert done.err.count(": field is immutable") == 2, done
    assert set(outcomes(done)) <= {"created", "configured", "unchanged"}, done
    assert len(outcomes(done)) == len(texts) - len(no_objects) - 2
    deployments = cluster.kubectl_json("-n", "examples", "get", "deployments")["items"]
    assert {"cassandra", "frontend", "redis-master"} <= {
        *(item["metadata"]["name"] for item in deployments),
        cluster.kubectl("-n", "examples", "get", "sts", "-o", "jsonpath={.items[*].metadata.name}"),
    }


def test_ingress_nginx_is_applied(cluster: Cluster) -> None:
    path = MANIFESTS / "ingress-nginx-deploy.yaml"
    count = sum(line.startswith("kind:") for line in path.read_text().splitlines())
    revisions = ("get", "-f", str(path), "-o", "jsonpath={.items[*].metadata.resourceVersion}")
    said = cluster.kubectl("apply", "-f", str(path))
    assert said.count(" created\n") == count
    before = cluster.kubectl(*revisions)
    again = cluster.kubectl("apply", "-f", str(path))
    assert again.count(" unchanged\n") + again.count(" configured\n") == count
    assert cluster.kubectl(*revisions) == before, "what did not change was written again"
    deployment = cluster.kubectl_json(
        "-n", "ingress-nginx", "get", "deployment", "ingress-nginx-controller"
    )
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "ingress-nginx"
    cluster.kubectl("delete", "-f", str(path), "--wait=false", "--ignore-not-found")
    cluster.kubectl("wait", "--for=delete", "namespace/ingress-nginx", "--timeout=50s")
