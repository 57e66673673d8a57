"""kubectl on nodes that exist on paper: marked, emptied, looked into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e_cluster import Cluster
from e2e_kubectl import Kubectl
from e2e_objects import create, node, pod, set_status, workload

NODE = "n-drained"
READY = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}


@pytest.fixture
def worker(user: Kubectl, cluster: Cluster) -> Iterator[str]:
    create(user, node(NODE, **{"topology.kubernetes.io/zone": "z1"}))
    set_status(user, f"node/{NODE}", conditions=[READY], nodeInfo=_facts())
    yield NODE
    cluster.kubectl("delete", "node", NODE, "--ignore-not-found")


FACTS = (
    "machineID systemUUID bootID kernelVersion osImage operatingSystem architecture "
    "containerRuntimeVersion kubeProxyVersion"
)


def _facts() -> dict[str, str]:
    return {**dict.fromkeys(FACTS.split(), "x"), "kubeletVersion": "v1.37.0"}


def test_cordon_uncordon_taint(user: Kubectl, worker: str) -> None:
    row = user("get", "node", worker, "--no-headers").split()
    assert (row[:3], row[4]) == ([worker, "Ready", "<none>"], "v1.37.0")
    assert user("cordon", worker) == f"node/{worker} cordoned\n"
    assert user("cordon", worker) == f"node/{worker} already cordoned\n"
    assert user("get", "node", worker, "--no-headers").split()[1] == "Ready,SchedulingDisabled"
    assert user("uncordon", worker) == f"node/{worker} uncordoned\n"
    assert user("taint", "node", worker, "dedicated=db:NoSchedule") == f"node/{worker} tainted\n"
    assert "dedicated=db:NoSchedule\n" in user("describe", "node", worker)
    twice = user.fails("taint", "node", worker, "dedicated=db:NoSchedule")
    assert f"node {worker} already has dedicated taint(s) with same effect(s)" in twice
    assert user("taint", "node", worker, "dedicated-") == f"node/{worker} untainted\n"
    user("label", "node", worker, "node-role.kubernetes.io/worker=")
    assert user("get", "node", worker, "--no-headers").split()[2] == "worker"


def test_drain_evicts_what_budgets_let_go(user: Kubectl, worker: str) -> None:
    (owner,) = create(user, workload("ReplicaSet", "web", "nginx", replicas=2))
    create(user, pod("a", node=worker, owner=owner), pod("b", node=worker, owner=owner))
    ready = [{"type": "Ready", "status": "True"}]
    for name in ("a", "b"):
        set_status(user, f"pod/{name}", phase="Running", conditions=ready)
    user("create", "pdb", "web", "--selector=app=web", "--min-available=1")
    set_status(
        user, "pdb/web", observedGeneration=1, disruptionsAllowed=1, currentHealthy=2,
        desiredHealthy=1, expectedPods=2,
    )  # fmt: skip
    drain = ("drain", worker, "--timeout=3s", "--grace-period=0")
    done = user.completed(*drain)
    assert done.status != 0
    assert "Cannot evict pod as it would violate the pod's disruption budget." in done.err
    left = user("get", "pods", "-o", "name").split()
    assert len(left) == 1
    status = user.json("get", "pdb", "web")["status"]
    assert status["disruptionsAllowed"] == 0
    assert len(status["disruptedPods"]) == 1
    set_status(user, "pdb/web", disruptionsAllowed=1)
    assert f"node/{worker} drained\n" in user(*drain)
    assert user("get", "pods", "-o", "name") == ""


def test_drain_is_careful(user: Kubectl, worker: str) -> None:
    create(user, pod("loose", node=worker))
    refused = user.fails("drain", worker, "--timeout=2s")
    assert "cannot delete Pods that declare no controller (use --force to override)" in refused
    shown = user("drain", worker, "--force", "--dry-run=server")
    assert f"node/{worker} drained (server dry run)\n" in shown
    assert user("get", "pods", "-o", "name") == "pod/loose\n"
    assert "node/n-drained drained\n" in user("drain", worker, "--force", "--grace-period=0")


def test_a_pod_on_a_node_waits_for_its_kubelet(user: Kubectl, worker: str) -> None:
    create(user, pod("placed", node=worker), pod("unplaced"))
    user("delete", "pod", "unplaced", "--timeout=5s")
    user("delete", "pod", "placed", "--wait=false")
    assert user("get", "pod", "placed", "--no-headers").split()[2] == "Terminating"
    assert user.json("get", "pod", "placed")["metadata"]["deletionGracePeriodSeconds"] == 30
    forced = user.completed("delete", "pod", "placed", "--grace-period=0", "--force")
    assert forced.out == 'pod "placed" force deleted from ' + user.namespace + " namespace\n"
    assert forced.err.startswith("Warning: Immediate deletion does not wait for confirmation")
    assert "NotFound" in user.fails("get", "pod", "placed")


def test_debug(user: Kubectl, worker: str) -> None:
    create(user, pod("p", node=worker))
    user("debug", "p", "--image=busybox", "--target=main", "-c", "dbg", "--attach=false")
    (added,) = user.json("get", "pod", "p")["spec"]["ephemeralContainers"]
    assert (added["name"], added["targetContainerName"]) == ("dbg", "main")
    assert "Ephemeral Containers:\n  dbg:\n" in user("describe", "pod", "p")
    user("debug", "p", "--image=busybox", "-c", "d", "--copy-to=p2", "--attach=false")
    assert user("get", "pod", "p2", "--no-headers").split()[1] == "0/2"
    said = user.completed("debug", f"node/{worker}", "--image=busybox", "--attach=false")
    assert "Creating debugging pod node-debugger-" in said.out + said.err
    made = user("get", "pods", "--field-selector", f"spec.nodeName={worker}", "-o", "name")
    assert f"pod/node-debugger-{worker}-" in made


def test_what_needs_a_kubelet_says_so(user: Kubectl) -> None:
    create(user, pod("p"))
    no_host = "pod p does not have a host assigned"
    assert no_host in user.fails("exec", "p", "--", "ls")
    assert no_host in user.fails("cp", "p:/etc/hosts", "/tmp/never-written")
    assert "pod is not running. Current status=Pending" in user.fails("port-forward", "p", ":80")
    assert user("logs", "p") == ""
    for what in ("pods", "nodes"):
        assert user.fails("top", what) == "error: Metrics API not available\n"
