"""A member is removed and comes back as a new machine: with an empty disk, through `join`."""

from __future__ import annotations

from typing import Any

import trio

from chaos.cluster import ClusterError, Node
from chaos.faults.scene import Scene
from raftstore.errors import TransportError
from raftstore.transport import request_join

PATIENCE_SECONDS = 30.0


async def replace(scene: Scene) -> None:
    """Remove a node (alive or dead), wipe it, let it join, and wait until it votes again."""
    node = scene.victim()
    dead = scene.random.random() < 0.5
    state = "dead" if dead else "running"
    detail = f"{scene.role(node)} is removed while {state}, wiped, and joins again"
    async with scene.fault("replace", node.name, detail):
        node.may_end = True  # a removed node may stop by itself
        if dead:
            node.kill()
            await trio.sleep(scene.random.uniform(0, 2))
        await _remove(scene, node)
        await scene.wait()
        node.kill()
        node.wipe()
        await _join(scene, node)
        node.start()
        await scene.cluster.wait_ready(node)
        await _wait_voter(scene, node)


async def _through_others(
    scene: Scene, node: Node, method: str, path: str, body: Any = None
) -> tuple[Node, int, Any]:
    """Ask the other nodes in turn until one gives a definite answer; ClusterError if none does."""
    last = ""
    with trio.move_on_after(PATIENCE_SECONDS):
        while True:
            for other in scene.others(node):
                status, answer = await scene.cluster.call(other.name, method, path, body)
                if status in (200, 201, 404):
                    return other, status, answer
                last = f"{other.name}: {status} {answer.get('message', '')}"
            await trio.sleep(0.5)
    raise ClusterError(f"{method} {path} does not succeed through any node: {last}")


async def _remove(scene: Scene, node: Node) -> None:
    """404 is an earlier attempt that did succeed."""
    await _through_others(scene, node, "DELETE", f"/kapi/v1/members/{node.name}")


async def _join(scene: Scene, node: Node) -> None:
    local = node.local
    host_port = f"127.0.0.1:{local.peer_port}"
    last = ""
    with trio.move_on_after(PATIENCE_SECONDS):
        while True:
            other, _, made = await _through_others(scene, node, "POST", "/kapi/v1/tokens", {})
            pin, _, secret = made["token"].partition(".")
            wanted = {
                "token": secret,
                "name": node.name,
                "peer_address": host_port,
                "url": local.url,
            }
            try:
                address = f"127.0.0.1:{other.local.peer_port}"
                answer = await request_join(address, wanted, ca_pin=f"sha256:{pin}")
            except (TransportError, OSError) as error:
                last = str(error)
                await trio.sleep(0.5)
            else:
                _join_from_now_on(node, answer["cluster_id"])
                return
    raise ClusterError(f"{node.name} cannot join: {last}")


def _join_from_now_on(node: Node, cluster_id: str) -> None:
    """The config as `kapiserver join` writes it: id and member list come from the cluster."""
    path = node.local.config_path
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("initial-cluster")]
    kept.append(f'initial-cluster-token: "{cluster_id}"\n')
    path.write_text("".join([*kept, 'initial-cluster-state: "existing"\n']))


async def _wait_voter(scene: Scene, node: Node) -> None:
    role = "unknown"
    with trio.move_on_after(PATIENCE_SECONDS):
        while True:
            _, _, answer = await _through_others(scene, node, "GET", "/kapi/v1/members")
            roles = {member["name"]: member["role"] for member in answer["members"]}
            role = roles.get(node.name, "not a member")
            if role in ("leader", "follower"):
                return
            await trio.sleep(0.3)
    raise ClusterError(f"{node.name} has joined but is not a voting member: {role}")
