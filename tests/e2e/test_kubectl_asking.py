"""kubectl asks: watches, waits, pages, sorts, explains, describes, and says who it is."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e_cluster import KUBECTL, until
from e2e_kubectl import OWN, Kubectl
from e2e_objects import create, set_status


@contextmanager
def started(user: Kubectl, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A kubectl that goes on until the end of the block."""
    command = [str(KUBECTL), "--context", user.context, "-n", user.namespace, *arguments]
    process = subprocess.Popen(
        command, env=user.cluster.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def config_maps(user: Kubectl, *names: str) -> None:
    metadata = [{"name": name, "labels": {"n": name}} for name in names]
    each = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": it} for it in metadata]
    user("create", "-f", "-", stdin="\n---\n".join(map(json.dumps, each)))


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_watches(user: Kubectl) -> None:
    config_maps(user, "before")
    with (
        started(user, "get", "cm", OWN, "--watch", "--output-watch-events") as all_of_them,
        started(user, "get", "cm", OWN, "--watch-only", "-o", "name") as news,
    ):
        assert line_of(all_of_them).split()[:2] == ["EVENT", "NAME"]
        assert line_of(all_of_them).split()[:2] == ["ADDED", "before"]
        made = 0

        def seen() -> bool:  # the second watch says nothing when it begins
            nonlocal made
            made += 1
            config_maps(user, f"after-{made}")
            return line_of(news).startswith("configmap/after-")

        until(seen, "an event")
        assert line_of(all_of_them).split()[:2] == ["ADDED", "after-1"]


def test_waits(user: Kubectl) -> None:
    with started(user, "wait", "--for=create", "cm/late", "--timeout=20s") as waiting:
        config_maps(user, "late")
        assert line_of(waiting) == "configmap/late condition met\n"
    with started(user, "wait", "--for=delete", "cm/late", "--timeout=20s") as waiting:
        user("delete", "cm", "late")
        assert waiting.wait(20) == 0
    user("create", "deployment", "web", "--image=nginx", "--replicas=3")
    met = "deployment.apps/web condition met\n"
    assert user("wait", "--for=jsonpath={.spec.replicas}=3", "deploy/web") == met
    with started(user, "wait", "--for=condition=Available", "deploy/web") as waiting:
        set_status(user, "deploy/web", conditions=[{"type": "Available", "status": "True"}])
        assert line_of(waiting) == met
    late = user.fails("wait", "--for=condition=Progressing", "deploy/web", "--timeout=1s")
    assert late == "error: timed out waiting for the condition on deployments/web\n"


def test_pages_and_orders(user: Kubectl) -> None:
    names = [f"c{number}" for number in range(5)]
    config_maps(user, *names)
    assert user("get", "cm", OWN, "--chunk-size=2", "-o", "name").split() == [
        f"configmap/{name}" for name in names
    ]
    pages = user.completed("get", "cm", OWN, "--chunk-size=2", "-o", "name", "-v=6")
    assert pages.err.count("continue=") == 2
    backwards = user("get", "cm", OWN, "--sort-by=.metadata.labels.n", "--no-headers").splitlines()
    assert [line.split()[0] for line in backwards] == names
    assert user("get", "cm", "-l", "n in (c1,c3)", "-o", "name").split() == [
        "configmap/c1", "configmap/c3",
    ]  # fmt: skip
    chosen = user("get", "cm", f"{OWN},metadata.name!=c0", "-o", "name")
    assert chosen.split() == [f"configmap/{name}" for name in names[1:]]
    columns = user("get", "cm", "c1", "-o", "custom-columns=A:.metadata.name,B:.data")
    assert [line.split() for line in columns.splitlines()] == [["A", "B"], ["c1", "<none>"]]
    assert user("get", "cm", "c1", "-o", "go-template={{.metadata.labels.n}}") == "c1"
    everywhere = user("get", "cm", "-A", "-l", "n=c1", "--no-headers").split()
    assert everywhere[:2] == [user.namespace, "c1"]
    assert user("get", "cm", "c1", "--show-labels", "--no-headers").split()[-1] == "n=c1"
    assert user("get", "--raw", f"/api/v1/namespaces/{user.namespace}/configmaps/c1").startswith(
        '{"kind":"ConfigMap","apiVersion":"v1"'
    )
    wrong = user.fails("get", "pods", "--field-selector=spec.colour=blue")
    assert "field label not supported: spec.colour" in wrong


def test_events(user: Kubectl) -> None:
    assert user.completed("events").err == f"No events found in {user.namespace} namespace.\n"
    user("create", "deployment", "web", "--image=nginx")
    uid = user("get", "deploy", "web", "-o", "jsonpath={.metadata.uid}")
    about = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "web", "uid": uid}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": user.namespace},
        "involvedObject": {**about, "namespace": user.namespace},
        "reason": "ScalingReplicaSet",
        "message": "Scaled up",
        "type": "Normal",
        "source": {"component": "deployment-controller"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
    }
    create(user, event)
    row = user("events", "--for=deployment/web", "--no-headers").split()
    assert row[1:] == ["Normal", "ScalingReplicaSet", "Deployment/web", "Scaled", "up"]
    assert user("get", "events", "--no-headers").split()[1:4] == [
        "Normal", "ScalingReplicaSet", "deployment/web",
    ]  # fmt: skip
    assert "deployment-controller  Scaled up\n" in user("describe", "deploy", "web")


