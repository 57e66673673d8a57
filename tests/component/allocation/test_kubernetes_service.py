"""The service through which pods reach the API, and the nodes that it leads to."""

from __future__ import annotations

import ipaddress

import pytest
from allocation_world import RANGES, SERVICES, Node
from trio.testing import MockClock

from kapiserver.allocation.kubernetes_service import GONE_SECONDS, LiveNodes

ENDPOINTS = "/api/v1/namespaces/default/endpoints/kubernetes"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


async def test_it_has_the_first_address_and_leads_to_this_node(node: Node) -> None:
    await node.kubernetes.step()
    made = (await node.get("kubernetes")).json
    assert made["metadata"]["labels"] == {"component": "apiserver", "provider": "kubernetes"}
    assert made["spec"]["clusterIP"] == "10.96.0.1"
    assert made["spec"]["ports"] == [
        {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    ]
    subsets = (await node.request("GET", ENDPOINTS)).json["subsets"]
    assert subsets == [
        {
            "addresses": [{"ip": "127.0.0.1"}],
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        }
    ]
    found = (await node.request("GET", f"{SLICES}/kubernetes")).json
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "kubernetes"
    assert (found["addressType"], found["endpoints"][0]["addresses"]) == ("IPv4", ["127.0.0.1"])


async def test_what_people_do_to_it_is_undone(node: Node) -> None:
    await node.kubernetes.step()
    await node.delete("kubernetes")
    await node.request("DELETE", f"{SLICES}/kubernetes")
    stale = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "old", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.9"]}],
    }
    await node.request("POST", SLICES, stale)
    await node.kubernetes.step()
    assert (await node.get("kubernetes")).spec["clusterIP"] == "10.96.0.1"
    names = [i["metadata"]["name"] for i in (await node.request("GET", SLICES)).json["items"]]
    assert names == ["kubernetes"]
    before = node.storage.revision
    await node.kubernetes.step()
    assert node.storage.revision == before, "nothing to do writes nothing"


async def test_an_address_that_is_taken_is_waited_for(node: Node) -> None:
    await node.create("squatter", clusterIP="10.96.0.1")
    await node.kubernetes.try_step()
    assert (await node.request("GET", f"{SERVICES}/kubernetes")).status == 404
    await node.delete("squatter")
    await node.kubernetes.try_step()
    assert (await node.get("kubernetes")).status == 200


async def test_the_range_of_the_cluster_is_an_object_that_is_ready(node: Node) -> None:
    found = (await node.request("GET", f"{RANGES}/kubernetes")).json
    assert found["spec"] == {"cidrs": ["10.96.0.0/24"]}
    assert found["metadata"]["finalizers"] == ["networking.k8s.io/service-cidr-finalizer"]
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("Ready", "True")


@pytest.fixture
def clock() -> MockClock:
    return MockClock(rate=0)


async def test_a_node_leaves_when_it_is_not_heard_of_and_comes_back(clock: MockClock) -> None:
    urls = {"a": "https://10.0.0.1:6443", "b": "https://10.0.0.2:6443", "c": "https://[fd00::3]"}
    connected = {"a", "b", "c"}
    nodes = LiveNodes(lambda: connected, lambda: urls)

    async def addresses() -> list[str]:
        return [str(address) for address, _ in await nodes.places()]

    everybody = ["10.0.0.1", "10.0.0.2", "fd00::3"]
    assert await addresses() == everybody
    connected.discard("b")
    clock.jump(GONE_SECONDS - 0.1)
    assert await addresses() == everybody
    clock.jump(0.2)
    assert await addresses() == ["10.0.0.1", "fd00::3"]
    connected.add("b")
    assert await addresses() == everybody
    connected.discard("b")
    clock.jump(GONE_SECONDS + 1)
    nodes.forget()  # a new leader
    assert await addresses() == everybody
    assert (ipaddress.ip_address("fd00::3"), 443) in await nodes.places()
