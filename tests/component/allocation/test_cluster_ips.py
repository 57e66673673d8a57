"""Cluster addresses of services: given, kept, given back, and never given twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from allocation_world import ADDRESSES, RANGES, SERVICES, Answer, Node, eventually, running, service


async def test_a_service_gets_an_address_and_the_record_says_so(node: Node) -> None:
    made = (await node.create("web")).spec
    address = made["clusterIP"]
    assert made["clusterIPs"] == [address]
    assert (made["ipFamilies"], made["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert made["internalTrafficPolicy"] == "Cluster"
    # the lower 16 of 256 are kept for people who choose
    assert int(address.rpartition(".")[2]) > 16
    record = (await node.request("GET", f"{ADDRESSES}/{address}")).json
    assert record["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }
    assert record["spec"]["parentRef"] == {
        "resource": "services",
        "namespace": "default",
        "name": "web",
    }
    assert record["metadata"]["uid"]


async def test_a_deleted_service_gives_its_address_back(node: Node) -> None:
    address = (await node.create("web", clusterIP="10.96.0.7")).spec["clusterIP"]
    assert await node.addresses() == {address: "web"}
    assert (await node.delete("web")).status == 200
    assert await node.addresses() == {}
    assert (await node.create("next", clusterIP=address)).spec["clusterIP"] == address


async def test_a_taken_address_is_refused_in_upstreams_words(node: Node) -> None:
    await node.create("web", clusterIP="10.96.0.7")
    refused = await node.create("late", clusterIP="10.96.0.7")
    assert (refused.status, refused.message) == (
        422,
        'Service "late" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.7"]: '
        "failed to allocate IP 10.96.0.7: provided IP is already allocated",
    )
    assert await node.addresses() == {"10.96.0.7": "web"}


@pytest.mark.parametrize("address", ["192.168.0.1", "10.96.0.0", "10.96.0.255"])
async def test_an_address_outside_of_the_range_is_refused(node: Node, address: str) -> None:
    refused = await node.create("web", clusterIP=address)
    assert refused.message.endswith(
        f"failed to allocate IP {address}: the provided network does not match the current range"
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"clusterIP": "abc"}, 'spec.clusterIPs[0]: Invalid value: "abc": must be a valid IP'),
        (
            {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.2"]},
            'spec.clusterIPs: Invalid value: ["10.96.0.2"]: first value must match `clusterIP`',
        ),
        (
            {"clusterIPs": ["10.96.0.2"]},
            "must be empty when `clusterIP` is not specified",
        ),
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        (
            {"ipFamilies": ["IPv6"]},
            'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
        ),
        (
            {"clusterIP": "fd00::1"},
            'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: '
            "IPv6 is not configured on this cluster",
        ),
        (
            {"type": "ExternalName", "externalName": "a.example", "clusterIP": "10.96.0.9"},
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
        ),
    ],
)
async def test_addresses_that_make_no_sense(node: Node, spec: Any, problem: str) -> None:
    refused = await node.create("web", **spec)
    assert refused.status == 422
    assert problem in refused.message
    assert await node.addresses() == {}


async def test_headless_and_external_services_take_none(node: Node) -> None:
    headless = (await node.create("headless", clusterIP="None")).spec
    assert headless["clusterIPs"] == ["None"]
    assert (headless["ipFamilies"], headless["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    bare = (await node.create("bare", clusterIP="None", selector=None)).spec
    assert bare["ipFamilies"] == ["IPv4", "IPv6"]
    assert bare["ipFamilyPolicy"] == "RequireDualStack"
    external = (await node.create("ext", type="ExternalName", externalName="a.example")).spec
    assert "clusterIP" not in external
    assert "ipFamilies" not in external
    assert await node.addresses() == {}


async def test_a_dry_run_takes_nothing(node: Node) -> None:
    assert (await node.create("web", "?dryRun=All")).spec["clusterIP"] == "10.96.0.0"
    await node.create("web", clusterIP="10.96.0.7")
    assert (await node.patch("web", "?dryRun=All", type="NodePort")).spec["ports"][0]["nodePort"]
    assert await node.addresses() == {"10.96.0.7": "web"}
    assert node.allocation.ports.record(32769) is None


async def test_a_dry_run_names_the_range_that_an_address_is_not_of(node: Node) -> None:
    refused = await node.create("web", "?dryRun=All", clusterIP="10.1.0.1")
    assert refused.status == 422
    assert refused.message.endswith(
        "failed to allocate IP 10.1.0.1: the provided IP (10.1.0.1) is not in the valid range. "
        "The range of valid IPs is 10.96.0.0/24"
    )


async def test_a_refused_service_leaves_nothing_behind(node: Node) -> None:
    refused = await node.create("web", ports=[{"port": 0}])
    assert refused.status == 422
    refused = await node.create("web", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
    assert refused.status == 422
    assert await node.addresses() == {}


async def test_a_service_needs_a_name_or_gets_one(node: Node) -> None:
    nameless = service("x")
    del nameless["metadata"]["name"]
    refused = await node.request("POST", SERVICES, nameless)
    assert refused.status == 422
    assert "metadata.name: Required value: name or generateName is required" in refused.message
    nameless["metadata"]["generateName"] = "web-"
    made = await node.request("POST", SERVICES, nameless)
    assert await node.addresses() == {made.spec["clusterIP"]: made.json["metadata"]["name"]}
    assert (
        await node.request(
            "POST", SERVICES, {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "bare"}}
        )
    ).status == 422


async def test_a_manifest_sent_again_keeps_the_address(node: Node) -> None:
    address = (await node.create("web")).spec["clusterIP"]
    again = (await node.put("web", service("web", ports=[{"port": 81}]))).spec
    assert (again["clusterIP"], again["clusterIPs"]) == (address, [address])
    refused = await node.patch("web", clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"])
    assert refused.message == (
        'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: '
        "may not change once set"
    )
    assert await node.addresses() == {address: "web"}


async def test_a_change_of_type_gives_back_and_takes_anew(node: Node) -> None:
    await node.create("web", type="NodePort", clusterIP="10.96.0.7")
    external = (await node.patch("web", type="ExternalName", externalName="a.example")).spec
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(external)
    assert "nodePort" not in external["ports"][0]
    assert await node.addresses() == {}
    back = (await node.patch("web", type="ClusterIP", externalName=None)).spec
    assert await node.addresses() == {back["clusterIP"]: "web"}


async def test_many_creates_on_two_nodes_never_share_an_address(tmp_path: Path) -> None:
    async with running(tmp_path, ranges=("10.96.0.0/26",), nodes=2) as nodes:
        answers: list[Answer] = []

        async def create(number: int) -> None:
            answers.append(await nodes[number % 2].create(f"web-{number}"))

        async with trio.open_nursery() as nursery:
            for number in range(70):
                nursery.start_soon(create, number)
        made = [a.json["spec"]["clusterIP"] for a in answers if a.status == 201]
        assert len(made) == len(set(made)) == 62
        full = [a for a in answers if a.status != 201]
        assert {(a.status, a.message) for a in full} == {
            (500, "Internal error occurred: failed to allocate a serviceIP: range is full")
        }
        assert set(await nodes[0].addresses()) == set(made)


async def test_one_address_for_which_many_ask_goes_to_one(tmp_path: Path) -> None:
    async with running(tmp_path, nodes=2) as nodes:
        answers: list[Answer] = []

        async def create(number: int) -> None:
            answers.append(await nodes[number % 2].create(f"w-{number}", clusterIP="10.96.0.5"))

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(create, number)
        assert sorted(a.status for a in answers) == [201] + [422] * 9


async def test_another_range_adds_addresses(tmp_path: Path) -> None:
    async with running(tmp_path, ranges=("10.96.0.0/30",)) as (node,):
        assert (await node.create("a")).status == 201
        assert (await node.create("b")).status == 201
        assert (await node.create("c")).status == 500
        more = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "ServiceCIDR",
            "metadata": {"name": "more"},
            "spec": {"cidrs": ["10.97.0.0/28"]},
        }
        assert (await node.request("POST", RANGES, more)).status == 201
        assert (await node.create("c")).spec["clusterIP"].startswith("10.97.0.")


async def test_a_range_in_use_stays_until_it_is_free(node: Node) -> None:
    async def says(ready: str) -> bool:
        found = (await node.request("GET", f"{RANGES}/more")).json
        conditions = found.get("status", {}).get("conditions") or [{}]
        return conditions[0].get("status") == ready and bool(found["metadata"].get("finalizers"))

    async def is_gone() -> bool:
        return (await node.request("GET", f"{RANGES}/more")).status == 404

    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ranges.run)
        more = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "ServiceCIDR",
            "metadata": {"name": "more"},
            "spec": {"cidrs": ["10.97.0.0/28"]},
        }
        await node.request("POST", RANGES, more)
        await eventually(lambda: says("True"))
        assert (await node.create("web", clusterIP="10.97.0.3")).status == 201
        await node.request("DELETE", f"{RANGES}/more")
        await eventually(lambda: says("False"))
        assert (await node.create("late", clusterIP="10.97.0.4")).status == 422
        await node.delete("web")
        await eventually(is_gone)
        nursery.cancel_scope.cancel()
