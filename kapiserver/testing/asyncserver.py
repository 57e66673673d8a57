"""`AsyncAPIServer`: the same server for tests that are written with trio or asyncio.

Starting and resetting block for as long as another process takes, so they run in a thread of the
library that calls. Stopping takes some hundredths of a second and is done on the spot: it has to
happen whether or not the test was cancelled.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import TracebackType

from kapiserver.testing.server import APIServer


class AsyncAPIServer(APIServer):
    """`async with AsyncAPIServer() as server:`, and `await server.areset()`."""

    async def __aenter__(self) -> AsyncAPIServer:
        try:
            await _in_thread(self.start)
        except BaseException:
            self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def areset(self) -> None:
        """`reset`, without blocking the loop."""
        await _in_thread(self.reset)


async def _in_thread(blocking: Callable[[], None]) -> None:
    trio = sys.modules.get("trio")  # not imported: tests that do not use it do not load it
    if trio is not None and trio.lowlevel.in_trio_run():
        await trio.to_thread.run_sync(blocking)
    else:
        await asyncio.to_thread(blocking)
