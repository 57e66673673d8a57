"""Durations, selectors and the rows that `kubectl get` shows, for realistic objects."""

from __future__ import annotations

from typing import Any

import pytest
from resource_rows import REGISTRY, ago, named, row

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import human_duration, selector_text

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "<invalid>"),
        (-1.5, "0s"),
        (0, "0s"),
        (1, "1s"),
        (119.9, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 30, "2m30s"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (48 * HOUR, "2d"),
        (7 * DAY + 23 * HOUR, "7d23h"),
        (8 * DAY + 23 * HOUR, "8d"),
        (2 * YEAR - HOUR, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR + 300 * DAY, "8y"),
    ],
)
def test_durations_are_as_coarse_as_people_expect(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown


@pytest.mark.parametrize("definition", REGISTRY.definitions(), ids=lambda d: d.resource)
def test_a_row_of_an_object_without_fields_has_all_cells(definition: Any) -> None:
    bare: list[Object] = [{"metadata": {}}, {"metadata": {"name": "x"}, "spec": {}, "status": {}}]
    for obj in bare:
        for column in definition.columns:
            column.cell(obj, 0.0)


def test_a_deployment() -> None:
    obj = {
        "metadata": named("api"),
        "spec": {
            "replicas": 3,
            "selector": {
                "matchLabels": {"app": "api"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}],
            },
            "template": {
                "spec": {
                    "containers": [
                        {"name": "api", "image": "api:1"},
                        {"name": "log", "image": "log:2"},
                    ]
                }
            },
        },
        "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2},
    }
    assert list(row("deployments.apps", obj, wide=True).values()) == [
        "api", "2/3", 3, 2, "5m", "api,log", "api:1,log:2", "app=api,tier in (a,b)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        (
            {
                "type": "ClusterIP",
                "clusterIP": "10.0.0.1",
                "clusterIPs": ["10.0.0.1"],
                "ports": [{"port": 443, "protocol": "TCP"}],
                "selector": {"b": "2", "a": "1"},
            },
            {},
            "ClusterIP 10.0.0.1 <none> 443/TCP 5m a=1,b=2",
        ),
        (
            {
                "type": "NodePort",
                "clusterIPs": ["10.0.0.2"],
                "ports": [
                    {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"port": 53, "protocol": "UDP"},
                ],
            },
            {},
            "NodePort 10.0.0.2 <none> 80:30080/TCP,53/UDP 5m <none>",
        ),
        (
            {"type": "LoadBalancer", "clusterIPs": ["10.0.0.3"]},
            {},
            "LoadBalancer 10.0.0.3 <pending> <none> 5m <none>",
        ),
        (
            {"type": "LoadBalancer", "clusterIPs": ["10.0.0.3"], "externalIPs": ["1.2.3.4"]},
            {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}, {"ip": "5.6.7.8"}]}},
            "LoadBalancer 10.0.0.3 5.6.7.8,lb.example.com,1.2.3.4 <none> 5m <none>",
        ),
        (
            {"type": "ExternalName", "externalName": "db.example.com"},
            {},
            "ExternalName <none> db.example.com <none> 5m <none>",
        ),
        ({"type": "ClusterIP", "clusterIP": "None"}, {}, "ClusterIP None <none> <none> 5m <none>"),
    ],
)
def test_services(spec: Object, status: Object, expected: str) -> None:
    shown = row("services", {"metadata": named("s"), "spec": spec, "status": status}, wide=True)
    assert " ".join(list(shown.values())[1:]) == expected


def test_a_node() -> None:
    obj = {
        "metadata": named(
            "n1",
            labels={
                "node-role.kubernetes.io/worker": "",
                "node-role.kubernetes.io/control-plane": "",
                "kubernetes.io/role": "gpu",
            },
        ),
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": "Unknown"},
            ],
            "addresses": [
                {"type": "Hostname", "address": "n1"},
                {"type": "InternalIP", "address": "192.0.2.1"},
            ],
            "nodeInfo": {
                "architecture": "arm64",
                "kubeletVersion": "v1.37.0",
                "kernelVersion": "6.12",
                "osImage": "Linux",
            },
        },
    }
    assert list(row("nodes", obj, wide=True).values()) == [
        "n1", "NotReady,SchedulingDisabled", "control-plane,gpu,worker", "5m", "v1.37.0",
        "192.0.2.1", "<none>", "Linux", "6.12 (arm64)", "<unknown>",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"completions": 3, "parallelism": 1}, {"succeeded": 1}, ("Running", "1/3", "")),
        ({"parallelism": 4}, {}, ("Running", "0/1 of 4", "")),
        (
            {"completions": 1},
            {"succeeded": 1, "startTime": ago(minutes=4), "completionTime": ago(minutes=1),
             "conditions": [{"type": "Complete", "status": "True"}]},
            ("Complete", "1/1", "3m"),
        ),
        (
            {"completions": 1},
            {"startTime": ago(seconds=90), "conditions": [{"type": "Failed", "status": "True"}]},
            ("Failed", "0/1", "90s"),
        ),
        (
            {"completions": 1},
            {"conditions": [{"type": "Suspended", "status": "True"}]},
            ("Suspended", "0/1", ""),
        ),
        (
            {"completions": 1},
            {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]},
            ("SuccessCriteriaMet", "0/1", ""),
        ),
    ],
)  # fmt: skip
def test_jobs(spec: Object, status: Object, expected: tuple[str, ...]) -> None:
    shown = row("jobs.batch", {"metadata": named("j"), "spec": spec, "status": status})
    assert (shown["Status"], shown["Completions"], shown["Duration"]) == expected


