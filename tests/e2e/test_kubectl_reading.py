"""kubectl reads: get in every form, watch, describe, explain, discovery; through each node."""

from __future__ import annotations

import json
import subprocess

from e2e_cluster import KUBECTL, Cluster
from e2e_kubectl import OWN, Kubectl

SYSTEM_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}


def test_the_four_namespaces_are_there(cluster: Cluster, context: str) -> None:
    names = cluster.kubectl("--context", context, "get", "ns", "-o", "name").split()
    assert {f"namespace/{name}" for name in SYSTEM_NAMESPACES} <= set(names)
    table = cluster.kubectl("--context", context, "get", "ns")
    assert table.split()[:3] == ["NAME", "STATUS", "AGE"]
    assert "Active" in table


def test_every_namespace_has_the_certificates_of_the_server(
    cluster: Cluster, kubectl: Kubectl
) -> None:
    name = "kube-root-ca.crt"
    kubectl("wait", "--for=create", f"cm/{name}", "--timeout=20s")
    published = kubectl.json("get", "cm", name)["data"]["ca.crt"]
    assert published == (cluster.directory / "pki/ca.crt").read_text()


def test_get_prints_every_format(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    kubectl("create", "deployment", "web", "--image=nginx:1.27", "--replicas=2")
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8080")
    assert json.loads(kubectl("get", "cm", "settings", "-o", "json"))["data"] == {"colour": "blue"}
    assert "colour: blue" in kubectl("get", "cm", "settings", "-o", "yaml")
    assert kubectl("get", "cm", "settings", "-o", "name") == "configmap/settings\n"
    assert kubectl("get", "cm", "settings", "-o", "jsonpath={.data.colour}") == "blue"
    wide = kubectl("get", "deployments", "-o", "wide").splitlines()
    assert wide[0].split() == [
        "NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR",
    ]  # fmt: skip
    assert wide[1].split()[:4] == ["web", "0/2", "0", "0"]
    assert wide[1].split()[-3:] == ["nginx", "nginx:1.27", "app=web"]
    services = kubectl("get", "svc").splitlines()
    assert services[0].split() == [
        "NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE",
    ]  # fmt: skip
    assert "80/TCP" in services[1]
    everything = kubectl("get", "cm,deploy,svc", "-o", "name").split()
    assert {"configmap/settings", "deployment.apps/web", "service/web"} <= set(everything)
    missing = kubectl.fails("get", "cm", "nothing")
    assert missing.strip() == 'Error from server (NotFound): configmaps "nothing" not found'


def test_selectors_choose(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "a")
    kubectl("create", "configmap", "b")
    kubectl("label", "cm", "a", "tier=front")
    assert kubectl("get", "cm", "-l", "tier=front", "-o", "name") == "configmap/a\n"
    assert kubectl("get", "cm", OWN, "-l", "tier!=front", "-o", "name") == "configmap/b\n"
    assert kubectl("get", "cm", "--field-selector=metadata.name=b", "-o", "name").split() == [
        "configmap/b"
    ]


def test_get_w_shows_what_happens(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "first")
    command = [
        str(KUBECTL), "--context", kubectl.context, "-n", kubectl.namespace, "get", "cm", OWN,
        "-w", "-o", "name", "--request-timeout=30s",
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=kubectl.cluster.env, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        try:
            assert watch.stdout.readline().strip() == "configmap/first"
            kubectl("create", "configmap", "second")
            assert watch.stdout.readline().strip() == "configmap/second"
            kubectl("annotate", "cm", "first", "seen=yes")
            assert watch.stdout.readline().strip() == "configmap/first"
        finally:
            watch.kill()


def test_describe_tells_the_story(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    kubectl("create", "deployment", "web", "--image=nginx:1.27")
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8080")
    kubectl("run", "single", "--image=busybox", "--restart=Never")
    assert "colour:\n----\nblue" in kubectl("describe", "configmap", "settings")
    pod = kubectl("describe", "pod", "single")
    assert pod.split()[:2] == ["Name:", "single"]
    assert "busybox" in pod
    deployment = kubectl("describe", "deployment", "web")
    assert "StrategyType:           RollingUpdate" in deployment
    assert "nginx:1.27" in deployment
    service = kubectl("describe", "service", "web")
    assert "TargetPort:" in service
    assert "8080/TCP" in service


def test_events_are_listed(kubectl: Kubectl) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": kubectl.namespace},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": kubectl.namespace},
        "reason": "Tested",
        "message": "all is well",
        "type": "Normal",
        "firstTimestamp": "2026-11-01T10:00:00Z",
        "lastTimestamp": "2026-11-01T10:00:00Z",
        "count": 1,
        "source": {"component": "e2e"},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(event))
    shown = kubectl("events")
    assert shown.split()[:5] == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT"]
    assert "all is well" in shown
    assert "Pod/web" in shown
    assert "Tested" in kubectl("get", "events")


def test_explain_knows_the_fields(cluster: Cluster, context: str) -> None:
    short = cluster.kubectl("--context", context, "explain", "deployment.spec.replicas")
    assert "FIELD: replicas <integer>" in short
    assert "Number of desired pods" in short
    everything = cluster.kubectl("--context", context, "explain", "pod", "--recursive")
    assert "containers\t<[]Container> -required-" in everything
    assert "terminationGracePeriodSeconds" in everything


def test_discovery_lists_what_is_served(cluster: Cluster, context: str) -> None:
    resources = cluster.kubectl("--context", context, "api-resources", "-o", "name").split()
    assert {"pods", "deployments.apps", "roles.rbac.authorization.k8s.io"} <= set(resources)
    assert "cm " in cluster.kubectl("--context", context, "api-resources", "--namespaced=true")
    versions = cluster.kubectl("--context", context, "api-versions").split()
    assert {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1"} <= set(versions)


def test_version_cluster_info_and_health(cluster: Cluster, context: str) -> None:
    version = cluster.kubectl("--context", context, "version")
    assert "Server Version: v1.37" in version
    assert "WARNING" not in version
    assert "is running at" in cluster.kubectl("--context", context, "cluster-info")
    assert cluster.kubectl("--context", context, "get", "--raw", "/healthz") == "ok"
    assert "readyz check passed" in cluster.kubectl(
        "--context", context, "get", "--raw", "/readyz?verbose"
    )
