"""What one node acknowledged, every node shows at once."""

from __future__ import annotations

import pytest
from e2e_cluster import CONFIG_MAPS, Cluster, config_map

ROUNDS = 60


@pytest.mark.parametrize("writer", [0, 1, 2])
def test_what_one_node_acknowledged_every_node_shows_at_once(cluster: Cluster, writer: int) -> None:
    apis = [cluster.api(node) for node in range(3)]
    readers = [apis[node] for node in range(3) if node != writer]
    name = f"seen-at-once-{writer}"
    path = f"{CONFIG_MAPS}/{name}"
    status, _ = apis[writer]("POST", CONFIG_MAPS, config_map(name, count="0"))
    assert status == 201
    for count in range(1, ROUNDS):
        status, written = apis[writer]("PUT", path, config_map(name, count=str(count)))
        assert status == 200, written
        for read in readers:
            assert read("GET", path)[1]["data"] == {"count": str(count)}
            _, found = read("GET", f"{CONFIG_MAPS}?fieldSelector=metadata.name={name}")
            assert [item["data"] for item in found["items"]] == [{"count": str(count)}]
    assert apis[writer]("DELETE", path)[0] == 200
    for read in readers:
        assert read("GET", path)[0] == 404


def test_of_two_writers_with_one_revision_one_wins(cluster: Cluster) -> None:
    apis = [cluster.api(node) for node in range(3)]
    _, first = apis[0]("POST", CONFIG_MAPS, config_map("contested", owner="nobody"))
    path = f"{CONFIG_MAPS}/contested"
    won = []
    for node, api in enumerate(apis):
        body = config_map("contested", owner=f"node-{node}")
        body["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
        won.append(api("PUT", path, body)[0])
    assert won == [200, 409, 409]
    assert {api("GET", path)[1]["data"]["owner"] for api in apis} == {"node-0"}
    apis[1]("DELETE", path)


def test_all_nodes_have_the_same_state(cluster: Cluster) -> None:
    cluster.equal_states()
