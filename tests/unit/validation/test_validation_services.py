"""Services that make no sense, what of them may not change, and what clients are told."""

from __future__ import annotations

from typing import Any

import pytest
from validation_cases import Cases, changed, refused, stored, strategy, update_refused, warned
from validation_cases import context as told

from kapiserver.errors import RequestEntityTooLarge
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.validation.ip_syntax import (
    ip_problems,
    ip_warnings,
    is_canonical_ip,
    is_plain_ip,
    special_ip_problems,
)

SERVICE: Object = {
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}},
}
BALANCED = changed(SERVICE, "spec.type", "LoadBalancer")
BAD_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
ONLY_LB = "may only be used when `type` is 'LoadBalancer'"
QUALIFIED = "name part must be non-empty"

SERVICES: Cases = [
    ("spec.ports", None, [("spec.ports", "Required value")]),
    (
        "spec.ports",
        [{"port": 80, "name": "a"}, {"port": 80}, {"port": 0, "name": "a", "protocol": "ICMP"}],
        [
            ("spec.ports[1].name", "Required value"),
            ("spec.ports[2].name", 'Duplicate value: "a"'),
            ("spec.ports[2].port", "Invalid value: 0: must be between 1 and 65535, inclusive"),
            (
                "spec.ports[2].protocol",
                'Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
            ),
            (
                "spec.ports[2].targetPort",
                "Invalid value: 0: must be between 1 and 65535, inclusive",
            ),
            (
                "spec.ports[1]",
                'Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,'
                '"TargetPort":0,"NodePort":0}',
            ),
        ],
    ),
    (
        "spec.ports.0.targetPort",
        "much-too-long-name",
        [
            (
                "spec.ports[0].targetPort",
                'Invalid value: "much-too-long-name": must be no more than 15 characters',
            )
        ],
    ),
    (
        "spec.selector",
        {"app": "not valid"},
        [
            (
                "spec.selector",
                'Invalid value: "not valid": a valid label must be an empty string or consist of '
                "alphanumeric characters, '-', '_' or '.', and must start and end with an "
                "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
                "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            )
        ],
    ),
    (
        "spec.sessionAffinity",
        "Sticky",
        [
            (
                "spec.sessionAffinity",
                'Unsupported value: "Sticky": supported values: "ClientIP", "None"',
            )
        ],
    ),
    (
        "spec.externalIPs",
        ["010.1.1.1", "127.0.0.1", "one", "::ffff:1.2.3.4"],
        [
            ("spec.externalIPs[0]", 'Invalid value: "010.1.1.1": must not have leading 0s'),
            (
                "spec.externalIPs[1]",
                'Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, '
                "::1/128)",
            ),
            ("spec.externalIPs[2]", f'Invalid value: "one": {BAD_IP}'),
            (
                "spec.externalIPs[3]",
                'Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
            ),
        ],
    ),
    (
        "spec.type",
        "Cluster",
        [
            (
                "spec.type",
                'Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", '
                '"LoadBalancer", "NodePort"',
            )
        ],
    ),
    (
        "spec.loadBalancerSourceRanges",
        [" 10.0.0.1/8 ", "10.0.0.0/8", "10.0.0.0"],
        [
            ("spec.LoadBalancerSourceRanges", f"Forbidden: {ONLY_LB}"),
            (
                "spec.LoadBalancerSourceRanges[0]",
                'Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
            ),
            (
                "spec.LoadBalancerSourceRanges[2]",
                'Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
                "2001:db8::/64)",
            ),
        ],
    ),
    ("spec.loadBalancerClass", "a/b", [("spec.loadBalancerClass", f"Forbidden: {ONLY_LB}")]),
    (
        "spec.externalTrafficPolicy",
        "Local",
        [
            (
                "spec.externalTrafficPolicy",
                'Invalid value: "Local": may only be set for externally-accessible services',
            )
        ],
    ),
    (
        "metadata.annotations",
        {
            "service.kubernetes.io/topology-mode": "Auto",
            "service.kubernetes.io/topology-aware-hints": "auto",
        },
        [
            (
                "metadata.annotations[service.kubernetes.io/topology-mode]",
                'Invalid value: "Auto": must match '
                "annotations[service.kubernetes.io/topology-aware-hints] when both are specified",
            )
        ],
    ),
    (
        "spec.trafficDistribution",
        "Near",
        [
            (
                "spec.trafficDistribution",
                'Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode", '
                '"PreferSameZone"',
            )
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), SERVICES)
def test_a_service(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused("services", changed(SERVICE, path, value)) == causes


def test_a_load_balancer() -> None:
    assert refused("services", changed(BALANCED, "spec.loadBalancerClass", "acme.io/")) != []
    made = stored("services", changed(BALANCED, "spec.loadBalancerClass", "acme.io/fast"))
    assert made["spec"]["allocateLoadBalancerNodePorts"] is True
    for other, shown in (("acme.io/slow", "acme.io/slow"), (None, "null")):
        new = changed(made, "spec.loadBalancerClass", other)
        assert update_refused("services", made, new) == [
            ("spec.loadBalancerClass", f'Invalid value: "{shown}": may not change once set')
        ]


def test_an_update_looks_at_the_class_of_a_load_balancer_twice() -> None:
    made = stored("services", SERVICE)
    classed = changed(made, "spec.loadBalancerClass", "acme.io/fast")
    assert (
        update_refused("services", made, classed)
        == [("spec.loadBalancerClass", f"Forbidden: {ONLY_LB}")] * 2
    )


def test_the_annotation_for_source_ranges_is_checked_when_it_changes() -> None:
    name = "service.beta.kubernetes.io/load-balancer-source-ranges"
    path = f"metadata.annotations[{name}]"
    made = changed(SERVICE, "metadata.annotations", {name: "10.0.0.1/8, x"})
    assert [field for field, _ in refused("services", made)] == [path] * 3
    old = changed(BALANCED, "metadata.annotations", {name: "10.0.0.1/8"})
    assert update_refused("services", stored("services", BALANCED), old) != []
    assert update_refused("services", old, old) == []


def test_stored_addresses_stay_good_enough() -> None:
    old = changed(stored("services", SERVICE), "spec.externalIPs", ["010.1.1.1"])
    old["spec"]["externalTrafficPolicy"] = "Cluster"
    assert update_refused("services", old, changed(old, "spec.ports.0.port", 81)) == []
    more = changed(old, "spec.externalIPs", ["010.1.1.1", "010.1.1.2"])
    assert update_refused("services", old, more) == [
        ("spec.externalIPs[1]", 'Invalid value: "010.1.1.2": must not have leading 0s')
    ]


def test_the_status_of_a_load_balancer() -> None:
    old = stored("services", BALANCED)
    points = [
        {"ip": "1.2.3.4", "ipMode": "Via"},
        {"ip": "01.2.3.4"},
        {"hostname": "a_b", "ipMode": "VIP"},
        {"hostname": "10.0.0.1"},
    ]
    found = update_refused(
        "services", old, changed(old, "status.loadBalancer.ingress", points), "status"
    )
    assert [field.removeprefix("status.loadBalancer.") for field, _ in found] == [
        "ingress[0].ipMode",
        "ingress[1].ip",
        "ingress[2].ipMode",
        "ingress[2].hostname",
        "ingress[3].hostname",
    ]
    plain = stored("services", SERVICE)
    assert update_refused(
        "services", plain, changed(plain, "status.loadBalancer.ingress", points), "status"
    ) == [
        (
            "status.loadBalancer.ingress",
            "Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
        )
    ]


def test_warnings() -> None:
    assert warned("services", changed(SERVICE, "spec.externalIPs", ["FE81::1:0"][:0])) == []
    assert warned("services", changed(SERVICE, "spec.externalIPs", ["2001:DB8::1"])) == [
        'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format '
        '("2001:db8::1")',
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
    ]
    hints = {"service.kubernetes.io/topology-aware-hints": "auto"}
    assert warned("services", changed(SERVICE, "metadata.annotations", hints)) == [
        "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
        "service.kubernetes.io/topology-mode instead"
    ]


# -- endpoints ----------------------------------------------------------------------------------

ENDPOINTS: Object = {
    "metadata": {"name": "web"},
    "subsets": [{"addresses": [{"ip": "10.1.0.1"}], "ports": [{"port": 80}]}],
}
LOOPBACK = 'Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'


def test_endpoints() -> None:
    subsets = [
        {"ports": [{"port": 80}, {"port": 70000, "protocol": "X"}]},
        {"addresses": [{"ip": "127.0.0.1", "hostname": "a.b", "nodeName": "-"}, {}]},
    ]
    assert [field for field, _ in refused("endpoints", changed(ENDPOINTS, "subsets", subsets))] == [
        "subsets[0]",
        "subsets[0].ports[0].name",
        "subsets[0].ports[1].name",
        "subsets[0].ports[1].port",
        "subsets[0].ports[1].protocol",
        "subsets[1].addresses[0].hostname",
        "subsets[1].addresses[0].nodeName",
        "subsets[1].addresses[0].ip",
        "subsets[1].addresses[1].ip",
        "subsets[1].addresses[1].ip",
    ]


def test_only_the_server_says_that_it_is_on_loopback() -> None:
    local = changed(ENDPOINTS, "subsets.0.addresses.0.ip", "127.0.0.1")
    assert refused("endpoints", local) == [("subsets[0].addresses[0].ip", LOOPBACK)]
    ours = WriteContext(UserInfo("system:apiserver"), "default", "", dry_run=False)
    check = strategy("endpoints").validate_create
    assert check is not None
    assert list(check(stored_as_is(local), ours)) == []
    # whoever labels them later need not change them
    old = stored_as_is(local)
    assert update_refused("endpoints", old, changed(old, "metadata.labels", {"a": "b"})) == []


def stored_as_is(obj: Object) -> Object:
    made = changed(obj, "metadata.labels", None)
    defaults = strategy("endpoints").defaults
    assert defaults is not None
    defaults(made, told())
    return made


def test_ports_that_the_same_addresses_offer_are_stored_together() -> None:
    a, b = ({"name": name, "port": 80, "protocol": "TCP"} for name in "ab")
    one, two = {"ip": "10.0.0.10"}, {"ip": "10.0.0.9"}  # sorted as text
    both = [
        {"addresses": [two], "ports": [a]},
        {"addresses": [one], "ports": [a]},
        {"addresses": [two, one], "ports": [b]},
    ]
    made = stored("endpoints", changed(ENDPOINTS, "subsets", both))
    assert made["subsets"] == [{"addresses": [one, two], "ports": [a, b]}]
    some = [*both[:2], {"addresses": [one], "notReadyAddresses": [one], "ports": [b]}]
    made = stored("endpoints", changed(ENDPOINTS, "subsets", some))
    assert made["subsets"] == [
        {"addresses": [one, two], "ports": [a]},
        {"notReadyAddresses": [one], "ports": [b]},
    ]
    bare = [{"addresses": [two, one, two]}]
    made = stored("endpoints", changed(ENDPOINTS, "subsets", bare))
    assert made["subsets"] == [{"addresses": [one, two]}]


def test_many_addresses_that_offer_many_ports_are_no_work() -> None:
    """Each address counts for each port: a body of a few megabytes could say it for hours."""
    addresses = [{"ip": f"10.0.{i >> 8}.{i & 255}"} for i in range(20000)]
    ports = [{"name": f"p{i}", "port": i + 1, "protocol": "TCP"} for i in range(20000)]
    made = stored(
        "endpoints",
        changed(ENDPOINTS, "subsets", [{"addresses": addresses, "ports": ports}]),
    )
    assert len(made["subsets"]) == 1
    assert len(made["subsets"][0]["addresses"]) == len(made["subsets"][0]["ports"]) == 20000


def test_subsets_that_would_grow_beyond_measure_are_refused() -> None:
    addresses = [{"ip": f"10.0.{i >> 8}.{i & 255}"} for i in range(2000)]
    ports = [{"name": f"p{i}", "port": i + 1, "protocol": "TCP"} for i in range(2000)]
    # each port has one more address, of its own
    own = [{"addresses": [{"ip": f"10.1.0.{i % 250}"}], "ports": [ports[i]]} for i in range(2000)]
    growing = changed(ENDPOINTS, "subsets", [{"addresses": addresses, "ports": ports}, *own])
    with pytest.raises(RequestEntityTooLarge, match="make 4002000 addresses of the 4000"):
        refused("endpoints", growing)


ORDINARY = ("1.2.3.4", "223.255.255.255", "10.0.0.0", "2001:db8::1", "2001:db8:0:1::1", "3fff::")
UNUSUAL = ("2001:db8:0::1", "2001:DB8::1", "2001:0db8::1")
SPECIAL = ("0.0.0.1", "127.0.0.1", "169.254.0.1", "224.0.0.1", "240.0.0.1", "::1", "fe80::1")
ODD = (
    "1.2.3.04",
    "1.2.3.256",
    "::ffff:1.2.3.4",
    "2001:",
    "2001::1::1",
    "2001:db8::1%eth0",
    "1.2.3",
)


@pytest.mark.parametrize("address", [*ORDINARY, *UNUSUAL])
def test_addresses_that_are_plainly_good(address: str) -> None:
    assert is_plain_ip(address)
    assert not ip_problems(address)
    assert not special_ip_problems(address)
    assert is_canonical_ip(address) is (address in ORDINARY)
    assert bool(ip_warnings("ip", address)) is (address in UNUSUAL)


@pytest.mark.parametrize("address", [*SPECIAL, *ODD, "1.2.3.4\n", "2001:db8::1\n", ""])
def test_addresses_that_need_a_closer_look(address: str) -> None:
    assert not is_plain_ip(address)
    assert not is_canonical_ip(address)


# -- endpoint slices ----------------------------------------------------------------------------

SLICE: Object = {
    "metadata": {"name": "web-1"},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.1.0.1"]}],
    "ports": [{"port": 80}],
}
SLICES = "endpointslices.discovery.k8s.io"
SLICE_CASES: Cases = [
    ("addressType", None, [("addressType", "Required value")]),
    (
        "endpoints.0.addresses",
        ["2001:db8::1", "10.0.0.256", "169.254.1.1"],
        [
            ("endpoints[0].addresses", 'Invalid value: "2001:db8::1": must be an IPv4 address'),
            ("endpoints[0].addresses[1]", f'Invalid value: "10.0.0.256": {BAD_IP}'),
            (
                "endpoints[0].addresses[2]",
                'Invalid value: "169.254.1.1": may not be in the link-local range '
                "(169.254.0.0/16, fe80::/10)",
            ),
        ],
    ),
    (
        "endpoints.0.addresses",
        [],
        [("endpoints[0].addresses", "Required value: must contain at least 1 address")],
    ),
    (
        "endpoints.0.addresses",
        [f"10.0.1.{number}" for number in range(101)],
        [("endpoints[0].addresses", "Too many: 101: must have at most 100 items")],
    ),
    (
        "endpoints.0.hints",
        {"forZones": [{"name": "a"}, {"name": "a"}], "forNodes": [{"name": "-"}] * 9},
        [
            ("endpoints[0].hints.forZones[1].name", 'Duplicate value: "a"'),
            ("endpoints[0].hints.forNodes", "Too many: 9: must have at most 8 items"),
        ],
    ),
    (
        "ports",
        [{"name": "a", "protocol": ""}],
        [
            (
                "ports[0].protocol",
                'Unsupported value: "": supported values: "SCTP", "TCP", "UDP"',
            )
        ],
    ),
    (
        "ports",
        [{"name": "a"}, {"name": "a", "appProtocol": "x.y/z/"}],
        [
            ("ports[1].name", 'Duplicate value: "a"'),
            (
                "ports[1].appProtocol",
                'Invalid value: "x.y/z/": a valid label key must consist of alphanumeric '
                "characters, '-', '_' or '.', and must start and end with an alphanumeric "
                "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
                "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS "
                "subdomain prefix and '/' (e.g. 'example.com/MyName')",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("path", "value", "causes"), SLICE_CASES)
def test_an_endpoint_slice(path: str, value: Any, causes: list[tuple[str, str]]) -> None:
    assert refused(SLICES, changed(SLICE, path, value)) == causes


def test_names_in_a_slice() -> None:
    named = {**SLICE, "addressType": "FQDN"}
    addresses = ["example.com.", "localhost", "Bad.com"]
    found = refused(SLICES, changed(named, "endpoints.0.addresses", addresses))
    assert found[0] == (
        "endpoints[0].addresses[1]",
        'Invalid value: "localhost": should be a domain with at least two segments separated by '
        "dots",
    )
    assert len(found) == 2
    named = changed(named, "endpoints.0.addresses", ["example.com"])
    assert warned(SLICES, named) == ["spec.addressType: FQDN endpoints are deprecated"]


def test_a_slice_keeps_its_address_type_and_its_old_endpoints() -> None:
    old = changed(stored(SLICES, SLICE), "endpoints.0.addresses", ["127.0.0.1"])
    assert update_refused(SLICES, old, changed(old, "metadata.labels", {"a": "b"})) == []
    assert update_refused(SLICES, old, {**old, "addressType": "IPv6"}) == [
        ("addressType", 'Invalid value: "IPv6": field is immutable')
    ]


def test_topology_is_dropped_but_for_the_name_of_a_node_that_was_kept_there() -> None:
    topology = {"kubernetes.io/hostname": "n1", "x": "y"}
    made = stored(SLICES, changed(SLICE, "endpoints.0.deprecatedTopology", topology))
    assert made["endpoints"] == [{"addresses": ["10.1.0.1"]}]
    old = changed(made, "endpoints.0.deprecatedTopology", topology)
    new = changed(old, "endpoints.0.hostname", "web")
    prepare = strategy(SLICES).prepare_for_update
    assert prepare is not None
    prepare(new, told(old))
    assert new["endpoints"] == [{"addresses": ["10.1.0.1"], "hostname": "web", "nodeName": "n1"}]
