"""Asks every node for its state, again and again, and once more when everything has come to rest.

In: the cluster. Out: `NodeState` records, and who leads as far as the nodes say.
"""

from __future__ import annotations

from typing import Any

import trio

from chaos.cluster import Cluster
from chaos.history import NodeState
from chaos.recorder import Recorder

INTERVAL_SECONDS = 0.5
REST_SECONDS = 45.0


class Monitor:
    def __init__(self, cluster: Cluster, recorder: Recorder) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self.states: dict[str, NodeState] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for name in self._cluster.names:
                nursery.start_soon(self._follow, name)

    async def _follow(self, name: str) -> None:
        while True:
            state = await self._ask(name)
            if state is None:
                self.states.pop(name, None)
            else:
                self.states[name] = state
                self._recorder.add(state)
            newest = max(self.states.values(), key=lambda s: s.term, default=None)
            self._cluster.leader = newest.leader if newest is not None else ""
            await trio.sleep(INTERVAL_SECONDS)

    async def _ask(self, name: str, *, final: bool = False) -> NodeState | None:
        status, facts = await self._cluster.call(name, "GET", "/kapi/v1/status", timeout=2.0)
        return _state(name, facts, self._recorder.now(), final) if status == 200 else None

    async def rest(self) -> bool:
        """Wait until all nodes have applied and hashed the same index, and record it; False if
        they do not get there: what they then say is recorded all the same."""
        states: list[NodeState | None] = []
        with trio.move_on_after(REST_SECONDS):
            while True:
                states = [await self._ask(name, final=True) for name in self._cluster.names]
                seen = {(s.index, s.applied) if s is not None else None for s in states}
                if len(seen) == 1 and None not in seen:
                    break
                await trio.sleep(0.2)
        for state in states:
            if state is not None:
                self._recorder.add(state)
        return len({(s.index, s.applied) if s is not None else None for s in states}) == 1


def _state(name: str, facts: dict[str, Any], now: int, final: bool) -> NodeState:
    return NodeState(
        name,
        now,
        facts["role"],
        facts["leader"] or "",
        facts["term"],
        facts["appliedRevision"],
        facts["stateHashIndex"],
        facts["stateHash"],
        final,
    )
