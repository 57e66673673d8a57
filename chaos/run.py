"""One run: a cluster, clients, faults for so many minutes, then rest, final reads and a verdict.

In: a scenario, a duration, a seed, a folder. Out: the folder with history.jsonl, report.html and
(if asked for or needed) the cluster's folder with its logs; and the verdict. The seed fixes what
clients and faults choose; what the machine makes of it differs from run to run, which is why the
history is kept.
"""

from __future__ import annotations

import itertools
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from chaos.checker import Verdict, judge
from chaos.cluster import Cluster, ClusterError, running_cluster
from chaos.faults.scene import Scene
from chaos.history import Header, History, HistoryWriter, Stuck
from chaos.monitor import Monitor
from chaos.recorder import Recorder
from chaos.report import write_report
from chaos.scenarios import Scenario
from chaos.verbs.crowd import Crowd
from chaos.workload.objects import NAMESPACE
from chaos.workload.session import Session
from chaos.workload.watchers import Watcher
from chaos.workload.writers import Writer

WRITERS = 9
WARM_UP_SECONDS = 2.0
CALM_SECONDS = (1.0, 3.0)
RECOVERY_SECONDS = 30.0
LAST_KEY = "the-last-write"

Progress = Callable[[Cluster, Recorder, Monitor, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    folder: Path
    history: History
    verdict: Verdict


async def run_scenario(
    scenario: Scenario,
    *,
    seconds: float,
    seed: int,
    folder: Path,
    keep: bool,
    progress: Progress,
) -> Result:
    """`folder` is there. Raises ClusterError if not even the untroubled cluster starts."""
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    async with running_cluster(folder / "cluster") as cluster:
        header = Header(scenario.name, seed, cluster.names, seconds, started)
        with HistoryWriter(folder / "history.jsonl", header) as writer:
            run = _Run(scenario, seconds, seed, cluster, Recorder(writer), progress)
            await run.run()
            history = writer.history
    verdict = judge(history)
    write_report(folder / "report.html", history, verdict)
    if verdict.good and not keep:
        shutil.rmtree(folder / "cluster")
    return Result(folder, history, verdict)


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        seconds: float,
        seed: int,
        cluster: Cluster,
        recorder: Recorder,
        progress: Progress,
    ) -> None:
        self.scenario = scenario
        self.seconds = seconds
        self.seed = seed
        self.cluster = cluster
        self.recorder = recorder
        self.monitor = Monitor(cluster, recorder)
        self.progress = progress
        self.watchers: list[Watcher] = []

    def _random(self, what: str) -> random.Random:
        """Independent of how often others draw."""
        return random.Random(f"{self.seed}/{what}")

    def _stuck(self, what: str, rule: str = "not-recovered") -> None:
        self.recorder.add(Stuck(self.recorder.now(), what, rule))

    async def run(self) -> None:
        await self._make_namespace()
        async with trio.open_nursery() as background:
            background.start_soon(self.monitor.run)
            background.start_soon(self._show)
            background.start_soon(self._watch_processes)
            for name, home in [(f"watch-{n}", n) for n in self.cluster.names] + [("roam", None)]:
                watcher = Watcher(name, home, self.cluster, self.recorder, self._random(name))
                self.watchers.append(watcher)
                background.start_soon(watcher.run)
            await self._load_and_faults()
            await self._finish()
            background.cancel_scope.cancel()

    async def _make_namespace(self) -> None:
        status: int = 0
        answer: Any = {}
        with trio.move_on_after(RECOVERY_SECONDS):
            while True:
                body = {"metadata": {"name": NAMESPACE}}
                status, answer = await self.cluster.call(
                    self.cluster.names[0], "POST", "/api/v1/namespaces", body
                )
                if status in (201, 409):
                    return
                await trio.sleep(0.2)
        raise ClusterError(f"cannot make the namespace {NAMESPACE}: {status} {answer}")

    async def _load_and_faults(self) -> None:
        stop = trio.Event()
        async with trio.open_nursery() as clients:
            for i in range(WRITERS):
                name, home = f"c{i}", self.cluster.names[i % len(self.cluster.names)]
                writer = Writer(name, home, self.cluster, self.recorder, self._random(name))
                clients.start_soon(writer.run, stop)
            if self.scenario.every_verb:
                clients.start_soon(Crowd(self.cluster, self._stuck, self._random).run, stop)
            try:
                await self._inject()
                await self.cluster.heal(self._random("heal"))
            except ClusterError as error:
                self._stuck(str(error))
            await self._recovered()
            stop.set()

    async def _inject(self) -> None:
        """Faults, one after another, for the run's time."""
        rng = self._random("faults")
        hold = (min(2.0, self.seconds / 10), min(6.0, self.seconds / 5))
        scene = Scene(self.cluster, self.recorder, rng, hold)
        until = trio.current_time() + self.seconds
        await trio.sleep(min(WARM_UP_SECONDS, self.seconds / 5))
        while trio.current_time() < until and self.scenario.faults:
            await rng.choice(self.scenario.faults)(scene)
            await trio.sleep(rng.uniform(*CALM_SECONDS))
        await trio.sleep_until(until)

    async def _recovered(self) -> None:
        """With all faults over, every node has to take a write within the time given."""
        deadline = trio.current_time() + RECOVERY_SECONDS
        async with trio.open_nursery() as nursery:
            for node in self.cluster.names:
                nursery.start_soon(self._recovers, node, deadline)

    async def _recovers(self, node: str, deadline: float) -> None:
        session = Session(f"recovery-{node}", node, self.cluster, self.recorder)
        # no cancel scope: a write that is cut off would be one that nobody recorded
        while not await self._takes_a_write(session, f"recovery-{node}"):
            if trio.current_time() > deadline:
                seconds = f"{RECOVERY_SECONDS:.0f} s"
                self._stuck(f"{node} took no write within {seconds} of the last fault's end")
                break
            await trio.sleep(0.2)
        await session.close()

    async def _takes_a_write(self, session: Session, key: str) -> bool:
        op = await session.run("create", key)
        return op.outcome == "ok" or op.reason == "exists"

    async def _finish(self) -> None:
        """No client writes any more: one last write, which every watch must show, then reads."""
        last = await self._last_write()
        async with trio.open_nursery() as nursery:
            for watcher in self.watchers:
                nursery.start_soon(self._catch_up, watcher, last)
        for name in self.cluster.names:
            session = Session(f"final-{name}", name, self.cluster, self.recorder)
            op = await session.run("list", final=True, timeout=15.0)
            if op.outcome != "ok":
                self._stuck(f"{name} does not answer the final read: {op.status} {op.reason}")
            await session.close()
        if not await self.monitor.rest():
            self._stuck("the nodes do not come to rest at the same index")
        for node in self.cluster.nodes.values():
            traceback = node.traceback()
            if traceback:
                self._stuck(
                    f"{node.name} logged an error of the program: {traceback}", "node-failed"
                )

    async def _last_write(self) -> int:
        """Its revision is above all others'; 0 if it cannot be written."""
        deadline = trio.current_time() + RECOVERY_SECONDS
        for attempt in itertools.count():
            node = self.cluster.names[attempt % len(self.cluster.names)]
            session = Session("last", node, self.cluster, self.recorder)
            op = await session.run("create", f"{LAST_KEY}-{attempt}")
            await session.close()
            if op.outcome == "ok":
                return op.revision
            if trio.current_time() > deadline:
                break
            await trio.sleep(0.5)
        self._stuck("the last write does not succeed")
        return 0

    async def _catch_up(self, watcher: Watcher, last: int) -> None:
        if not await watcher.caught_up(last):
            text = f"{watcher.name} has seen {watcher.position} of {last} when all was quiet"
            self._stuck(text)

    async def _watch_processes(self) -> None:
        """A node that ends though nothing was done to it is a finding."""
        reported: set[str] = set()
        while True:
            for node in self.cluster.nodes.values():
                if not node.crashed:
                    reported.discard(node.name)
                elif node.name not in reported:
                    reported.add(node.name)
                    status = node.exit_status
                    text = f"{node.name} ended by itself with status {status}: {node.log_tail()}"
                    self._stuck(text, "node-failed")
            await trio.sleep(0.1)

    async def _show(self) -> None:
        while True:
            self.progress(self.cluster, self.recorder, self.monitor, self.seconds)
            await trio.sleep(1.0)
