"""Containers that make no sense, and what kube-apiserver says of them."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import POD, Cases, changed, refused

C = "spec.containers[0]"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
TWO = "Forbidden: may not specify more than 1 handler type"

BASICS: Cases = [
    ("name", "", [(f"{C}.name", "Required value")]),
    ("name", "Web_1", [(f"{C}.name", f'Invalid value: "Web_1": {LABEL}')]),
    ("image", None, [(f"{C}.image", "Required value")]),
    (
        "image",
        " web",
        [(f"{C}.image", 'Invalid value: " web": must not have leading or trailing whitespace')],
    ),
    (
        "imagePullPolicy",
        "Often",
        [
            (
                f"{C}.imagePullPolicy",
                'Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"',
            )
        ],
    ),
    (
        "terminationMessagePolicy",
        "Log",
        [
            (
                f"{C}.terminationMessagePolicy",
                'Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError"',
            )
        ],
    ),
]
PORTS: Cases = [
    ("ports", [{}], [(f"{C}.ports[0].containerPort", "Required value")]),
    (
        "ports",
        [{"containerPort": 80, "name": "x"}, {"containerPort": 81, "name": "x"}],
        [(f"{C}.ports[1].name", 'Duplicate value: "x"')],
    ),
    (
        "ports",
        [{"containerPort": 80, "name": "8080"}],
        [
            (
                f"{C}.ports[0].name",
                'Invalid value: "8080": must contain at least one letter (a-z)',
            )
        ],
    ),
    (
        "ports",
        [{"containerPort": 80, "protocol": "HTTP"}],
        [
            (
                f"{C}.ports[0].protocol",
                'Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
            )
        ],
    ),
    (
        "ports",
        [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}],
        [(f"{C}.ports[1].hostPort", 'Duplicate value: "TCP//80"')],
    ),
]
ENV: Cases = [
    ("env", [{"value": "x"}], [(f"{C}.env[0].name", "Required value")]),
    (
        "env",
        [{"name": "a=b"}],
        [
            (
                f"{C}.env[0].name",
                'Invalid value: "a=b": a valid environment variable name must consist only of '
                "printable ASCII characters other than '='",
            )
        ],
    ),
    (
        "env",
        [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.dnsPolicy"}}}],
        [
            (
                f"{C}.env[0].valueFrom.fieldRef.fieldPath",
                'Invalid value: "spec.dnsPolicy": error converting fieldPath: field label not '
                "supported: spec.dnsPolicy",
            )
        ],
    ),
    (
        "env",
        [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        [
            (
                f"{C}.env[0].valueFrom",
                'Invalid value: "": may not be specified when `value` is not empty',
            )
        ],
    ),
    (
        "env",
        [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m"}}}],
        [(f"{C}.env[0].valueFrom.configMapKeyRef.key", "Required value")],
    ),
    (
        "envFrom",
        [{}],
        [
            (
                f"{C}.envFrom",
                'Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
            )
        ],
    ),
    ("envFrom", [{"secretRef": {}}], [(f"{C}.envFrom[0].secretRef.name", "Required value")]),
    ("env", [{"name": "my.var"}, {"name": "1"}], []),
    (
        "env",
        [{"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}],
        [],
    ),
]
RESOURCES: Cases = [
    (
        "resources",
        {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
        [
            (
                f"{C}.resources.requests",
                'Invalid value: "2": must be less than or equal to cpu limit of 1',
            )
        ],
    ),
    (
        "resources",
        {"requests": {"memory": "-1Gi"}},
        [
            (
                f"{C}.resources.requests[memory]",
                'Invalid value: "-1Gi": must be greater than or equal to 0',
            )
        ],
    ),
    (
        "resources",
        {"requests": {"gpu": "1"}},
        [
            (
                f"{C}.resources.requests[gpu]",
                'Invalid value: "gpu": must be a standard resource type or fully qualified',
            ),
            (
                f"{C}.resources.requests[gpu]",
                'Invalid value: "gpu": must be a standard resource for containers',
            ),
        ],
    ),
    (
        "resources",
        {"limits": {"nvidia.com/gpu": "1500m"}, "requests": {"nvidia.com/gpu": "1500m"}},
        [
            (
                f"{C}.resources.limits[nvidia.com/gpu]",
                'Invalid value: "1500m": must be an integer',
            ),
            (
                f"{C}.resources.requests[nvidia.com/gpu]",
                'Invalid value: "1500m": must be an integer',
            ),
        ],
    ),
    (
        "resources",
        {"requests": {"nvidia.com/gpu": "1"}},
        [
            (
                f"{C}.resources.limits",
                "Required value: Limit must be set for non overcommitable resources",
            )
        ],
    ),
    (
        "resources",
        {"limits": {"hugepages-2Mi": "3Mi"}},
        [
            (
                f"{C}.resources.limits[hugepages-2Mi]",
                'Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            ),
            (
                f"{C}.resources.requests[hugepages-2Mi]",
                'Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            ),
            (f"{C}.resources", "Forbidden: HugePages require cpu or memory"),
        ],
    ),
    ("resources", {"requests": {"cpu": "1000m"}, "limits": {"cpu": "1"}}, []),
]
PROBES: Cases = [
    (
        "livenessProbe",
        {},
        [(f"{C}.livenessProbe", "Required value: must specify a handler type")],
    ),
    (
        "livenessProbe",
        {"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}, "successThreshold": 2},
        [
            (f"{C}.livenessProbe.tcpSocket", TWO),
            (f"{C}.livenessProbe.successThreshold", "Invalid value: 2: must be 1"),
        ],
    ),
    (
        "readinessProbe",
        {"httpGet": {"port": 0, "scheme": "FTP"}, "timeoutSeconds": -1},
        [
            (
                f"{C}.readinessProbe.httpGet.port",
                "Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            (
                f"{C}.readinessProbe.httpGet.scheme",
                'Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
            ),
            (
                f"{C}.readinessProbe.timeoutSeconds",
                "Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    ),
    (
        "lifecycle",
        {"preStop": {"sleep": {"seconds": 60}}},
        [
            (
                f"{C}.lifecycle.preStop.sleep",
                "Invalid value: 60: must be non-negative and less than "
                "terminationGracePeriodSeconds (30)",
            )
        ],
    ),
    (
        "lifecycle",
        {"postStart": {"exec": {}}},
        [(f"{C}.lifecycle.postStart.exec.command", "Required value")],
    ),
]
SECURITY: Cases = [
    (
        "securityContext",
        {"runAsUser": -1},
        [
            (
                f"{C}.securityContext.runAsUser",
                "Invalid value: -1: must be between 0 and 2147483647, inclusive",
            )
        ],
    ),
    (
        "securityContext",
        {"privileged": True, "allowPrivilegeEscalation": False},
        [
            (
                f"{C}.securityContext",
                'Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,'
                '"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,'
                '"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,'
                '"SeccompProfile":null,"AppArmorProfile":null}: cannot set '
                "`allowPrivilegeEscalation` to false and `privileged` to true",
            )
        ],
    ),
    (
        "securityContext",
        {"seccompProfile": {"type": "Localhost"}},
        [
            (
                f"{C}.securityContext.seccompProfile.localhostProfile",
                "Required value: must be set when seccomp type is Localhost",
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("field", "value", "causes"), BASICS + PORTS + ENV + RESOURCES + PROBES + SECURITY
)
def test_a_container(field: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("pods", changed(POD, f"spec.containers.0.{field}", value)) == causes


def test_names_are_unique_among_regular_and_init_containers() -> None:
    twice = {"name": "c", "image": "i"}
    assert refused("pods", changed(POD, "spec.initContainers", [twice])) == [
        ("spec.initContainers[0].name", 'Duplicate value: "c"')
    ]


def test_init_containers_have_no_probes_unless_they_stay() -> None:
    probed = {"name": "i", "image": "i", "livenessProbe": {"tcpSocket": {"port": 1}}}
    path = "spec.initContainers[0].livenessProbe"
    detail = "Forbidden: may not be set for init containers without restartPolicy=Always"
    assert refused("pods", changed(POD, "spec.initContainers", [probed])) == [(path, detail)]
    sidecar = {**probed, "restartPolicy": "Always"}
    assert refused("pods", changed(POD, "spec.initContainers", [sidecar])) == []


def test_templates_may_pad_images() -> None:
    template = {"template": {"spec": {"containers": [{"name": "c", "image": " web"}]}}}
    assert refused("podtemplates", template) == []
