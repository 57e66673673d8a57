"""Admission: plugins that may change a write, then plugins that may refuse it.

In: `Attributes` of one write, with the decoded object in its stored version (None on delete) and
the true old object. Out: the object changed in place, or ApiError. Mutation runs before the
resource's own validation, validation after it; both see every attempt of a retried write.

A plugin says by rules which writes it cares about. The chain looks up once who cares about a write,
so that a write nobody cares about costs one look into a dict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from time import perf_counter
from typing import NamedTuple

from kapiserver.authz.authorizer import Authorizer
from kapiserver.errors import ApiError
from kapiserver.histogram import Histogram
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, ResourceDefinition
from kapiserver.storage import StoredObject

CREATE, UPDATE, DELETE, CONNECT = "CREATE", "UPDATE", "DELETE", "CONNECT"
OPERATIONS = (CREATE, UPDATE, DELETE, CONNECT)


@dataclass(slots=True)
class Attributes:
    """One write as admission sees it. `name` is empty while a name is still to be generated.

    `depends_on`: an object (the namespace) that has to be at the same revision when the write is
    carried out, because a plugin admitted the write on its ground. `authorizer` knows what else
    the user may do; None: the server itself writes. `verb` is the request's own.
    """

    operation: str
    definition: ResourceDefinition
    version: str
    namespace: str
    name: str
    subresource: str
    user: UserInfo
    dry_run: bool
    obj: Object | None = None
    old: Object | None = None
    authorizer: Authorizer | None = None
    depends_on: StoredObject | None = None
    verb: str = ""


class Phase(Enum):
    MUTATE = "admit"
    VALIDATE = "validate"


Admit = Callable[[Attributes], Awaitable[None]]


class Rule(NamedTuple):
    """What a plugin does, and to which writes. `resources` are like `pods` or
    `certificatesigningrequests.certificates.k8s.io/approval`; without any: to all.

    `admit` raises ApiError (Forbidden, mostly) to refuse. `plugin`: the name under which its time
    is counted; without one it is not.
    """

    phase: Phase
    operations: tuple[str, ...]
    resources: tuple[str, ...]
    admit: Admit
    plugin: str = ""


# Upper bounds in seconds of how long plugins take.
BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)


class Timed(NamedTuple):
    """What was timed: a plugin, or (without a name) all of a phase together."""

    plugin: str
    operation: str
    rejected: bool
    phase: Phase


class AdmissionChain:
    """The rules of all plugins, in order."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        listed = tuple(rules)
        self._interested = {
            phase: _Interested([rule for rule in listed if rule.phase is phase]) for phase in Phase
        }
        self.times: dict[Timed, Histogram] = {}

    async def mutate(self, attributes: Attributes) -> None:
        await self._run(Phase.MUTATE, attributes)

    async def validate(self, attributes: Attributes) -> None:
        await self._run(Phase.VALIDATE, attributes)

    async def _run(self, phase: Phase, attributes: Attributes) -> None:
        rules = self._interested[phase].in_write(attributes)
        if not rules:
            return
        operation = attributes.operation
        started = before = perf_counter()
        for rule in rules:
            try:
                await rule.admit(attributes)
            except ApiError:
                self._observe(Timed(rule.plugin, operation, True, phase), before)
                self._observe(Timed("", operation, True, phase), started)
                raise
            before = self._observe(Timed(rule.plugin, operation, False, phase), before)
        self._observe(Timed("", operation, False, phase), started)

    def _observe(self, timed: Timed, since: float) -> float:
        histogram = self.times.get(timed)
        if histogram is None:
            histogram = self.times[timed] = Histogram(BUCKETS)
        now = perf_counter()
        histogram.observe(now - since)
        return now


class _Interested:
    """Who cares about which writes, looked up by operation and resource."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        named = {resource for rule in rules for resource in rule.resources}
        self._in_all: Mapping[str, tuple[Rule, ...]] = {
            operation: tuple(
                rule for rule in rules if operation in rule.operations and not rule.resources
            )
            for operation in OPERATIONS
        }
        self._in_some: Mapping[tuple[str, str], tuple[Rule, ...]] = {
            (operation, resource): tuple(
                rule
                for rule in rules
                if operation in rule.operations
                and (not rule.resources or resource in rule.resources)
            )
            for operation in OPERATIONS
            for resource in named
        }

    def in_write(self, attributes: Attributes) -> tuple[Rule, ...]:
        resource = attributes.definition.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        operation = attributes.operation
        found = self._in_some.get((operation, resource))
        return self._in_all[operation] if found is None else found
