"""The tasks that make the Raft core go: turns, the log's syncs, snapshot steps.

In: wake-ups (a proposal, a message, a sync that is done, the core's own timer). Out: turns of the
core, batches of the log on disk, messages on their way. There is no polling: a turn runs when
there is something to do or a deadline has come. The log is synced in a worker thread, one batch at
a time, while the loop serves; everything that arrives during a sync goes to disk with the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from raftstore.raft import RaftCore
    from raftstore.wal import Wal

SNAPSHOT_LOOK = 0.1  # how often to look whether a snapshot is due


class Driver:
    def __init__(
        self,
        core: RaftCore,
        wal: Wal,
        *,
        before_turn: Callable[[], None],
        after_turn: Callable[[], None],
    ) -> None:
        self._core = core
        self._wal = wal
        self._before_turn = before_turn
        self._after_turn = after_turn
        self._wake = trio.Event()
        self._dirty = trio.Event()
        self._asleep_until = 0.0
        self._turning = False
        self._syncer = trio.CapacityLimiter(1)  # other users of threads must not delay a sync
        self._snapshot_thread = trio.CapacityLimiter(1)
        self.syncs = 0

    def wake(self) -> None:
        """There is something for the core to do: run it in the next pass of the scheduler, together
        with whatever else arrives in this one."""
        self._wake.set()

    def turn(self) -> None:
        """Run the core now. For inputs that come alone and that somebody waits for."""
        self._turn()
        if self._core.more_work or self._core.next_deadline() < self._asleep_until:
            self._wake.set()

    def _turn(self) -> None:
        if self._turning:
            return  # an earlier turn raised: the node is ending, and that was its last one
        self._turning = True
        self._before_turn()
        self._core.tick()
        self._after_turn()
        if self._wal.dirty:
            self._dirty.set()
        self._turning = False

    async def run_core(self) -> None:
        core = self._core
        while True:
            self._wake = trio.Event()
            self._turn()
            if core.more_work:
                await trio.lowlevel.checkpoint()
            else:
                self._asleep_until = core.next_deadline()
                with trio.move_on_at(self._asleep_until):
                    await self._wake.wait()

    async def sync_log(self) -> None:
        wal = self._wal
        while True:
            await self._dirty.wait()
            self._dirty = trio.Event()
            while (batch := wal.take()) is not None:
                await trio.to_thread.run_sync(wal.write, batch, limiter=self._syncer)
                wal.done(batch)
                self.syncs += 1
                self._core.wal_synced()
                self.turn()

    async def work_on_snapshots(self) -> None:
        """Small steps, each followed by a pause as long as the step took: a snapshot takes at most
        half of the loop. Blocking parts run in a thread."""
        core = self._core
        while True:
            started = trio.current_time()
            more = core.snapshot_step(inline=False)
            job = core.take_job()
            if job is not None:
                await trio.to_thread.run_sync(job.run, limiter=self._snapshot_thread)
                core.job_done(job)
                self.turn()
            elif more:
                await trio.sleep(trio.current_time() - started)
            else:
                await trio.sleep(SNAPSHOT_LOOK)