def test_a_cron_job() -> None:
    obj = {
        "metadata": named("backup"),
        "spec": {"schedule": "*/5 * * * *", "suspend": False},
        "status": {"active": [{}], "lastScheduleTime": ago(minutes=2)},
    }
    assert list(row("cronjobs.batch", obj).values()) == [
        "backup", "*/5 * * * *", "<none>", "False", 1, "2m", "5m",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"firstTimestamp": ago(hours=1), "lastTimestamp": ago(minutes=2), "count": 7}, "2m 60m 7"),
        ({"eventTime": ago(seconds=30)}, "30s 30s 1"),
        (
            {
                "eventTime": ago(minutes=9),
                "series": {"count": 3, "lastObservedTime": ago(seconds=5)},
            },
            "5s 9m 3",
        ),
    ],
)
def test_events(times: Object, expected: str) -> None:
    obj = {
        "metadata": named("web.1"),
        "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{c}"},
        "source": {"component": "kubelet", "host": "n1"},
        "type": "Warning",
        "reason": "BackOff",
        "message": " failed \n",
        **times,
    }
    shown = row("events", obj, wide=True)
    assert f"{shown['Last Seen']} {shown['First Seen']} {shown['Count']}" == expected
    assert (shown["Object"], shown["Source"], shown["Message"]) == (
        "pod/web",
        "kubelet, n1",
        "failed",
    )


def test_endpoints_show_three_and_count_the_rest() -> None:
    obj = {
        "metadata": named("e"),
        "subsets": [
            {
                "addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
                "ports": [{"port": 80}, {"port": 443}],
            }
        ],
    }
    assert row("endpoints", obj)["Endpoints"] == "10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more..."
    assert row("endpoints", {"metadata": {}})["Endpoints"] == "<none>"


def test_an_endpoint_slice() -> None:
    obj = {
        "metadata": named("e"),
        "addressType": "IPv4",
        "ports": [{"port": 80}, {"name": "web"}],
        "endpoints": [{"addresses": [f"10.0.0.{i}"]} for i in range(5)],
    }
    shown = row("endpointslices.discovery.k8s.io", obj)
    assert shown["Ports"] == "80,web"
    assert shown["Endpoints"] == "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([], "*"),
        ([""], "*"),
        (["a", "b"], "a,b"),
        (["", "a", "b", "c"], "a,b,c"),
        (["a", "b", "c", "d", "e"], "a,b,c + 2 more..."),
    ],
)
def test_ingress_hosts(hosts: list[str], expected: str) -> None:
    rules = [{"host": host} if host else {} for host in hosts]
    obj = {"metadata": named("i"), "spec": {"rules": rules, "tls": [{}]}}
    shown = row("ingresses.networking.k8s.io", obj)
    assert (shown["Hosts"], shown["Ports"]) == (expected, "80, 443")


def test_autoscaler_targets() -> None:
    def resource(name: str, **target: Any) -> Object:
        return {"type": "Resource", "resource": {"name": name, "target": target}}

    obj = {
        "metadata": named("h"),
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "api"},
            "minReplicas": 2,
            "maxReplicas": 9,
            "metrics": [
                resource("cpu", averageUtilization=80),
                resource("memory", averageValue="1Gi"),
                {"type": "Pods", "pods": {"target": {"averageValue": "5"}}},
            ],
        },
        "status": {
            "currentReplicas": 3,
            "currentMetrics": [
                {"type": "Resource", "resource": {"current": {"averageUtilization": 41}}}
            ],
        },
    }
    assert list(row("horizontalpodautoscalers.autoscaling", obj).values()) == [
        "h", "Deployment/api", "cpu: 41%/80%, memory: <unknown>/1Gi + 1 more...", "2", 9, 3, "5m",
    ]  # fmt: skip


