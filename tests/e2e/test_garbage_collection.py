"""Cascading deletion on three nodes: a new leader goes on where the old one was killed."""

from __future__ import annotations

from typing import Any

import pytest
from e2e_cluster import CONFIG_MAPS, Cluster, config_map, until

DEPENDENTS = 60


def owned(name: str, owner: dict[str, Any]) -> dict[str, Any]:
    obj = config_map(name)
    obj["metadata"]["labels"] = {"chain": "yes"}
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
    ]
    return obj


@pytest.mark.parametrize("policy", ["Foreground", "Background", "Orphan"])
def test_it_is_finished_when_the_leader_dies(breakable: Cluster, policy: str) -> None:
    leader = breakable.leader()
    api = breakable.api((leader + 1) % 3)

    def made(obj: dict[str, Any]) -> dict[str, Any]:
        status, found = api("POST", CONFIG_MAPS, obj)
        assert status == 201, found
        answer: dict[str, Any] = found
        return answer

    def left(query: str) -> list[dict[str, Any]] | None:
        """None while there is no leader."""
        status, found = api("GET", f"{CONFIG_MAPS}?labelSelector={query}")
        items: list[dict[str, Any]] = found["items"] if status == 200 else []
        return items if status == 200 else None

    name = f"owner-{policy.lower()}"
    owner = made(config_map(name))
    for number in range(DEPENDENTS):
        child = made(owned(f"{name}-{number}", owner))
        made(owned(f"{name}-{number}-leaf", child))
    status, _ = api("DELETE", f"{CONFIG_MAPS}/{name}?propagationPolicy={policy}")
    assert status == 200
    breakable.kill(leader)

    until(lambda: api("GET", f"{CONFIG_MAPS}/{name}")[0] == 404, "the owner's end")
    if policy == "Orphan":
        kept = until(lambda: left("chain=yes"), "a leader")
        assert len(kept) == 2 * DEPENDENTS
        owners = [o["uid"] for item in kept for o in item["metadata"].get("ownerReferences", ())]
        assert owner["metadata"]["uid"] not in owners
    else:
        until(lambda: left("chain=yes") == [], "the end of the chain")
    api("DELETE", f"{CONFIG_MAPS}?labelSelector=chain%3Dyes")
    breakable.up()
    until(lambda: all(row["role"] != "down" for row in breakable.status()), "three nodes")
