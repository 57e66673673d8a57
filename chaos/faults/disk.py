"""Faults of a node's disk, through its control file: slow, full, power loss with a torn tail."""

from __future__ import annotations

import trio

from chaos.cluster import ClusterError, Node
from chaos.disk import write_control
from chaos.faults.scene import Scene

SLOW_SECONDS = ((0.0, 0.02), (0.02, 0.1), (0.1, 0.4))
SPACE = 1 << 16
END_SECONDS = 20.0


async def slow_disk(scene: Scene) -> None:
    """Every sync of one node takes longer."""
    node = scene.victim()
    slow = scene.random.choice(SLOW_SECONDS)
    detail = f"syncs of {scene.role(node)} take up to {slow[1] * 1000:.0f} ms more"
    async with scene.fault("slow disk", node.name, detail):
        write_control(node.control, slow=slow, seed=scene.random.randrange(1 << 30))
        await scene.wait()
        node.heal_disk()


async def full_disk(scene: Scene) -> None:
    """One node runs out of space: it has to stop rather than go on without its log. Then somebody
    frees some space and starts it again."""
    node = scene.victim()
    space = scene.random.randrange(SPACE)
    detail = f"{scene.role(node)} has {space} bytes left"
    async with scene.fault("full disk", node.name, detail):
        node.may_end = True
        write_control(node.control, space=space)
        await _must_end(node)
        await scene.wait()
        node.heal_disk()
        await scene.cluster.restart(node)


async def power_loss(scene: Scene) -> None:
    """One node dies in the middle of a sync; of what was not synced some sectors are there."""
    node = scene.victim()
    async with scene.fault("torn log", node.name, f"power loss of {scene.role(node)} in a sync"):
        _pull_plug(scene, node)
        await _must_end(node)
        await scene.wait()
        node.heal_disk()
        await scene.cluster.restart(node)


async def power_loss_everywhere(scene: Scene) -> None:
    """All nodes die in the middle of a sync, each with a torn tail of its own."""
    nodes = list(scene.cluster.nodes.values())
    async with scene.fault("torn logs", "all", "power loss of every node in a sync"):
        await _power_loss_of(scene, nodes)


async def lying_disks(scene: Scene) -> None:
    """All disks only say that they synced, then all nodes lose power: nothing can survive that."""
    nodes = list(scene.cluster.nodes.values())
    async with scene.fault("lying disks", "all", "syncs do nothing, then power loss everywhere"):
        for node in nodes:
            write_control(node.control, lie=True)
        await scene.wait()
        await _power_loss_of(scene, nodes, lie=True)


def _pull_plug(scene: Scene, node: Node, *, lie: bool = False) -> None:
    node.may_end = True
    write_control(node.control, power_loss=True, lie=lie, seed=scene.random.randrange(1 << 30))


async def _power_loss_of(scene: Scene, nodes: list[Node], *, lie: bool = False) -> None:
    for node in nodes:
        _pull_plug(scene, node, lie=lie)
    # without a quorum nothing may be left to sync: the last ones just lose power
    with trio.move_on_after(2.0):
        for node in nodes:
            await node.ended(END_SECONDS)
    for node in nodes:
        node.kill()
        node.heal_disk()
        node.start()
    await scene.cluster.wait_all_ready()


async def _must_end(node: Node) -> None:
    if not await node.ended(END_SECONDS):
        raise ClusterError(
            f"{node.name} still runs {END_SECONDS:.0f} s after its disk failed, and writes go on"
        )
