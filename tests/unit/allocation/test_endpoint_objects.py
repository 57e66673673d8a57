"""Nodes as Endpoints and EndpointSlices."""

from __future__ import annotations

import ipaddress

from kapiserver.allocation.endpoints import Place, endpoints, slices


def places(*texts: str) -> list[Place]:
    found = []
    for text in texts:
        host, _, port = text.rpartition(":")
        found.append((ipaddress.ip_address(host), int(port)))
    return found


def test_nodes_with_the_same_port_are_one_subset_and_one_slice() -> None:
    nodes = places("10.0.0.2:6443", "10.0.0.1:6443")
    (subset,) = endpoints(nodes, "IPv4")["subsets"]
    assert [a["ip"] for a in subset["addresses"]] == ["10.0.0.1", "10.0.0.2"]
    found = slices(nodes, ["IPv4"])
    assert list(found) == ["kubernetes"]
    assert [e["addresses"] for e in found["kubernetes"]["endpoints"]] == [
        ["10.0.0.1"],
        ["10.0.0.2"],
    ]


def test_a_slice_has_one_port_for_all() -> None:
    nodes = places("127.0.0.1:6445", "127.0.0.1:6443", "127.0.0.1:6444")
    (subset,) = endpoints(nodes, "IPv4")["subsets"]
    assert [port["port"] for port in subset["ports"]] == [6443, 6444, 6445]
    assert list(slices(nodes, ["IPv4"])) == [
        "kubernetes",
        "kubernetes-6444",
        "kubernetes-6445",
    ]


def test_the_second_family_has_slices_of_its_own() -> None:
    nodes = places("10.0.0.1:6443", "fd00::1:6443")
    found = slices(nodes, ["IPv4", "IPv6"])
    assert {name: obj["addressType"] for name, obj in found.items()} == {
        "kubernetes": "IPv4",
        "kubernetes-v6": "IPv6",
    }
    assert len(endpoints(nodes, "IPv4")["subsets"]) == 1
    assert list(slices(nodes, ["IPv4"])) == ["kubernetes"]
