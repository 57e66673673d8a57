"""kubectl on workloads: made, scaled, changed, rolled out and back. The controllers are played."""

from __future__ import annotations

from e2e_kubectl import Kubectl
from e2e_objects import controller_revision, create, replica_set, set_status, workload

AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}


def deployed(user: Kubectl) -> None:
    user("create", "deployment", "web", "--image=nginx:1.26", "--replicas=2")


def test_scale_of_every_kind(user: Kubectl) -> None:
    deployed(user)
    create(
        user,
        workload("StatefulSet", "db", "postgres", serviceName="db"),
        workload("ReplicaSet", "rs", "nginx"),
    )
    assert user("scale", "deploy/web", "--replicas=4") == "deployment.apps/web scaled\n"
    assert user("scale", "sts/db", "--replicas=3") == "statefulset.apps/db scaled\n"
    assert user("scale", "rs", "--all", "--replicas=0") == "replicaset.apps/rs scaled\n"
    names = "-o=jsonpath={range .items[*]}{.metadata.name}={.spec.replicas} {end}"
    assert user("get", "deploy,sts,rs", names).split() == ["web=4", "db=3", "rs=0"]
    refused = user.fails("scale", "deploy/web", "--replicas=1", "--current-replicas=3")
    assert refused == "error: Expected replicas to be 3, was 4\n"
    assert 'deployments.apps "none" not found' in user.fails("scale", "deploy/none", "--replicas=1")
    shown = user("get", "deploy", "web", "--subresource=scale", "-o", "yaml")
    assert "kind: Scale\n" in shown
    assert "  selector: app=web\n" in shown
    patch = ("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p")
    assert user(*patch, '{"spec":{"replicas":1}}') == "scale.autoscaling/web patched\n"


def test_autoscale(user: Kubectl) -> None:
    deployed(user)
    said = user("autoscale", "deploy", "web", "--min=1", "--max=5", "--cpu=70%")
    assert said == "horizontalpodautoscaler.autoscaling/web autoscaled\n"
    row = user("get", "hpa", "--no-headers").split()
    assert row[:7] == ["web", "Deployment/web", "cpu:", "<unknown>/70%", "1", "5", "0"]
    described = user("describe", "hpa", "web")
    assert "Reference:                                             Deployment/web\n" in described
    assert "(as a percentage of request):  <unknown> / 70%\n" in described


def test_set_changes_the_template(user: Kubectl) -> None:
    deployed(user)
    assert user("set", "image", "deploy/web", "nginx=nginx:1.27") == (
        "deployment.apps/web image updated\n"
    )
    user("set", "env", "deploy/web", "COLOUR=blue", "SIZE=1")
    user("set", "env", "deploy/web", "SIZE-")
    assert user("set", "env", "deploy/web", "--list").splitlines()[1:] == ["COLOUR=blue"]
    user("set", "resources", "deploy", "web", "--limits=cpu=200m,memory=512Mi")
    user("set", "serviceaccount", "deploy", "web", "robot")
    spec = user.json("get", "deploy", "web")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["image"] == "nginx:1.27"
    assert container["resources"] == {"limits": {"cpu": "200m", "memory": "512Mi"}}
    assert spec["serviceAccountName"] == "robot"
    user("create", "service", "clusterip", "s", "--tcp=80")
    user("set", "selector", "svc", "s", "app=web")
    assert user.json("get", "svc", "s")["spec"]["selector"] == {"app": "web"}


