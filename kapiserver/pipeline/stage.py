"""A stage of the pipeline: one decision about a request before a verb may run.

A stage first tries `check`, which may not wait; where it must (a token review, a seat in a queue),
`check` says so by returning False and the dispatcher awaits `wait` instead. Either refuses by
raising ApiError. `done` is called once per stage that let the request through, in reverse order,
with the answer (None: the request was cancelled or is started over).
"""

from __future__ import annotations

from typing import Protocol

from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response


class Stage(Protocol):
    def check(self, context: RequestContext) -> bool: ...

    async def wait(self, context: RequestContext) -> None: ...

    def done(self, context: RequestContext, response: Response | None) -> None: ...


class InstantStage:
    """A base for stages that never wait and have nothing to clean up."""

    def check(self, context: RequestContext) -> bool:
        raise NotImplementedError

    async def wait(self, context: RequestContext) -> None:
        self.check(context)

    def done(self, context: RequestContext, response: Response | None) -> None:
        """Nothing to give back."""
