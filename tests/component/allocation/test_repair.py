"""Records that were pulled apart from their services come back together."""

from __future__ import annotations

import ipaddress

from allocation_world import ADDRESSES, Node

from kapiserver.allocation.ports import KEYS, new_port
from kapiserver.allocation.records import new_address
from kapiserver.storage.together import Together, new_object

GHOST = {"metadata": {"namespace": "default", "name": "ghost"}}


async def _write(node: Node, together: Together) -> None:
    result = await node.storage.backend.txn(together.compare, together.ops)
    assert result.succeeded


async def test_records_of_no_service_are_freed(node: Node) -> None:
    left = new_address("10.96.0.9", "IPv4", GHOST["metadata"])
    await _write(node, new_object(node.allocation.records.addresses, "", "10.96.0.9", left))
    await _write(node, new_port(30080, GHOST))
    ports = [{"port": 80, "nodePort": 30080}]
    assert (await node.create("web", clusterIP="10.96.0.9")).status == 422
    assert (await node.create("web", type="NodePort", ports=ports)).status == 422
    await node.repair.sweep()
    taken = await node.create("web", clusterIP="10.96.0.9", type="NodePort", ports=ports)
    assert taken.status == 201
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.9": "web"}
    assert node.allocation.ports.record(30080) is not None


async def test_a_record_that_its_service_does_not_use_is_freed(node: Node) -> None:
    await node.create("web", clusterIP="10.96.0.7")
    other = new_address("10.96.0.8", "IPv4", {"namespace": "default", "name": "web"})
    await _write(node, new_object(node.allocation.records.addresses, "", "10.96.0.8", other))
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.7": "web"}


async def test_a_service_gets_its_record_back(node: Node) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    await node.create("web", clusterIP="10.96.0.7", type="NodePort", ports=ports)
    assert (await node.request("DELETE", f"{ADDRESSES}/10.96.0.7")).status == 200
    await node.storage.backend.delete(KEYS.key("", "30080"))
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.7": "web"}
    assert (await node.create("late", clusterIP="10.96.0.7")).status == 422
    assert (await node.create("late", type="NodePort", ports=ports)).status == 422


async def test_a_record_with_a_wrong_owner_is_set_right(node: Node) -> None:
    await node.create("web", clusterIP="10.96.0.7")
    await node.request("DELETE", f"{ADDRESSES}/10.96.0.7")
    wrong = new_address("10.96.0.7", "IPv4", GHOST["metadata"])
    await _write(node, new_object(node.allocation.records.addresses, "", "10.96.0.7", wrong))
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.7": "web"}


async def test_a_record_that_lost_its_labels_gets_them_back(node: Node) -> None:
    await node.create("web", clusterIP="10.96.0.7")
    path = f"{ADDRESSES}/10.96.0.7"
    made = (await node.request("GET", path)).json
    bare = {**made, "metadata": {**made["metadata"], "labels": {"who": "me"}}}
    assert (await node.request("PUT", path, bare)).status == 200
    await node.repair.sweep()
    assert (await node.request("GET", path)).json["metadata"]["labels"] == (
        made["metadata"]["labels"]
    )


async def test_an_address_outside_every_range_gets_no_record(node: Node) -> None:
    await node.create("web", clusterIP="10.96.0.7")
    services = node.allocation.records.services
    lost = (await node.request("GET", "/api/v1/namespaces/default/services/web")).json
    lost["metadata"] = {**lost["metadata"], "name": "lost", "uid": "1"}
    lost["spec"] = {**lost["spec"], "clusterIP": "192.168.0.1", "clusterIPs": ["192.168.0.1"]}
    await _write(node, new_object(services, "default", "lost", lost))
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.7": "web"}


async def test_addresses_that_others_manage_are_left_alone(node: Node) -> None:
    foreign = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IPAddress",
        "metadata": {"name": "10.96.0.9", "labels": {"who": "me"}},
        "spec": {"parentRef": {"group": "me.example", "resource": "things", "name": "mine"}},
    }
    assert (await node.request("POST", ADDRESSES, foreign)).status == 201
    await node.repair.sweep()
    assert await node.addresses() == {"10.96.0.9": "mine"}
    assert (await node.create("web", clusterIP="10.96.0.9")).status == 422


async def test_a_delete_goes_through_when_the_record_was_taken_away(node: Node) -> None:
    made = (await node.create("web", type="NodePort")).spec
    await node.request("DELETE", f"{ADDRESSES}/{made['clusterIP']}")
    assert ipaddress.ip_address(made["clusterIP"])
    assert (await node.delete("web")).status == 200
    assert node.allocation.ports.record(made["ports"][0]["nodePort"]) is None