def test_explain_of_every_kind(user: Kubectl) -> None:
    rows = [line.split() for line in user("api-resources", "--no-headers").splitlines()]
    assert len(rows) > 60
    kinds = {(row[-1], row[0], row[-3]) for row in rows}
    assert {("Pod", "pods", "v1"), ("Deployment", "deployments", "apps/v1")} <= kinds
    for kind, plural, version in sorted(kinds)[::4]:  # each costs a process
        group = version.rpartition("/")[0]
        shown = user("explain", plural, f"--api-version={version}")
        assert shown.splitlines()[1 if group else 0].split() == ["KIND:", kind]
        assert f"VERSION:    {version.rpartition('/')[2]}\n" in shown
    tree = user("explain", "pod.spec", "--recursive")
    assert "    nodeAffinity\t<NodeAffinity>\n" in tree
    assert "FIELD: image <string>\n" in user(
        "explain", "deploy.spec.template.spec.containers.image"
    )
    assert 'field "colour" does not exist' in user.fails("explain", "pod.spec.colour")


def test_what_the_server_serves(user: Kubectl) -> None:
    versions = user("api-versions").split()
    assert {"v1", "apps/v1", "batch/v1", "policy/v1", "rbac.authorization.k8s.io/v1"} <= {*versions}
    info = user("cluster-info").splitlines()
    assert info[0].replace("\x1b[0;32m", "").startswith("Kubernetes control plane")
    user("create", "deployment", "web", "--image=nginx")
    dump = user("cluster-info", "dump", "--namespaces", user.namespace)
    assert '"kind": "DeploymentList"' in dump
    assert '"name": "web"' in dump
    version = json.loads(user("version", "-o", "json"))["serverVersion"]
    assert (version["major"], version["minor"]) == ("1", "37")


def test_proxy(user: Kubectl) -> None:
    config_maps(user, "through")
    with started(user, "proxy", "--port=0") as proxy:
        where = line_of(proxy).split()[-1]
        path = f"/api/v1/namespaces/{user.namespace}/configmaps/through"
        with urllib.request.urlopen(f"http://{where}{path}", timeout=20) as answer:
            assert json.load(answer)["metadata"]["name"] == "through"


def no_credentials(user: Kubectl) -> Path:
    """The kubeconfig without the client certificate, which would count before a token."""
    config = json.loads(user("config", "view", "--raw", "--flatten", "-o", "json"))
    for each in config["users"]:
        each["user"] = {}
    path = user.cluster.directory / "no-credentials.json"
    path.write_text(json.dumps(config))
    return path


def test_who_may_what(user: Kubectl) -> None:
    whoami = user("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert whoami == "kapi-admin"
    assert user("auth", "can-i", "delete", "nodes") == "yes\n"
    assert "*.*" in user("auth", "can-i", "--list")
    acting = ("--as=jane", "--as-group=dev", "-o", "jsonpath={.status.userInfo.groups}")
    assert user("auth", "whoami", *acting) == '["dev","system:authenticated"]'
    assert user("auth", "can-i", "delete", "nodes", "--as=jane", status=1) == "no\n"
    assert user.fails("get", "secrets", "--as=jane") == (
        'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource '
        f'"secrets" in API group "" in the namespace "{user.namespace}"\n'
    )
    user("create", "serviceaccount", "robot")
    token = user("create", "token", "robot").strip()
    named = ("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    bearer = ("--token", token, "--kubeconfig", str(no_credentials(user)))
    assert user(*named, *bearer) == f"system:serviceaccount:{user.namespace}:robot"
    for group, allowed in (("system:masters", "true"), ("strangers", "false")):
        attributes = {"namespace": user.namespace, "verb": "list", "resource": "pods"}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "jane", "groups": [group], "resourceAttributes": attributes},
        }
        said = user(
            "create", "-f", "-", "-o", "jsonpath={.status.allowed}", stdin=json.dumps(review)
        )
        assert said == allowed