def test_rollout_of_a_deployment(user: Kubectl) -> None:
    deployed(user)
    (web,) = [user.json("get", "deploy", "web")]
    create(user, replica_set(web, 1, "nginx:1.25"), replica_set(web, 2, "nginx:1.26", 2))
    history = user("rollout", "history", "deploy/web").split()
    assert history == [
        "deployment.apps/web",
        "REVISION",
        "CHANGE-CAUSE",
        "1",
        "<none>",
        "2",
        "<none>",
    ]
    assert "Image:\tnginx:1.25" in user("rollout", "history", "deploy/web", "--revision=1")
    waiting = user.completed("rollout", "status", "deploy/web", "--timeout=1s")
    assert waiting.out == "Waiting for deployment spec update to be observed...\n"
    assert waiting.err == "error: timed out waiting for the condition\n"
    set_status(
        user, "deploy/web", observedGeneration=1, replicas=2, updatedReplicas=2, readyReplicas=2,
        availableReplicas=2, conditions=[AVAILABLE],
    )  # fmt: skip
    assert user("rollout", "status", "deploy/web") == ('deployment "web" successfully rolled out\n')
    assert user("get", "deploy", "web", "--no-headers").split()[:4] == ["web", "2/2", "2", "2"]
    assert user("rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"
    assert "nginx:1.25" in user("get", "deploy", "web", "-o", "wide")
    assert user("rollout", "undo", "deploy/web", "--to-revision=1").startswith(
        "deployment.apps/web skipped rollback"
    )
    assert user("rollout", "pause", "deploy/web") == "deployment.apps/web paused\n"
    again = user.fails("rollout", "pause", "deploy/web")
    assert again == 'error: deployments.apps "web" is already paused\n'
    assert user("rollout", "resume", "deploy/web") == "deployment.apps/web resumed\n"
    assert user("rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    described = user("describe", "deploy", "web")
    assert "kubectl.kubernetes.io/restartedAt: " in described
    assert "Replicas:               2 desired | 2 updated | 2 total | 2 available" in described
    assert "  Available      True    MinimumReplicasAvailable\n" in described


def test_rollout_of_sets_that_have_revisions(user: Kubectl) -> None:
    for kind, short in (("StatefulSet", "sts"), ("DaemonSet", "ds")):
        name = short
        (made,) = create(user, workload(kind, name, "app:2"))
        create(user, controller_revision(made, 1, "app:1"), controller_revision(made, 2, "app:2"))
        assert user("rollout", "history", f"{short}/{name}").split()[-4:] == [
            "1", "<none>", "2", "<none>",
        ]  # fmt: skip
        assert user("rollout", "undo", f"{short}/{name}").endswith(" rolled back\n")
        container = user.json("get", short, name)["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "app:1"
    set_status(
        user, "ds/ds", observedGeneration=2, desiredNumberScheduled=1, updatedNumberScheduled=1,
        numberAvailable=1, currentNumberScheduled=1, numberMisscheduled=0, numberReady=1,
    )  # fmt: skip
    assert user("rollout", "status", "ds/ds") == 'daemon set "ds" successfully rolled out\n'
    assert user("get", "ds", "--no-headers").split()[1:7] == ["1", "1", "1", "1", "1", "<none>"]


def test_run_and_expose(user: Kubectl) -> None:
    said = user("run", "p", "--image=nginx", "--port=80", "--expose", "--env=A=b", "-l", "app=p")
    assert said == "pod/p created\nservice/p created\n"
    assert user("get", "pod", "p", "--no-headers").split()[:4] == ["p", "0/1", "Pending", "0"]
    assert user("expose", "pod", "p", "--name=other", "--port=8080", "--target-port=80") == (
        "service/other exposed\n"
    )
    described = user("describe", "service", "other")
    assert "Selector:                 app=p\n" in described
    assert "TargetPort:               80/TCP\n" in described
    deployed(user)
    assert user("expose", "deploy/web", "--port=80") == "service/web exposed\n"
    shown = [" ".join(line.split()) for line in user("describe", "pod", "p").splitlines()]
    assert {"Status: Pending", "QoS Class: BestEffort", "Image: nginx"} <= {*shown}


def test_jobs(user: Kubectl) -> None:
    user("create", "cronjob", "daily", "--image=busybox", "--schedule=@daily", "--", "date")
    assert user("create", "job", "now", "--from=cronjob/daily") == "job.batch/now created\n"
    user("create", "job", "once", "--image=busybox", "--", "date")
    rows = [line.split()[:3] for line in user("get", "jobs", "--no-headers").splitlines()]
    assert rows == [["now", "Running", "0/1"], ["once", "Running", "0/1"]]
    assert "Controlled By:    CronJob/daily\n" in user("describe", "job", "now")
    assert user("get", "cj", "--no-headers").split()[:5] == [
        "daily", "@daily", "<none>", "False", "0",
    ]  # fmt: skip
    wrong = user.fails("create", "cronjob", "bad", "--image=b", "--schedule=often", "--", "date")
    assert 'spec.schedule: Invalid value: "often"' in wrong
