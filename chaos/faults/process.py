"""Faults of processes: killed, restarted, stopped and continued; one node or all of them."""

from __future__ import annotations

import trio

from chaos.cluster import Node
from chaos.faults.scene import Scene

AWAY_SECONDS = 60.0
SNAPSHOTS = 2


async def kill(scene: Scene) -> None:
    """kill -9 one node, and start it again after a while."""
    node = scene.victim()
    async with scene.fault("kill", node.name, f"kill -9 of {scene.role(node)}"):
        node.kill()
        await scene.wait()
        await scene.cluster.restart(node)


async def kill_leader(scene: Scene) -> None:
    """kill -9 the leader, and start it again at once: it may soon lead again."""
    node = scene.cluster.nodes.get(scene.cluster.leader) or scene.victim()
    async with scene.fault("kill leader", node.name, f"kill -9 of {scene.role(node)}"):
        node.kill()
        await scene.cluster.restart(node)


async def leave_behind(scene: Scene) -> None:
    """kill -9 one node and keep it away until the others have thrown away the log that it needs:
    it has to come back through a snapshot."""
    node = scene.victim()
    async with scene.fault("left behind", node.name, f"kill -9 of {scene.role(node)}, for long"):
        node.kill()
        with trio.move_on_after(AWAY_SECONDS):
            await _wait_snapshots(scene, node)
        await scene.cluster.restart(node)


async def _wait_snapshots(scene: Scene, away: Node) -> None:
    """Until all others have made two more snapshots."""
    seen: dict[str, set[int]] = {other.name: set() for other in scene.others(away)}
    while not all(len(indexes) > SNAPSHOTS for indexes in seen.values()):
        for name, indexes in seen.items():
            status, facts = await scene.cluster.call(name, "GET", "/kapi/v1/status")
            if status == 200:
                indexes.add(facts["snapshotIndex"])
        await trio.sleep(0.2)


async def restart(scene: Scene) -> None:
    """SIGTERM one node, as an upgrade does, and start it again at once."""
    node = scene.victim()
    async with scene.fault("restart", node.name, f"SIGTERM to {scene.role(node)}"):
        await node.terminate()
        await scene.cluster.restart(node)


async def pause(scene: Scene) -> None:
    """SIGSTOP one node: it does not know that time passes, and wakes up with old beliefs."""
    node = scene.victim()
    async with scene.fault("pause", node.name, f"SIGSTOP of {scene.role(node)}"):
        node.pause()
        await scene.wait()
        node.resume()
        await scene.cluster.wait_ready(node)


async def kill_all(scene: Scene) -> None:
    """kill -9 all nodes within an instant, and start them again."""
    nodes = list(scene.cluster.nodes.values())
    scene.random.shuffle(nodes)
    async with scene.fault("kill all", "all", "kill -9 of every node"):
        for node in nodes:
            node.kill()
        await trio.sleep(scene.random.uniform(0, 1))
        for node in nodes:
            node.start()
        for node in nodes:
            await scene.cluster.wait_ready(node)
