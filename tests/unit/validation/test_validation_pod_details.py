"""Pods: annotations, operating systems, resources of a whole pod, old faults, off features."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    DEPLOYMENT,
    POD,
    Cases,
    changed,
    created,
    refused,
    stored,
    update_refused,
    warned,
)

_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"


def test_app_armor_annotations_become_fields() -> None:
    pod = changed(POD, "metadata.annotations", {f"{_APP_ARMOR}/c": "localhost/p"})
    profile = stored("pods", pod)["spec"]["containers"][0]["securityContext"]["appArmorProfile"]
    assert profile == {"type": "Localhost", "localhostProfile": "p"}
    assert warned("pods", pod) == [
        f"metadata.annotations[{_APP_ARMOR}/c]: deprecated since v1.30; use the "
        '"appArmorProfile" field instead'
    ]


@pytest.mark.parametrize("value", ["localhost/p", "runtime/default"])
def test_who_sends_field_and_annotation_is_not_told_of_the_field(value: str) -> None:
    pod = changed(POD, "metadata.annotations", {f"{_APP_ARMOR}/c": value})
    alike = stored("pods", pod)["spec"]["containers"][0]["securityContext"]
    assert warned("pods", changed(pod, "spec.containers.0.securityContext", alike)) == []


def test_annotations_that_mean_nothing() -> None:
    pod = changed(
        POD,
        "metadata.annotations",
        {f"{_APP_ARMOR}/d": "odd", _SECCOMP: "odd", "kubernetes.io/config.mirror": "x"},
    )
    assert refused("pods", pod) == [
        (
            "metadata.annotations[kubernetes.io/config.mirror]",
            'Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
        ),
        (
            f"metadata.annotations.{_SECCOMP}",
            'Invalid value: "odd": must be a valid seccomp profile',
        ),
        (f"metadata.annotations[{_APP_ARMOR}/d]", 'Invalid value: "d": container not found'),
        (
            f"metadata.annotations[{_APP_ARMOR}/d]",
            'Invalid value: "odd": invalid AppArmor profile name: "odd"',
        ),
    ]


def test_annotations_and_fields_say_the_same() -> None:
    pod = changed(POD, "metadata.annotations", {_SECCOMP: "localhost/a"})
    local = {"type": "Localhost", "localhostProfile": "b"}
    path = "spec.securityContext.seccompProfile"
    assert refused("pods", changed(pod, path, local)) == [
        (
            f"{path}.localhostProfile",
            "Forbidden: seccomp profile in annotation and field must match",
        )
    ]
    assert refused("pods", changed(pod, path, {"type": "Unconfined"})) == [
        (f"{path}.type", "Forbidden: seccomp type in annotation and field must match")
    ]


def test_app_armor_annotations_stay() -> None:
    old = stored("pods", POD)
    new = changed(old, "metadata.annotations", {f"{_APP_ARMOR}/c": "unconfined"})
    assert update_refused("pods", old, new) == [
        (f"metadata.annotations[{_APP_ARMOR}/c]", "Forbidden: may not add AppArmor annotations")
    ]


WINDOWS: Cases = [
    (
        "spec.securityContext.runAsUser",
        1,
        [("spec.securityContext.runAsUser", "Forbidden: cannot be set for a windows pod")],
    ),
    ("spec.hostPID", True, [("spec.hostPID", "Forbidden: cannot be set for a windows pod")]),
    (
        "spec.containers.0.securityContext",
        {"privileged": True},
        [
            (
                "spec.containers[0].securityContext.privileged",
                "Forbidden: cannot be set for a windows pod",
            )
        ],
    ),
    (
        "spec.securityContext.windowsOptions",
        {"hostProcess": True},
        [
            (
                "spec.hostNetwork",
                "Invalid value: false: hostNetwork must be true if pod contains any hostProcess "
                "containers",
            )
        ],
    ),
    (
        "spec.securityContext.windowsOptions",
        {"runAsUserName": "bad|name"},
        [
            (
                "spec.securityContext.windowsOptions.runAsUserName",
                'Invalid value: "bad|name": runAsUserName\'s User cannot contain the following '
                'characters: "/\\:;|=,+*?<>@[]',
            )
        ],
    ),
    ("spec.resources", {}, [("spec.resources", "Forbidden: may not be set for a windows pod")]),
]


@pytest.mark.parametrize(("path", "value", "findings"), WINDOWS)
def test_windows_pods(path: str, value: Any, findings: list[tuple[str, str]]) -> None:
    pod = changed(POD, "spec.os", {"name": "windows"})
    assert refused("pods", changed(pod, path, value)) == findings


def test_windows_pods_are_looked_at_in_order() -> None:
    pod = changed(POD, "spec.os", {"name": "windows"})
    given = {"hostPID": True, "hostIPC": False, "shareProcessNamespace": False}
    context = {"runAsUser": 1, "seLinuxOptions": {}, "fsGroup": 2, "sysctls": []}
    pod["spec"] |= {**given, "securityContext": context}
    assert [field for field, _ in refused("pods", pod)] == [
        "spec.securityContext.seLinuxOptions",
        "spec.hostPID",
        "spec.securityContext.fsGroup",
        "spec.shareProcessNamespace",
        "spec.securityContext.runAsUser",
    ]


def test_linux_pods_have_no_windows_options() -> None:
    pod = changed(POD, "spec.os", {"name": "linux"})
    assert refused("pods", changed(pod, "spec.securityContext.windowsOptions", {})) == [
        (
            "spec.securityContext.windowsOptions",
            "Forbidden: windows options cannot be set for a linux pod",
        )
    ]


def test_a_pod_requests_what_its_containers_do() -> None:
    pod = changed(POD, "spec.containers.0.resources", {"requests": {"cpu": "250m"}})
    pod = changed(pod, "spec.resources", {"limits": {"cpu": "2", "memory": "1Gi"}})
    made = stored("pods", pod)
    assert made["spec"]["resources"]["requests"] == {"cpu": "250m", "memory": "1Gi"}
    assert made["status"]["qosClass"] == "Burstable"
    pod = changed(pod, "spec.resources", {"requests": {"cpu": "100m"}})
    assert refused("pods", pod) == [
        (
            "spec.resources.requests[cpu]",
            'Invalid value: "100m": must be greater than or equal to aggregate container requests '
            "of 250m",
        )
    ]
    pod = changed(pod, "spec.containers.0.resources", {"limits": {"cpu": "3"}})
    pod = changed(pod, "spec.resources", {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}})
    assert refused("pods", pod)[-1] == (
        "spec.resources.containers[0][cpu].limits",
        'Invalid value: "3": must be less than or equal to pod limits of 2',
    )


def test_label_keys_become_expressions() -> None:
    pod = changed(POD, "metadata.labels", {"zone": "a"})
    constraint = {
        "maxSkew": 1,
        "topologyKey": "host",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {},
        "matchLabelKeys": ["zone", "other"],
    }
    pod = changed(pod, "spec.topologySpreadConstraints", [constraint])
    made = stored("pods", pod)
    selector = made["spec"]["topologySpreadConstraints"][0]["labelSelector"]
    assert selector == {
        "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}],
    }
    assert update_refused("pods", made, changed(made, "metadata.labels.zone", "b")) == []
    constraint["labelSelector"] = {"matchLabels": {"zone": "a"}}
    pod = changed(pod, "spec.topologySpreadConstraints", [constraint])
    assert refused("pods", pod) == [
        (
            "spec.topologySpreadConstraints[0][0]",
            'Invalid value: "zone": exists in both matchLabelKeys and labelSelector',
        )
    ]


def test_fields_of_features_that_are_off_are_dropped() -> None:
    pod = changed(POD, "spec.containers.0.lifecycle", {"stopSignal": "SIGTERM"})
    pod = changed(pod, "spec.schedulingGroup", {"podGroupName": "g"})
    made = stored("pods", pod)
    assert "lifecycle" not in made["spec"]["containers"][0]
    assert "schedulingGroup" not in made["spec"]
    template = DEPLOYMENT["spec"]["template"] | {"spec": pod["spec"]}
    deployment, findings = created(
        "deployments.apps", changed(DEPLOYMENT, "spec.template", template)
    )
    assert findings == []
    assert "lifecycle" not in deployment["spec"]["template"]["spec"]["containers"][0]


OLD_FAULTS = [
    (
        "containers.0.resources",
        {"limits": {"cpu": "1", "hugepages-2Mi": "3Mi"}, "requests": {"hugepages-2Mi": "3Mi"}},
    ),
    ("tolerations", [{"key": "a", "operator": "Gt", "value": "1", "effect": "NoSchedule"}]),
    ("volumes", [{"name": "i", "image": {"pullPolicy": "Always"}}]),
    (
        "volumes",
        [
            {
                "name": "t",
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "../x", "expirationSeconds": 600}}]
                },
            }
        ],
    ),
    (
        "affinity",
        {
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "host",
                        "labelSelector": {
                            "matchExpressions": [
                                {"key": "a", "operator": "In", "values": ["not a value"]}
                            ]
                        },
                    }
                ]
            }
        },
    ),
]


@pytest.mark.parametrize(("field", "value"), OLD_FAULTS)
def test_faults_from_before_their_rule_may_stay(field: str, value: Any) -> None:
    deployment = changed(DEPLOYMENT, "spec.template.spec.serviceAccountName", "a")
    faulty = changed(deployment, f"spec.template.spec.{field}", value)
    old, findings = created("deployments.apps", faulty)
    assert findings != []
    assert update_refused("deployments.apps", old, changed(old, "spec.replicas", 3)) == []


def test_warnings_about_ports_paths_and_addresses() -> None:
    pod = changed(
        POD,
        "spec.containers.0.ports",
        [
            {"containerPort": 80, "name": "web", "hostIP": "10.0.0.1"},
            {"containerPort": 81, "name": "other"},
        ],
    )
    items = [{"key": "a", "path": "x"}, {"key": "b", "path": "x/y"}]
    pod = changed(pod, "spec.volumes", [{"name": "v", "configMap": {"name": "m", "items": items}}])
    pod = changed(pod, "spec.hostAliases", [{"ip": "FD00::1", "hostnames": ["a"]}])
    side = {
        "name": "s",
        "image": "s:1",
        "restartPolicy": "Always",
        "ports": [{"name": "web", "containerPort": 90}],
    }
    assert warned("pods", changed(pod, "spec.initContainers", [side])) == [
        'volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"',
        "spec.containers[0].ports[0]: hostIP set without hostPort: {Name:web HostPort:0 "
        "ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}",
        'spec.containers[0].ports[0]: duplicate port name "web" with '
        "spec.initContainers[0].ports[0], services and probes that select ports by name will use "
        "spec.initContainers[0].ports[0]",
        'spec.hostAliases[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format '
        '("fd00::1")',
    ]


PROJECTED: Cases = [
    (
        "podCertificate",
        {"signerName": "a.io/s", "keyType": "ED25519", "keyPath": "k"},
        [],
    ),
    (
        "podCertificate",
        {"signerName": "kubernetes.io/s", "keyType": "RSA", "maxExpirationSeconds": 90000},
        [
            (
                "podCertificate.keyType",
                'Unsupported value: "RSA": supported values: "RSA3072", "RSA4096", "ECDSAP256", '
                '"ECDSAP384", "ECDSAP521", "ED25519"',
            ),
            (
                "podCertificate.maxExpirationSeconds",
                "Invalid value: 90000: if provided, maxExpirationSeconds must be <= 86400",
            ),
            (
                "podCertificate",
                "Required value: specify at least one of credentialBundlePath, keyPath, and "
                "certificateChainPath",
            ),
        ],
    ),
    (
        "clusterTrustBundle",
        {"signerName": "s", "path": "p"},
        [
            (
                "clusterTrustBundle.signerName",
                'Invalid value: "s": must be a fully qualified domain and path of the form '
                "'example.com/signer-name'",
            )
        ],
    ),
]


@pytest.mark.parametrize(("kind", "value", "findings"), PROJECTED)
def test_projected_certificates(kind: str, value: Any, findings: list[tuple[str, str]]) -> None:
    volume = {"name": "v", "projected": {"sources": [{kind: value}]}}
    path = "spec.volumes[0].projected.sources[0]"
    assert refused("pods", changed(POD, "spec.volumes", [volume])) == [
        (f"{path}.{field}", message) for field, message in findings
    ]


def test_files_of_variables_are_in_an_empty_directory() -> None:
    source = {"fileKeyRef": {"volumeName": "v", "path": "env", "key": "A"}}
    pod = changed(POD, "spec.containers.0.env", [{"name": "A", "valueFrom": source}])
    path = "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName"
    assert refused("pods", pod) == [(path, 'Not found: "v"')]
    assert refused("pods", changed(pod, "spec.volumes", [{"name": "v", "emptyDir": {}}])) == []
    secret = changed(pod, "spec.volumes", [{"name": "v", "secret": {"secretName": "s"}}])
    assert refused("pods", secret) == [
        (path, 'Invalid value: "v": referenced volume must be of type emptyDir')
    ]


def test_a_stateful_set_whose_template_was_wrong_can_be_scaled() -> None:
    given = changed(DEPLOYMENT, "spec.template.spec.containers.0.name", "Bad_Name")
    old, findings = created("statefulsets.apps", given)
    assert [field for field, _ in findings] == ["spec.template.spec.containers[0].name"]
    assert update_refused("statefulsets.apps", old, changed(old, "spec.replicas", 0)) == []
    good = stored("statefulsets.apps", DEPLOYMENT)
    bad = changed(good, "spec.template.spec.containers.0.name", "Bad_Name")
    assert len(update_refused("statefulsets.apps", good, bad)) == 1


def test_a_stateful_set_takes_one_pod_at_a_time_unless_told_otherwise() -> None:
    made = stored("statefulsets.apps", DEPLOYMENT)
    assert made["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"partition": 0, "maxUnavailable": 1},
    }


def test_the_data_of_a_revision_is_an_object() -> None:
    assert refused("controllerrevisions.apps", {"metadata": {"name": "r"}, "revision": 1}) == [
        ("data", "Required value: data is mandatory")
    ]
    wrong = {"metadata": {"name": "r"}, "revision": 1, "data": []}
    assert refused("controllerrevisions.apps", wrong) == [
        ("data", "Required value: data must be a valid JSON object")
    ]


def test_claims_of_a_stateful_set_are_volumes_of_its_template() -> None:
    claim = {
        "metadata": {"name": "Bad"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}},
    }
    given = changed(DEPLOYMENT, "spec.volumeClaimTemplates", [claim])
    assert [field for field, _ in refused("statefulsets.apps", given)] == [
        "spec.template.spec.volumes[0].name"
    ]
    mounts = [{"name": "data", "mountPath": "/data"}]
    given = changed(given, "spec.volumeClaimTemplates.0.metadata.name", "data")
    mounted = changed(given, "spec.template.spec.containers.0.volumeMounts", mounts)
    assert refused("statefulsets.apps", mounted) == []


def test_a_stateful_set_may_keep_all_its_history() -> None:
    given = changed(DEPLOYMENT, "spec.revisionHistoryLimit", -1)
    assert warned("statefulsets.apps", given) == [
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value "
        ">= 0 is recommended"
    ]
