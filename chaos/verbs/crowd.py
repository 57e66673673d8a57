"""All of them together: started, worked until the faults are over, then asked what is there."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

import trio

from chaos.cluster import Cluster
from chaos.verbs import kubectl
from chaos.verbs.caller import Caller, Refused
from chaos.verbs.informer import Informer
from chaos.verbs.users import NAMESPACE, Editor, Evictor, Lister, Scaler, Serviced

USERS = (Editor, Editor, Lister, Scaler, Evictor, Serviced)
FINDINGS = 20
"""More of one kind say nothing new."""

Stuck = Callable[[str, str], None]
"""Takes what was found, and the rule that it breaks."""


class Worker(Protocol):
    rounds: int

    async def prepare(self) -> None: ...

    async def round(self) -> None: ...

    async def settle(self) -> None: ...


class Crowd:
    def __init__(
        self, cluster: Cluster, stuck: Stuck, seed: Callable[[str], random.Random]
    ) -> None:
        self._cluster = cluster
        self._stuck = stuck
        self._seed = seed
        self._found = 0
        self.callers: list[Caller] = []
        self.workers: list[Worker] = []
        for number, kind in enumerate(USERS):
            name = f"{kind.__name__.lower()}-{number}"
            self.workers.append(kind(name, self._caller(name), self._lost))
        program = kubectl.find()
        if program is not None:
            self.workers.append(
                kubectl.KubectlUser(program, cluster, self._report, self._lost, seed("kubectl"))
            )
        caller, rng = self._caller("informer"), seed("informer-nodes")
        self.informer = Informer(cluster, caller, self._report, self._lost, rng)

    def _caller(self, name: str) -> Caller:
        caller = Caller(self._cluster, self._report, self._seed(name))
        self.callers.append(caller)
        return caller

    def _report(self, what: str) -> None:
        self._tell(what, "not-retriable")

    def _lost(self, what: str) -> None:
        self._tell(what, "acknowledged-lost")

    def _tell(self, what: str, rule: str) -> None:
        self._found += 1
        if self._found <= FINDINGS:
            self._stuck(what, rule)

    async def run(self, until: trio.Event) -> None:
        """Work until the event is set; then everybody ends a round and looks back."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await self.callers[0].call("POST", "/api/v1/namespaces", namespace, already=(409,))
        async with trio.open_nursery() as watching:
            watching.start_soon(self.informer.run)
            async with trio.open_nursery() as working:
                for worker in self.workers:
                    working.start_soon(self._work, worker, until)
            for worker in self.workers:
                await self._look_back(worker)
            await self._look_back(self.informer)
            self._count()
            watching.cancel_scope.cancel()
        for caller in self.callers:
            await caller.close()

    def _count(self) -> None:
        """A verdict on nothing is worth nothing."""
        for worker in self.workers:
            if not worker.rounds:
                self._stuck(f"{type(worker).__name__} has not finished a round", "not-recovered")
        if not self.informer.watches:
            self._stuck("the informer has not watched anything", "not-recovered")

    async def _work(self, worker: Worker, until: trio.Event) -> None:
        try:
            await worker.prepare()
            while not until.is_set():
                await worker.round()
                worker.rounds += 1
        except Refused:
            return  # reported; what it would do next rests on what it could not do

    async def _look_back(self, worker: Worker | Informer) -> None:
        try:
            await worker.settle()
        except Refused:
            return
