"""Who did what, when, and what came of it: one event per finished request, to every sink.

The stage stands behind authn, so that an event knows its user. Without sinks it costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import Response, UserInfo


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A finished request (stage ResponseComplete; for a watch, its start)."""

    audit_id: str
    at: float
    user: UserInfo
    verb: str
    path: str
    group: str
    version: str
    namespace: str
    resource: str
    subresource: str
    name: str
    status: int
    impersonated: UserInfo | None = None  # who the user acted as


# Called in the request's task: a sink takes the event and returns; it must not wait.
Sink = Callable[[AuditEvent], None]


class Audit(InstantStage):
    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def check(self, context: RequestContext) -> bool:
        return True

    def done(self, context: RequestContext, response: Response | None) -> None:
        if not self._sinks or response is None:
            return
        info = context.info
        event = AuditEvent(
            context.audit_id.decode("latin-1"),
            time.time(),
            context.impersonator or context.user,
            info.verb,
            info.path,
            info.group,
            info.version,
            info.namespace,
            info.resource,
            info.subresource,
            info.name,
            response.status,
            context.user if context.impersonator is not None else None,
        )
        for sink in self._sinks:
            sink(event)
