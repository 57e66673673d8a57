"""Writers: each picks keys at random and reads, writes and lists them, through all nodes.

A writer knows of each key only what it has seen itself, so that its guards are sometimes stale:
conflicts are part of the work. Each has a home node, so that a node on which requests hang does not
end up with all of them; a node that does not answer is left for another one for a while, sometimes.
"""

from __future__ import annotations

import random

import trio

from chaos.cluster import Cluster
from chaos.history import Action, Op
from chaos.recorder import Recorder
from chaos.workload.session import Session

KEYS = tuple(f"key-{i:02d}" for i in range(24))
HOT = 4  # a third of all operations go to the first few keys
HOT_SHARE = 0.33
ACTIONS: tuple[tuple[Action, int], ...] = (
    ("get", 15),
    ("update", 45),
    ("create", 12),
    ("delete", 5),
    ("list", 8),
)
FRESH = 0.6  # how often a writer reads right before it writes, as a controller does
BLIND_CREATE = 0.1  # how often a key that is known to be there is created all the same
PAUSE_SECONDS = 0.02  # between two operations of one client, on average
RETRY_SECONDS = 0.2  # after a node could not be reached
LEAVE = 0.3  # how often a writer leaves a node that failed it
RETURN = 0.02  # and how often one that is away goes home, per operation


class Writer:
    def __init__(
        self, name: str, home: str, cluster: Cluster, recorder: Recorder, rng: random.Random
    ) -> None:
        self._cluster = cluster
        self._random = rng
        self._home = home
        self._session = Session(name, home, cluster, recorder)
        self._known: dict[str, int] = {}

    async def run(self, until: trio.Event) -> None:
        """Work until the event is set, then end the current operation and return."""
        rng = self._random
        actions, weights = zip(*ACTIONS, strict=True)
        while not until.is_set():
            key = rng.choice(KEYS[:HOT]) if rng.random() < HOT_SHARE else rng.choice(KEYS)
            action = rng.choices(actions, weights)[0]
            if action in ("update", "delete") and rng.random() < FRESH:
                self._learn(await self._session.run("get", key))
            op = await self._step(action, key)
            self._learn(op)
            unreachable = op.status == 0
            if unreachable and rng.random() < LEAVE:
                await self._session.move(rng.choice(self._cluster.names))
            elif self._session.node != self._home and rng.random() < RETURN:
                await self._session.move(self._home)
            pause = RETRY_SECONDS if unreachable or op.status in (429, 503) else PAUSE_SECONDS
            await trio.sleep(rng.uniform(0, 2 * pause))
        await self._session.close()

    async def _step(self, action: Action, key: str) -> Op:
        if action == "list":
            return await self._session.run("list")
        guard = self._known.get(key)
        if action == "get" or guard is None:
            return await self._session.run("get", key)
        if action == "create" and guard and self._random.random() > BLIND_CREATE:
            action = "update"
        if action == "create" or guard == 0:
            return await self._session.run("create", key)
        return await self._session.run(action, key, guard=guard)

    def _learn(self, op: Op) -> None:
        """What this client now believes about the key; nothing after a surprise."""
        if op.action == "list":
            if op.outcome == "ok":
                shown = {key: revision for key, revision, _ in op.items}
                self._known = {key: shown.get(key, 0) for key in KEYS}
        elif op.outcome == "ok":
            self._known[op.key] = op.revision
        elif op.reason == "absent":
            self._known[op.key] = 0
        else:
            self._known.pop(op.key, None)
