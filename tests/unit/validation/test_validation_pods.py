"""Pod specs that make no sense, volumes included, and what may change of a pod."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import (
    POD,
    Cases,
    changed,
    created,
    refused,
    stored,
    update_refused,
    warned,
)

V = "spec.volumes[0]"
SPEC: Cases = [
    ("containers", [], [("spec.containers", "Required value")]),
    (
        "restartPolicy",
        "Sometimes",
        [
            (
                "spec.restartPolicy",
                'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
            )
        ],
    ),
    (
        "dnsPolicy",
        "None",
        [("spec.dnsConfig", "Required value: must provide `dnsConfig` when `dnsPolicy` is None")],
    ),
    (
        "dnsConfig",
        {"nameservers": ["1.2.3"], "options": [{}]},
        [
            (
                "spec.dnsConfig.nameservers[0]",
                'Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or '
                "2001:db8::ffff)",
            ),
            ("spec.dnsConfig.options[0]", "Required value: must not be empty"),
        ],
    ),
    (
        "activeDeadlineSeconds",
        0,
        [
            (
                "spec.activeDeadlineSeconds",
                "Invalid value: 0: must be between 1 and 2147483647, inclusive",
            )
        ],
    ),
    (
        "ephemeralContainers",
        [{"name": "sh", "image": "sh:1"}],
        [("spec.ephemeralContainers", "Forbidden: cannot be set on create")],
    ),
    (
        "securityContext",
        {"runAsUser": 4294967296, "sysctls": [{"name": "a b"}]},
        [
            (
                "spec.securityContext.runAsUser",
                "Invalid value: 4294967296: must be between 0 and 2147483647, inclusive",
            ),
            (
                "spec.securityContext.sysctls[0].name",
                'Invalid value: "a b": must have at most 253 characters and match regex '
                "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            ),
        ],
    ),
    (
        "schedulingGates",
        [{"name": "a.b/c"}, {"name": "a.b/c"}],
        [("spec.schedulingGates[1]", 'Duplicate value: "a.b/c"')],
    ),
    (
        "tolerations",
        [{"key": "a", "operator": "Exists", "value": "x", "tolerationSeconds": 5}],
        [
            (
                "spec.tolerations[0].effect",
                "Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            ),
            (
                "spec.tolerations[0].operator",
                'Invalid value: {"Key":"a","Operator":"Exists","Value":"x","Effect":"",'
                "\"TolerationSeconds\":5}: value must be empty when `operator` is 'Exists'",
            ),
        ],
    ),
    (
        "topologySpreadConstraints",
        [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "Cry"}],
        [
            (
                "spec.topologySpreadConstraints[0].maxSkew",
                "Invalid value: 0: must be greater than zero",
            ),
            (
                "spec.topologySpreadConstraints[0].whenUnsatisfiable",
                'Unsupported value: "Cry": supported values: "DoNotSchedule", "ScheduleAnyway"',
            ),
        ],
    ),
    (
        "affinity",
        {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}
            },
            "podAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}
                ]
            },
        },
        [
            (
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
                ".nodeSelectorTerms",
                "Required value: must have at least one node selector term",
            ),
            (
                "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
                ".weight",
                "Invalid value: 101: must be in the range 1-100",
            ),
        ],
    ),
    ("terminationGracePeriodSeconds", -1, []),
]
VOLUMES: Cases = [
    (
        "volumes",
        [{"name": "v", "emptyDir": {}, "configMap": {"name": "m"}}],
        [(f"{V}.configMap", "Forbidden: may not specify more than 1 volume type")],
    ),
    (
        "volumes",
        [{"name": "v"}, {"name": "v"}],
        [("spec.volumes[1].name", 'Duplicate value: "v"')],
    ),
    (
        "volumes",
        [{"name": "v", "secret": {"items": [{"key": "k", "path": "../x"}]}}],
        [
            (f"{V}.secret.secretName", "Required value"),
            (f"{V}.secret.items[0].path", "Invalid value: \"../x\": must not contain '..'"),
        ],
    ),
    (
        "volumes",
        [{"name": "v", "hostPath": {"path": "/x", "type": "Thing"}}],
        [
            (
                f"{V}.hostPath.type",
                'Unsupported value: "Thing": supported values: "", "BlockDevice", "CharDevice", '
                '"Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
            )
        ],
    ),
    (
        "volumes",
        [{"name": "v", "persistentVolumeClaim": {}}],
        [(f"{V}.persistentVolumeClaim.claimName", "Required value")],
    ),
    (
        "volumes",
        [{"name": "v", "configMap": {"name": "m", "defaultMode": 1000}}],
        [
            (
                f"{V}.configMap.defaultMode",
                "Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
            )
        ],
    ),
]


@pytest.mark.parametrize(("field", "value", "causes"), SPEC + VOLUMES)
def test_a_pod(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("pods", changed(POD, f"spec.{field}", value)) == causes


def test_mounts_need_a_volume_and_a_path_of_their_own() -> None:
    mounts = [
        {"name": "v", "mountPath": "/a"},
        {"name": "v", "mountPath": "/a", "subPath": "/up"},
        {"name": "w", "mountPath": "/b"},
    ]
    pod = changed(POD, "spec.containers.0.volumeMounts", mounts)
    path = "spec.containers[0].volumeMounts"
    assert refused("pods", changed(pod, "spec.volumes", [{"name": "v"}])) == [
        (f"{path}[1].mountPath", 'Invalid value: "/a": must be unique'),
        (f"{path}.subPath", 'Invalid value: "/up": must be a relative path'),
        (f"{path}[2].name", 'Not found: "w"'),
    ]


def test_the_ports_of_a_pod_on_the_network_of_its_node_are_the_nodes() -> None:
    pod = changed(
        changed(POD, "spec.hostNetwork", True), "spec.containers.0.ports", [{"containerPort": 80}]
    )
    made, causes = created("pods", pod)
    assert causes == []
    assert made["spec"]["containers"][0]["ports"][0]["hostPort"] == 80
    template = {"template": {"spec": pod["spec"]}}
    made, causes = created("podtemplates", template)
    assert causes == []
    assert "hostPort" not in made["template"]["spec"]["containers"][0]["ports"][0]
    wrong = changed(pod, "spec.containers.0.ports.0.hostPort", 81)
    assert refused("pods", wrong) == [
        (
            "spec.containers[0].ports[0].hostPort",
            "Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
        )
    ]


FROZEN = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)\n"
)


def test_a_frozen_field_is_named_by_the_difference() -> None:
    old = stored("pods", POD)
    ((field, message),) = update_refused("pods", old, changed(old, "spec.hostname", "x"))
    assert field == "spec"
    assert message.startswith(FROZEN + "--- expected\n+++ got\n@@ ")
    assert '+  "Hostname": "x",\n' in message
    assert '-  "Hostname": "",\n' in message
    assert message.count("\n ") == 20


@pytest.mark.parametrize(
    ("field", "before", "after", "causes"),
    [
        ("activeDeadlineSeconds", 10, 5, []),
        (
            "activeDeadlineSeconds",
            5,
            10,
            [
                (
                    "spec.activeDeadlineSeconds",
                    "Invalid value: 10: must be less than or equal to previous value",
                )
            ],
        ),
        (
            "activeDeadlineSeconds",
            5,
            None,
            [
                (
                    "spec.activeDeadlineSeconds",
                    'Invalid value: "null": must not update from a positive integer to nil value',
                )
            ],
        ),
        ("terminationGracePeriodSeconds", -1, 1, []),
        ("schedulingGates", [{"name": "a"}], [], []),
        (
            "schedulingGates",
            [{"name": "a"}],
            [{"name": "b"}],
            [
                (
                    "spec.schedulingGates[0].name",
                    "Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
                )
            ],
        ),
        (
            "tolerations",
            [{"key": "a", "operator": "Exists", "effect": "NoExecute"}],
            [
                {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3},
                {"key": "b", "operator": "Exists"},
            ],
            [],
        ),
        (
            "containers",
            POD["spec"]["containers"],
            [*POD["spec"]["containers"], {"name": "d", "image": "d"}],
            [("spec.containers", "Forbidden: pod updates may not add or remove containers")],
        ),
    ],
)
def test_what_may_change_of_a_pod(
    field: str, before: Any, after: Any, causes: list[tuple[str, str]]
) -> None:
    old = stored("pods", changed(POD, f"spec.{field}", before))
    assert update_refused("pods", old, changed(old, f"spec.{field}", after)) == causes


def test_a_gated_pod_may_narrow_where_it_goes() -> None:
    gated = changed(POD, "spec.schedulingGates", [{"name": "a"}])
    old = stored("pods", changed(gated, "spec.nodeSelector", {"a": "b"}))
    assert update_refused("pods", old, changed(old, "spec.nodeSelector.c", "d")) == []
    ((field, message),) = update_refused("pods", old, changed(old, "spec.nodeSelector", None))
    assert field == "spec.nodeSelector"
    assert message.endswith(
        "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    )


def test_ephemeral_containers_are_added_and_never_changed() -> None:
    old = stored("pods", POD)
    added = changed(old, "spec.ephemeralContainers", [{"name": "sh", "image": "sh:1"}])
    assert update_refused("pods", old, added, "ephemeralcontainers") == []
    probed = changed(added, "spec.ephemeralContainers.0.ports", [{"containerPort": 1}])
    assert update_refused("pods", old, probed, "ephemeralcontainers") == [
        (
            "spec.ephemeralContainers[0].ports",
            "Forbidden: cannot be set for an Ephemeral Container",
        )
    ]
    assert update_refused("pods", added, old, "ephemeralcontainers") == [
        (
            "spec.ephemeralContainers",
            'Forbidden: existing ephemeral containers "sh" may not be removed\n',
        )
    ]


def test_a_resize_changes_cpu_and_memory_and_removes_nothing() -> None:
    asked = {"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}}
    old = stored("pods", changed(POD, "spec.containers.0.resources", asked))
    path = "spec.containers.0.resources.requests"
    assert update_refused("pods", old, changed(old, f"{path}.cpu", "2"), "resize") == []
    assert update_refused("pods", old, changed(old, f"{path}.cpu", None), "resize") == [
        (
            "spec",
            'Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
        ),
        (
            "spec.containers[0].resources.requests",
            "Forbidden: resource requests cannot be removed",
        ),
    ]
    grown = changed(old, f"{path}.ephemeral-storage", "2Gi")
    assert update_refused("pods", old, grown, "resize") == [
        ("spec", "Forbidden: only cpu and memory resources are mutable")
    ]


def test_warnings_about_a_pod() -> None:
    pod = changed(POD, "spec.containers.0.env", [{"name": "A"}, {"name": "A", "value": "x"}])
    pod = changed(pod, "spec.nodeSelector", {"beta.kubernetes.io/os": "linux"})
    assert warned("pods", pod) == [
        "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "
        '"kubernetes.io/os" instead',
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when '
        "using apply",
    ]