def test_volumes_and_claims() -> None:
    volume = {
        "metadata": named("pv1"),
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": "default", "name": "data"},
            "storageClassName": "fast",
        },
        "status": {"phase": "Bound"},
    }
    assert list(row("persistentvolumes", volume, wide=True).values()) == [
        "pv1", "10Gi", "RWO,RWX", "Retain", "Bound", "default/data", "fast", "<unset>", "", "5m",
        "<unset>",
    ]  # fmt: skip
    claim = {
        "metadata": named("data", deletionTimestamp=ago(seconds=1)),
        "spec": {"storageClassName": "fast"},
        "status": {"phase": "Pending", "capacity": {"storage": "10Gi"}},
    }
    assert list(row("persistentvolumeclaims", claim).values()) == [
        "data", "Terminating", "", "", "", "fast", "<unset>", "5m",
    ]  # fmt: skip


def test_a_claim_may_be_for_no_class() -> None:
    annotations = {"volume.beta.kubernetes.io/storage-class": ""}
    claim = {
        "metadata": named("data", annotations=annotations),
        "spec": {"storageClassName": "fast", "volumeAttributesClassName": ""},
    }
    shown = row("persistentvolumeclaims", claim)
    assert (shown["StorageClass"], shown["VolumeAttributesClass"]) == ("", "")


def test_a_quota_splits_requests_from_limits() -> None:
    obj = {
        "metadata": named("q"),
        "status": {
            "hard": {"pods": "10", "limits.cpu": "4", "requests.cpu": "2"},
            "used": {"pods": "3", "limits.cpu": "1"},
        },
    }
    shown = row("resourcequotas", obj)
    assert shown["Request"] == "pods: 3/10, requests.cpu: 0/2"
    assert shown["Limit"] == "limits.cpu: 1/4"


def test_bindings_list_their_subjects_by_kind() -> None:
    obj = {
        "metadata": named("b"),
        "roleRef": {"kind": "ClusterRole", "name": "admin"},
        "subjects": [
            {"kind": "User", "name": "jane"},
            {"kind": "User", "name": "joe"},
            {"kind": "Group", "name": "ops"},
            {"kind": "ServiceAccount", "namespace": "ci", "name": "bot"},
        ],
    }
    shown = row("rolebindings.rbac.authorization.k8s.io", obj, wide=True)
    assert list(shown.values())[1:] == ["ClusterRole/admin", "5m", "jane, joe", "ops", "ci/bot"]


@pytest.mark.parametrize(
    ("conditions", "certificate", "expected"),
    [
        ([], "", "Pending"),
        (["Approved"], "", "Approved"),
        (["Approved"], "LS0t", "Approved,Issued"),
        (["Denied", "Approved"], "", "Denied"),
        (["Approved", "Failed"], "", "Approved,Failed"),
    ],
)
def test_signing_requests(conditions: list[str], certificate: str, expected: str) -> None:
    obj = {
        "metadata": named("r"),
        "spec": {"expirationSeconds": 86400},
        "status": {"conditions": [{"type": c} for c in conditions], "certificate": certificate},
    }
    shown = row("certificatesigningrequests.certificates.k8s.io", obj)
    assert (shown["Condition"], shown["RequestedDuration"]) == (expected, "24h")


def test_a_revision_names_its_controller() -> None:
    owners = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}]
    obj = {"metadata": named("db-1", ownerReferences=owners), "revision": 4}
    shown = row("controllerrevisions.apps", obj)
    assert (shown["Controller"], shown["Revision"]) == ("statefulset.apps/db", 4)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"type": "Available", "status": "True", "reason": "Passed"}], "True"),
        (
            [{"type": "Available", "status": "False", "reason": "ServiceNotFound"}],
            "False (ServiceNotFound)",
        ),
        ([], "Unknown"),
    ],
)
def test_api_services(conditions: list[Object], expected: str) -> None:
    obj = {"metadata": named("v1.x"), "spec": {}, "status": {"conditions": conditions}}
    shown = row("apiservices.apiregistration.k8s.io", obj)
    assert (shown["Service"], shown["Available"]) == ("Local", expected)


def test_selectors_are_written_in_the_order_of_their_keys() -> None:
    selector = {
        "matchLabels": {"z": "1"},
        "matchExpressions": [
            {"key": "b", "operator": "DoesNotExist"},
            {"key": "a", "operator": "NotIn", "values": ["y", "x"]},
            {"key": "c", "operator": "Exists"},
        ],
    }
    assert selector_text(selector) == "a notin (x,y),!b,c,z=1"
    assert selector_text(None) == selector_text({}) == ""
