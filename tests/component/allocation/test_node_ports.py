"""Node ports of services: chosen or given, shared by protocols, and never given twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from allocation_world import SERVICES, Answer, Node, running, service

from kapiserver.allocation.ranges import PortRange

DNS = [
    {"name": "tcp", "port": 53, "protocol": "TCP"},
    {"name": "udp", "port": 53, "protocol": "UDP"},
]


def node_ports(spec: Any) -> list[int]:
    return [port.get("nodePort", 0) for port in spec["ports"]]


def owner(node: Node, port: int) -> str | None:
    record = node.allocation.ports.record(port)
    return None if record is None else record.name


async def test_a_node_port_is_given_from_the_upper_band(node: Node) -> None:
    made = (await node.create("web", type="NodePort")).spec
    (port,) = node_ports(made)
    assert 30086 <= port <= 32767
    assert made["externalTrafficPolicy"] == "Cluster"
    assert owner(node, port) == "web"
    await node.delete("web")
    assert owner(node, port) is None


async def test_a_chosen_port_is_taken_once(node: Node) -> None:
    chosen = [{"port": 80, "nodePort": 30080}]
    assert node_ports((await node.create("web", type="NodePort", ports=chosen)).spec) == [30080]
    refused = await node.create("late", type="NodePort", ports=chosen)
    assert (refused.status, refused.message) == (
        422,
        'Service "late" is invalid: spec.ports[0].nodePort: Invalid value: 30080: '
        "provided port is already allocated",
    )
    assert set((await node.addresses()).values()) == {"web"}
    await node.delete("web")
    assert (await node.create("late", type="NodePort", ports=chosen)).status == 201


async def test_a_port_outside_of_the_range_is_refused(node: Node) -> None:
    refused = await node.create("web", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
    assert refused.message == (
        'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is '
        "not in the valid range. The range of valid ports is 30000-32767"
    )


async def test_protocols_share_a_node_port(node: Node) -> None:
    given = node_ports((await node.create("dns", type="NodePort", ports=DNS)).spec)
    assert given[0] == given[1] != 0
    chosen = [dict(port, nodePort=30053) for port in DNS]
    assert node_ports((await node.create("two", type="NodePort", ports=chosen)).spec) == [
        30053,
        30053,
    ]
    apart = [
        {"name": "a", "port": 1, "nodePort": 30001},
        {"name": "b", "port": 2, "nodePort": 30001},
    ]
    refused = await node.create("three", type="NodePort", ports=apart)
    assert "spec.ports[1].nodePort: Invalid value: 30001: provided port is" in refused.message


async def test_a_cluster_ip_service_has_no_node_ports(node: Node) -> None:
    refused = await node.create("web", ports=[{"port": 80, "nodePort": 30080}])
    assert "spec.ports[0].nodePort: Forbidden: may not be used when `type` is" in refused.message


async def test_updates_keep_take_and_give_back(node: Node) -> None:
    two = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    first, second = node_ports((await node.create("web", type="NodePort", ports=two)).spec)
    again = await node.put("web", service("web", type="NodePort", ports=two))
    assert node_ports(again.spec) == [first, second]
    fewer = await node.put("web", service("web", type="NodePort", ports=two[1:]))
    assert node_ports(fewer.spec) == [second]
    assert (owner(node, first), owner(node, second)) == (None, "web")
    moved = [{"name": "b", "port": 2, "nodePort": 30002}]
    assert node_ports((await node.patch("web", ports=moved)).spec) == [30002]
    assert (owner(node, second), owner(node, 30002)) == (None, "web")
    inside = (await node.patch("web", type="ClusterIP")).spec
    assert node_ports(inside) == [0]
    assert "externalTrafficPolicy" not in inside
    assert owner(node, 30002) is None
    outside = (await node.patch("web", type="NodePort")).spec
    assert owner(node, node_ports(outside)[0]) == "web"


async def test_an_update_cannot_use_a_port_twice(node: Node) -> None:
    await node.create("web", type="NodePort")
    twice = [{"name": name, "port": i + 1, "nodePort": 30080} for i, name in enumerate("ab")]
    refused = await node.patch("web", ports=twice)
    assert (refused.status, refused.message) == (500, "duplicate nodePort: {TCP 30080}")
    assert "reason" not in refused.json
    assert owner(node, 30080) is None


@pytest.mark.parametrize("subresource", ["", "/status"])
async def test_a_service_keeps_what_it_has_until_its_last_finalizer_goes(
    node: Node, subresource: str
) -> None:
    chosen = [{"port": 80, "nodePort": 30080}]
    kept = service("web", type="NodePort", clusterIP="10.96.0.7", ports=chosen)
    kept["metadata"]["finalizers"] = ["example.com/keep"]
    await node.request("POST", SERVICES, kept)
    await node.delete("web")
    assert owner(node, 30080) == "web"
    assert await node.addresses() == {"10.96.0.7": "web"}
    await node.request(
        "PATCH",
        f"{SERVICES}/web{subresource}",
        {"metadata": {"finalizers": None}},
        content_type="application/merge-patch+json",
    )
    assert (await node.get("web")).status == 404
    assert owner(node, 30080) is None
    assert await node.addresses() == {}


async def test_a_local_load_balancer_has_a_health_check_port(node: Node) -> None:
    local: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    made = (await node.create("lb", **local)).spec
    health = made["healthCheckNodePort"]
    assert made["allocateLoadBalancerNodePorts"] is True
    assert owner(node, health) == "lb"
    assert health not in node_ports(made)
    again = (await node.put("lb", service("lb", **local))).spec
    assert again["healthCheckNodePort"] == health
    everywhere = (await node.patch("lb", externalTrafficPolicy="Cluster")).spec
    assert "healthCheckNodePort" not in everywhere
    assert owner(node, health) is None
    back = (await node.patch("lb", externalTrafficPolicy="Local", healthCheckNodePort=30099)).spec
    assert back["healthCheckNodePort"] == 30099
    refused = await node.create("other", **local, healthCheckNodePort=30099)
    assert (refused.status, refused.message) == (
        500,
        "Internal error occurred: failed to allocate requested HealthCheck NodePort 30099: "
        "provided port is already allocated",
    )
    await node.delete("lb")
    assert owner(node, 30099) is None


async def test_a_load_balancer_may_do_without_node_ports(node: Node) -> None:
    without: dict[str, Any] = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}
    assert node_ports((await node.create("lb", **without)).spec) == [0]
    chosen = [{"port": 80, "nodePort": 30080}]
    assert node_ports((await node.patch("lb", ports=chosen)).spec) == [30080]
    assert owner(node, 30080) == "lb"


async def test_a_dry_run_shows_a_port_and_takes_none(node: Node) -> None:
    shown = (await node.create("web", "?dryRun=All", type="NodePort")).spec
    assert node_ports(shown) == [32769]
    chosen = [{"port": 80, "nodePort": 30080}]
    await node.create("web", "?dryRun=All", type="NodePort", ports=chosen)
    assert owner(node, 30080) is None
    await node.create("web", type="NodePort", ports=chosen)
    refused = await node.create("late", "?dryRun=All", type="NodePort", ports=chosen)
    assert refused.status == 422
    low = [{"port": 80, "nodePort": 80}]  # a dry run asks whether it is free, and no more
    assert (await node.create("low", "?dryRun=All", type="NodePort", ports=low)).status == 201


async def test_many_creates_on_two_nodes_never_share_a_port(tmp_path: Path) -> None:
    async with running(tmp_path, ports=PortRange(30000, 30019), nodes=2) as nodes:
        answers: list[Answer] = []

        async def create(number: int) -> None:
            answers.append(await nodes[number % 2].create(f"w-{number}", type="NodePort"))

        async with trio.open_nursery() as nursery:
            for number in range(24):
                nursery.start_soon(create, number)
        made = [node_ports(a.json["spec"])[0] for a in answers if a.status == 201]
        assert sorted(made) == list(range(30000, 30020))
        full = {(a.status, a.message) for a in answers if a.status != 201}
        assert full == {
            (500, "Internal error occurred: failed to allocate a nodePort: range is full")
        }
        assert len(await nodes[0].addresses()) == 20


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
async def test_headless_services_cannot_be_reached_from_outside(node: Node, kind: str) -> None:
    refused = await node.create("web", type=kind, clusterIP="None")
    assert refused.status == 422
    assert f"may not be set to 'None' for {kind} services" in refused.message
