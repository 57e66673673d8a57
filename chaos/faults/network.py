"""Faults of the network between nodes, through the proxies: cut, one-way cut, slow, unstable.

Clients reach all nodes all the time: what a node that is cut off answers them is the point.
"""

from __future__ import annotations

import trio

from chaos.faults.scene import Scene

DELAY_SECONDS = (0.02, 0.25)
FLAP_SECONDS = 0.7


async def isolate(scene: Scene) -> None:
    """One node is cut off from all others, in both directions."""
    node = scene.victim()
    async with scene.fault("partition", node.name, f"{scene.role(node)} is cut off"):
        scene.cluster.network.isolate(node.name)
        await scene.wait()
        scene.cluster.network.heal(reset=scene.random.random() < 0.5)


async def one_way(scene: Scene) -> None:
    """One node is heard but does not hear, or hears but is not heard; by one other or by all."""
    node = scene.victim()
    others = scene.others(node)
    if scene.random.random() < 0.5:
        others = [scene.random.choice(others)]
    outgoing = scene.random.random() < 0.5
    names = " and ".join(other.name for other in others)
    detail = (
        f"{node.name} ({scene.role(node)}) {'is not heard by' if outgoing else 'does not hear'}"
    )
    async with scene.fault("one-way cut", node.name, f"{detail} {names}"):
        for other in others:
            pair = (node.name, other.name) if outgoing else (other.name, node.name)
            scene.cluster.network.cut(*pair)
        await scene.wait()
        scene.cluster.network.heal(reset=scene.random.random() < 0.5)


async def one_pair(scene: Scene) -> None:
    """Two nodes cannot reach each other; the third reaches both."""
    node = scene.victim()
    other = scene.random.choice(scene.others(node))
    detail = f"no link between {node.name} and {other.name}"
    async with scene.fault("link cut", node.name, detail):
        scene.cluster.network.cut(node.name, other.name)
        scene.cluster.network.cut(other.name, node.name)
        await scene.wait()
        scene.cluster.network.heal(reset=scene.random.random() < 0.5)


async def slow_links(scene: Scene) -> None:
    """All that one node sends and receives takes longer."""
    node = scene.victim()
    seconds = scene.random.uniform(*DELAY_SECONDS)
    detail = f"{seconds * 1000:.0f} ms each way for {scene.role(node)}"
    async with scene.fault("slow links", node.name, detail):
        for other in scene.others(node):
            scene.cluster.network.delay(node.name, other.name, seconds)
            scene.cluster.network.delay(other.name, node.name, seconds)
        await scene.wait()
        scene.cluster.network.heal()


async def flapping(scene: Scene) -> None:
    """One node loses its links and gets them back, several times a second or two."""
    node = scene.victim()
    async with scene.fault("flapping", node.name, f"links of {scene.role(node)} come and go"):
        with trio.move_on_after(scene.random.uniform(*scene.hold)):
            while True:
                scene.cluster.network.isolate(node.name)
                await trio.sleep(scene.random.uniform(0, FLAP_SECONDS))
                scene.cluster.network.heal(reset=True)
                await trio.sleep(scene.random.uniform(0, FLAP_SECONDS))
        scene.cluster.network.heal(reset=True)
