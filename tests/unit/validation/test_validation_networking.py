"""Ingresses, their classes, network policies, addresses and ranges that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import REGISTRY, Cases, changed, refused, stored, update_refused, warned

from kapiserver.resources.definition import Object

INGRESSES, CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
POLICIES, ADDRESSES = "networkpolicies.networking.k8s.io", "ipaddresses.networking.k8s.io"
RANGES = "servicecidrs.networking.k8s.io"

BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
INGRESS: Object = {
    "metadata": {"name": "web"},
    "spec": {
        "rules": [
            {
                "host": "example.com",
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]},
            }
        ]
    },
}
PATH = "spec.rules[0].http.paths[0]"
PORTS = "must be between 1 and 65535, inclusive"
WILDCARD = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
    "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
    "character (e.g. '*.example.com', regex used for validation is "
    r"'\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

INGRESS_CASES: Cases = [
    (
        "spec.rules",
        None,
        [("spec", "Invalid value: null: either `defaultBackend` or `rules` must be specified")],
    ),
    (
        "spec.rules.0.host",
        "10.0.0.1",
        [
            (
                "spec.rules[0].host",
                'Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
            )
        ],
    ),
    ("spec.rules.0.host", "a.*.b", [("spec.rules[0].host", f'Invalid value: "a.*.b": {WILDCARD}')]),
    ("spec.rules.0.http.paths", [], [("spec.rules[0].http.paths", "Required value")]),
    (
        "spec.rules.0.http.paths.0.pathType",
        None,
        [(f"{PATH}.pathType", "Required value: pathType must be specified")],
    ),
    (
        "spec.rules.0.http.paths",
        [{"path": "a//b/..", "pathType": "Exact", "backend": {}}],
        [
            (f"{PATH}.path", 'Invalid value: "a//b/..": must be an absolute path'),
            (f"{PATH}.path", "Invalid value: \"a//b/..\": must not contain '//'"),
            (f"{PATH}.path", "Invalid value: \"a//b/..\": cannot end with '/..'"),
            (f"{PATH}.backend", 'Invalid value: "": resource or service backend is required'),
        ],
    ),
    (
        "spec.rules.0.http.paths.0.pathType",
        "Regex",
        [
            (
                f"{PATH}.pathType",
                'Unsupported value: "Regex": supported values: "Exact", '
                '"ImplementationSpecific", "Prefix"',
            )
        ],
    ),
    (
        "spec.defaultBackend",
        {"service": {"port": {"name": "a", "number": 1}}},
        [
            ("spec.defaultBackend.service.name", "Required value"),
            (
                "spec.defaultBackend",
                'Invalid value: "": cannot set both port name & port number',
            ),
        ],
    ),
    (
        "spec.defaultBackend",
        {"service": {"name": "1st", "port": {"number": 70000}}},
        [("spec.defaultBackend.service.port.number", f"Invalid value: 70000: {PORTS}")],
    ),
    (
        "spec.defaultBackend",
        {"service": {"name": "web"}},
        [("spec.defaultBackend", "Required value: port name or number is required")],
    ),
    (
        "spec.defaultBackend",
        {"resource": {"kind": "A/B", "apiGroup": "acme.io"}},
        [
            ("spec.defaultBackend.resource.kind", "Invalid value: \"A/B\": may not contain '/'"),
            ("spec.defaultBackend.resource.name", "Required value"),
        ],
    ),
    (
        "spec.defaultBackend",
        {**BACKEND, "resource": {"kind": "A", "name": "a"}},
        [
            (
                "spec.defaultBackend",
                'Invalid value: "": cannot set both resource and service backends',
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), INGRESS_CASES)
def test_an_ingress(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(INGRESSES, changed(INGRESS, path, value)) == causes


def test_secrets_and_hosts_of_tls() -> None:
    bad = changed(INGRESS, "spec.tls", [{"hosts": ["*.a.b", "A", "*"], "secretName": "S"}])
    fields = [field for field, _ in refused(INGRESSES, bad)]
    assert fields == ["spec.tls[0].hosts[1]", "spec.tls[0].hosts[2]", "spec.tls[0].secretName"]
    old = changed(INGRESS, "spec.tls", [{"secretName": "S"}])
    more = changed(INGRESS, "spec.tls", [{"secretName": "S"}, {"secretName": "T"}])
    assert update_refused(INGRESSES, old, more) == []
    assert update_refused(INGRESSES, INGRESS, more) != []


def test_the_class_of_an_ingress() -> None:
    both = changed(INGRESS, "metadata.annotations", {"kubernetes.io/ingress.class": "a"})
    assert warned(INGRESSES, both) == [
        'annotation "kubernetes.io/ingress.class" is deprecated, please use '
        "'spec.ingressClassName' instead"
    ]
    both["spec"]["ingressClassName"] = "b"
    message = 'Invalid value: "a": must match `ingressClassName` when both are specified'
    assert refused(INGRESSES, both) == [("annotations.kubernetes.io/ingress.class", message)]
    assert update_refused(INGRESSES, INGRESS, both) == []


def test_the_status_of_an_ingress() -> None:
    points = [{"ip": "010.0.0.1"}, {"hostname": "A"}, {"ip": "10.0.0.1"}]
    new = changed(INGRESS, "status.loadBalancer.ingress", points)
    assert [field for field, _ in update_refused(INGRESSES, INGRESS, new, "status")] == [
        "status.loadBalancer.ingress[0].ip",
        "status.loadBalancer.ingress[1].hostname",
    ]


CLASS: Object = {"metadata": {"name": "fast"}, "spec": {"controller": "acme.io/fast"}}
DOMAIN = 'must be a domain-prefixed path (such as "acme.io/foo")'
CLASS_CASES: Cases = [
    ("spec.controller", None, [("spec.controller", "Required value")]),
    ("spec.controller", "acme", [("spec.controller", f'Invalid value: "acme": {DOMAIN}')]),
    (
        "spec.controller",
        "acme.io/" + "x" * 250,
        [("spec.controller", "Too long: may not be more than 250 bytes")],
    ),
    (
        "spec.parameters",
        {"scope": "Namespace"},
        [
            ("spec.parameters.kind", "Required value"),
            ("spec.parameters.name", "Required value"),
            (
                "spec.parameters.namespace",
                "Required value: `parameters.scope` is set to 'Namespace'",
            ),
        ],
    ),
    (
        "spec.parameters",
        {"kind": "A", "name": "a", "namespace": "n"},
        [("spec.parameters.namespace", "Forbidden: `parameters.scope` is set to 'Cluster'")],
    ),
    (
        "spec.parameters",
        {"kind": "A", "name": "a", "scope": "World"},
        [
            (
                "spec.parameters.scope",
                'Unsupported value: "World": supported values: "Cluster", "Namespace"',
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), CLASS_CASES)
def test_a_class(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(CLASSES, changed(CLASS, path, value)) == causes


POLICY: Object = {
    "metadata": {"name": "p"},
    "spec": {
        "podSelector": {},
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}],
    },
}
RULE = "spec.ingress[0]"
POLICY_CASES: Cases = [
    (
        "spec.ingress.0.ports",
        [
            {"port": 80, "endPort": 70},
            {"port": "web", "endPort": 80},
            {"endPort": 80, "protocol": "X"},
            {"port": 0},
        ],
        [
            (
                f"{RULE}.ports[0].endPort",
                "Invalid value: 70: must be greater than or equal to `port`",
            ),
            (
                f"{RULE}.ports[1].endPort",
                "Invalid value: 80: may not be specified when `port` is non-numeric",
            ),
            (
                f"{RULE}.ports[2].protocol",
                'Unsupported value: "X": supported values: "TCP", "UDP", "SCTP"',
            ),
            (
                f"{RULE}.ports[2].endPort",
                "Invalid value: 80: may not be specified when `port` is not specified",
            ),
            (f"{RULE}.ports[3].port", f"Invalid value: 0: {PORTS}"),
        ],
    ),
    (
        "spec.ingress.0.from",
        [
            {},
            {"podSelector": {}, "ipBlock": {"cidr": ""}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8", "10.1.0.0/16", "x"]}},
        ],
        [
            (f"{RULE}.from[0]", "Required value: must specify a peer"),
            (f"{RULE}.from[1].ipBlock.cidr", "Required value"),
            (f"{RULE}.from[1]", "Forbidden: may not specify both ipBlock and another peer"),
            (
                f"{RULE}.from[2].ipBlock.except[0]",
                'Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
            ),
            (
                f"{RULE}.from[2].ipBlock.except[2]",
                'Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
                "2001:db8::/64)",
            ),
        ],
    ),
    (
        "spec.policyTypes",
        ["Ingress", "Both"],
        [
            (
                "spec.policyTypes[1]",
                'Unsupported value: "Both": supported values: "Ingress", "Egress"',
            )
        ],
    ),
    (
        "spec.policyTypes",
        ["Ingress", "Egress", "Egress"],
        [
            (
                "spec.policyTypes",
                'Invalid value: ["Ingress","Egress","Egress"]: may not specify more than two '
                "policyTypes",
            )
        ],
    ),
    (
        "spec.podSelector",
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        [
            (
                "spec.podSelector.matchExpressions[0].values",
                "Required value: must be specified when `operator` is 'In' or 'NotIn'",
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), POLICY_CASES)
def test_a_policy(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(POLICIES, changed(POLICY, path, value)) == causes


def test_a_policy_keeps_the_ranges_and_selectors_that_it_has() -> None:
    path = "spec.ingress.0.from.0.ipBlock.cidr"
    old = changed(stored(POLICIES, POLICY), path, "10.0.0.1/8")
    assert refused(POLICIES, old) != []
    assert update_refused(POLICIES, old, changed(old, "spec.policyTypes", ["Egress"])) == []
    assert update_refused(POLICIES, old, changed(old, path, "10.0.0.2/8")) != []
    odd = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["?"]}]}
    bad = changed(POLICY, "spec.podSelector", odd)
    assert refused(POLICIES, bad) != []
    assert update_refused(POLICIES, bad, changed(bad, "spec.policyTypes", ["Egress"])) == []
    canonical = changed(POLICY, path, "2001:DB8::/32")
    assert warned(POLICIES, canonical) == [
        'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC '
        '5952 canonical format ("2001:db8::/32")'
    ]


def test_an_address_belongs_to_one_object() -> None:
    address: Object = {"metadata": {"name": "10.0.0.1"}, "spec": {}}
    assert refused(ADDRESSES, address) == [("spec.parentRef", "Required value")]
    assert refused(ADDRESSES, changed(address, "spec.parentRef", {"group": "A", "name": "a/b"}))[
        1:
    ] == [
        ("spec.parentRef.resource", "Required value"),
        ("spec.parentRef.name", "Invalid value: \"a/b\": may not contain '/'"),
    ]
    old = changed(address, "spec.parentRef", {"resource": "services", "name": "a"})
    assert update_refused(ADDRESSES, old, changed(old, "spec.parentRef.name", "b")) == [
        (
            "spec.parentRef",
            'Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"b"}: field '
            "is immutable",
        )
    ]


def test_the_name_of_an_address_is_its_canonical_form() -> None:
    definition = REGISTRY.resource("networking.k8s.io", "ipaddresses")
    assert definition is not None
    assert definition.name_rule is not None
    assert list(definition.name_rule("2001:db8::1")) == []
    assert list(definition.name_rule("2001:DB8::1")) == [
        'must be in canonical form ("2001:db8::1")'
    ]
    assert list(definition.name_rule("10.0.0.01")) == ["must not have leading 0s"]


def test_ranges() -> None:
    def ranges(*cidrs: str) -> Object:
        return {"metadata": {"name": "r"}, "spec": {"cidrs": list(cidrs)}}

    assert refused(RANGES, ranges()) == [
        ("spec.cidrs", "Required value: at least one CIDR required")
    ]
    assert refused(RANGES, ranges("10.0.0.1/8", "2001:DB8::/64")) == [
        (
            "spec.cidrs[0]",
            'Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
        ),
        (
            "spec.cidrs[1]",
            'Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")',
        ),
    ]
    old = ranges("10.0.0.0/8")
    assert update_refused(RANGES, old, ranges("10.0.0.0/8", "2001:db8::/64")) == []
    assert update_refused(RANGES, old, ranges("10.0.0.0/9")) == [
        ("spec.cidrs[0]", 'Invalid value: "10.0.0.0/9": field is immutable')
    ]
    assert update_refused(RANGES, old, ranges()) == [
        ("spec.cidrs", "Invalid value: []: field is immutable")
    ]
