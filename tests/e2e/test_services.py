"""Services on three nodes: addresses and ports are given once, whoever asks and whoever dies."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from e2e_cluster import Cluster, Unreachable, until
from e2e_kubectl import Kubectl

SERVICES = "/api/v1/namespaces/default/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
ENDPOINTS = "/api/v1/namespaces/default/endpoints/kubernetes"
PER_NODE = 150
CHOSEN = 40  # ports that all nodes ask for


def _service(name: str, node_port: int = 0) -> dict[str, Any]:
    port = {"port": 80, **({"nodePort": node_port} if node_port else {})}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "ports": [port]},
    }


def _write(cluster: Cluster, node: int) -> None:
    """Creates, of which every second asks for a port that the other nodes want too, and deletes."""
    api = cluster.api(node, timeout=5.0)
    for number in range(PER_NODE):
        name = f"s-{node}-{number}"
        chosen = 30000 + number % CHOSEN if number % 2 else 0
        try:
            status, _ = api("POST", SERVICES, _service(name, chosen))
            if status == 201 and number % 5 == 0:
                api("DELETE", f"{SERVICES}/{name}")
        except Unreachable:
            continue
    api.close()


def test_no_address_and_no_port_is_given_twice_while_leaders_die(breakable: Cluster) -> None:
    threads = [
        threading.Thread(target=_write, args=(breakable, node), daemon=True)
        for node in range(breakable.nodes)
    ]
    for thread in threads:
        thread.start()
    until(lambda: len(_items(breakable, SERVICES)) > CHOSEN, "services")
    breakable.kill(breakable.leader())
    assert any(thread.is_alive() for thread in threads), "nobody writes any more"
    for thread in threads:
        thread.join(timeout=120)
    breakable.up()
    services = _items(breakable, SERVICES)
    assert len(services) > CHOSEN
    addresses = Counter(service["spec"]["clusterIP"] for service in services)
    assert max(addresses.values()) == 1
    records = {r["metadata"]["name"]: r["spec"]["parentRef"]["name"] for r in _records(breakable)}
    assert records == {s["spec"]["clusterIP"]: s["metadata"]["name"] for s in services}
    ports = Counter(
        port["nodePort"]
        for service in services
        for port in service["spec"]["ports"]
        if "nodePort" in port
    )
    assert max(ports.values()) == 1


def test_the_kubernetes_service_follows_the_nodes(breakable: Cluster) -> None:
    def ports() -> set[int]:
        status, found = breakable.api(survivor)("GET", ENDPOINTS)
        subsets = found["subsets"] if status == 200 else []
        return {port["port"] for subset in subsets for port in subset["ports"]}

    survivor = breakable.leader()
    victim = (survivor + 1) % breakable.nodes
    until(lambda: len(ports()) == breakable.nodes, "all nodes")
    breakable.kill(victim)
    until(lambda: len(ports()) == breakable.nodes - 1, "the dead node to leave")
    breakable.up()
    until(lambda: len(ports()) == breakable.nodes, "the node to come back")


def test_kubectl_shows_services_as_people_know_them(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", "--image=nginx")
    kubectl("expose", "deployment", "web", "--port=80", "--type=NodePort")
    described = dict(
        line.split(":", 1) for line in kubectl("describe", "svc", "web").splitlines() if ":" in line
    )
    assert described["IP Family Policy"].strip() == "SingleStack"
    assert described["IP Families"].strip() == "IPv4"
    assert described["IP"].strip().startswith("10.96.")
    assert described["NodePort"].strip().endswith("/TCP")
    assert described["External Traffic Policy"].strip() == "Cluster"
    row = kubectl("get", "svc", "web").splitlines()[1].split()
    assert row[1:4] == ["NodePort", described["IP"].strip(), "<none>"]
    taken = kubectl.fails(
        "create", "service", "clusterip", "late", "--tcp=80", "--clusterip=10.96.0.1"
    )
    assert "failed to allocate IP 10.96.0.1: provided IP is already allocated" in taken


def _items(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    for node in range(cluster.nodes):
        try:
            status, found = cluster.api(node)("GET", path)
        except Unreachable:
            continue
        if status == 200:
            items: list[dict[str, Any]] = found["items"]
            return items
    return []


def _records(cluster: Cluster) -> list[dict[str, Any]]:
    own = "default"
    return [r for r in _items(cluster, ADDRESSES) if r["spec"]["parentRef"]["namespace"] == own]
