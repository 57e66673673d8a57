"""How an update of a service is understood where the client is silent. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from kapiserver.request import UserInfo
from kapiserver.resources.definition import WriteContext
from kapiserver.resources.service_updates import complete_update
from kapiserver.resources.service_warnings import warn_of_service

BEFORE: dict[str, Any] = {
    "type": "LoadBalancer",
    "clusterIP": "10.0.0.1",
    "clusterIPs": ["10.0.0.1"],
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "externalTrafficPolicy": "Local",
    "healthCheckNodePort": 30001,
    "allocateLoadBalancerNodePorts": True,
    "loadBalancerClass": "a/b",
    "ports": [{"name": "a", "port": 1, "nodePort": 30002}, {"name": "b", "port": 2}],
}


def updated(**changes: Any) -> dict[str, Any]:
    spec = {**BEFORE, "ports": [dict(port) for port in BEFORE["ports"]], **changes}
    spec = {field: value for field, value in spec.items() if value is not None}
    complete_update(spec, BEFORE)
    return spec


def test_what_was_allocated_comes_back() -> None:
    silent = updated(
        clusterIP=None,
        clusterIPs=None,
        healthCheckNodePort=None,
        ports=[{"name": "a", "port": 9}, {"name": "b", "port": 2}],
    )
    assert silent["clusterIPs"] == ["10.0.0.1"]
    assert silent["healthCheckNodePort"] == 30001
    assert [port.get("nodePort") for port in silent["ports"]] == [30002, None]


def test_a_port_that_moved_is_not_given_twice() -> None:
    moved = updated(ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2, "nodePort": 30002}])
    assert [port.get("nodePort") for port in moved["ports"]] == [None, 30002]


def test_a_new_first_address_replaces_a_repeated_list() -> None:
    assert updated(clusterIP="10.0.0.2")["clusterIPs"] == ["10.0.0.2"]


@pytest.mark.parametrize(
    ("kind", "dropped"),
    [
        ("NodePort", {"healthCheckNodePort", "allocateLoadBalancerNodePorts", "loadBalancerClass"}),
        (
            "ClusterIP",
            {
                "healthCheckNodePort",
                "allocateLoadBalancerNodePorts",
                "loadBalancerClass",
                "externalTrafficPolicy",
            },
        ),
        (
            "ExternalName",
            {
                "healthCheckNodePort",
                "allocateLoadBalancerNodePorts",
                "loadBalancerClass",
                "externalTrafficPolicy",
                "clusterIP",
                "clusterIPs",
                "ipFamilies",
                "ipFamilyPolicy",
            },
        ),
    ],
)
def test_what_a_type_has_no_use_for_goes(kind: str, dropped: set[str]) -> None:
    assert set(BEFORE) - set(updated(type=kind)) == dropped


def test_a_name_has_no_policy_for_traffic_inside_the_cluster() -> None:
    """What became one keeps none, and one that a client sets is taken without being kept."""
    for policy in ("Cluster", "Local"):
        assert "internalTrafficPolicy" not in updated(
            type="ExternalName", internalTrafficPolicy=policy
        )
    assert updated(type="ExternalName", internalTrafficPolicy="x")["internalTrafficPolicy"] == "x"
    assert updated(internalTrafficPolicy="Local")["internalTrafficPolicy"] == "Local"


def test_what_the_client_asks_for_is_left_for_validation() -> None:
    assert updated(type="NodePort", healthCheckNodePort=30009)["healthCheckNodePort"] == 30009
    assert updated(type="ExternalName", clusterIP="10.0.0.9")["clusterIP"] == "10.0.0.9"


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (
            {"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "ClientIP"},
            "spec.SessionAffinity is ignored for headless services",
        ),
        (
            {"type": "ClusterIP", "externalName": "a.example"},
            'spec.externalName is ignored when spec.type is not "ExternalName"',
        ),
        (
            {"trafficDistribution": "PreferClose"},
            'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
        ),
    ],
)
def test_fields_without_effect_are_warned_of(spec: dict[str, Any], warning: str) -> None:
    context = WriteContext(UserInfo("jane"), "default", "", dry_run=False)
    assert warn_of_service({"spec": spec}, context) == [warning]
