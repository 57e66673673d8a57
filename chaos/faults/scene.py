"""What a fault works on, and how it says what it does."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from chaos.cluster import Cluster, Node
from chaos.history import Fault
from chaos.recorder import Recorder

LEADER_CHANCE = 0.6


@dataclass(frozen=True, slots=True)
class Scene:
    """`hold` is how long a fault lasts: (least, most) seconds."""

    cluster: Cluster
    recorder: Recorder
    random: random.Random
    hold: tuple[float, float] = (2.0, 6.0)

    def victim(self) -> Node:
        """Any node, the leader more often than the others."""
        leader = self.cluster.nodes.get(self.cluster.leader)
        if leader is not None and self.random.random() < LEADER_CHANCE:
            return leader
        return self.cluster.nodes[self.random.choice(self.cluster.names)]

    def others(self, node: Node) -> list[Node]:
        return [other for other in self.cluster.nodes.values() if other is not node]

    def role(self, node: Node) -> str:
        return "the leader" if node.name == self.cluster.leader else "a follower"

    async def wait(self) -> None:
        await trio.sleep(self.random.uniform(*self.hold))

    @asynccontextmanager
    async def fault(self, name: str, target: str, detail: str) -> AsyncIterator[None]:
        number = self.recorder.number()
        self.recorder.add(Fault(number, name, target, "start", self.recorder.now(), detail))
        try:
            yield
        finally:
            self.recorder.add(Fault(number, name, target, "end", self.recorder.now()))


FaultFunction = Callable[[Scene], Awaitable[None]]
