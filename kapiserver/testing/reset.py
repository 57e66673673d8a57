"""Back to the state after the start, without a restart. Only servers made for tests have it.

In: the services of a running node; `keep` remembers what is stored at that moment. Out: an answer
to POST on RESET_PATH, after everything stored since is gone and what was there is as it was. It
works on the store below the API: neither finalizers nor admission can hold it up, and every watch
sees the deletions as ordinary events. There is no setting that puts this path on a server: it is
handed to the node by `kapiserver.testing.child` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

from kapiserver.api.call import Services
from kapiserver.api.paths import WaitingPathHandler
from kapiserver.errors import InternalError, MethodNotAllowed, NotFound
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response, json_headers
from kapiserver.storage.codec import Encoded, strip_revision
from kapiserver.storage.errors import as_status
from kapiserver.storage.keys import ROOT
from kapiserver.testing.files import RESET_PATH, RESET_SEGMENT
from raftstore import Store
from raftstore.types import Delete, Op, Put, prefix_end

# One transaction holds the loop for as long as it is applied.
OPERATIONS = 500
# Controllers may be writing meanwhile; what they were about dies with the first round.
ROUNDS = 10

_NO_REVISION = b'"resourceVersion":""'


class Reset:
    """`paths` is for `run_node`; call `keep` when the node is ready."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._kept: dict[bytes, Encoded] = {}

    def paths(self, services: Services) -> Mapping[str, WaitingPathHandler]:
        self._store = services.scopes.storage.backend
        return {RESET_SEGMENT: self._respond}

    def keep(self) -> None:
        """What is stored now is what a reset goes back to."""
        self._kept = dict(self._stored())

    def _stored(self) -> Iterator[tuple[bytes, Encoded]]:
        assert self._store is not None
        for kv in self._store.range_local(ROOT, prefix_end(ROOT)).kvs:
            yield kv.key, _without_revision(kv.value)

    async def _respond(self, context: RequestContext) -> Response:
        """Raises ApiError. Who may do this was decided before (system:masters)."""
        if context.request.path != RESET_PATH:
            raise NotFound.resource()
        if context.request.method != "POST":
            raise MethodNotAllowed()
        changed = await self._run()
        return Response(200, json_headers(), orjson.dumps({"objects": changed}))

    async def _run(self) -> int:
        """Returns how many objects were deleted or restored."""
        assert self._store is not None
        changed = 0
        for _ in range(ROUNDS):
            with as_status():
                await self._store.read_barrier()
            operations = list(self._difference())
            if not operations:
                return changed
            changed += len(operations)
            for start in range(0, len(operations), OPERATIONS):
                with as_status():
                    await self._store.txn((), operations[start : start + OPERATIONS])
        raise InternalError(f"something writes as fast as it is deleted, after {ROUNDS} rounds")

    def _difference(self) -> Iterator[Op]:
        """What has to be done to be as it was."""
        missing = dict(self._kept)
        for key, value in self._stored():
            kept = missing.pop(key, None)
            if kept is None:
                yield Delete(key)
            elif kept != value:
                yield Put(key, kept.value, 0, kept.stamp)
        for key, kept in missing.items():
            yield Put(key, kept.value, 0, kept.stamp)


def _without_revision(value: bytes) -> Encoded:
    """What was encoded when it was written; what is no object has no revision in it."""
    if not value.startswith(b'{"kind":'):
        return Encoded(value, -1)
    stripped = strip_revision(value)
    return Encoded(stripped, stripped.index(_NO_REVISION) + len(_NO_REVISION) - 1)
