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
from typing import NamedTuple

from kapiserver.authz.authorizer import Authorizer
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
    MUTATE = "mutate"
    VALIDATE = "validate"


Admit = Callable[[Attributes], Awaitable[None]]


class Rule(NamedTuple):
    """What a plugin does, and to which writes. `resources` are like `pods` or
    `certificatesigningrequests.certificates.k8s.io/approval`; without any: to all.

    `admit` raises ApiError (Forbidden, mostly) to refuse.
    """

    phase: Phase
    operations: tuple[str, ...]
    resources: tuple[str, ...]
    admit: Admit


class AdmissionChain:
    """The rules of all plugins, in order."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        listed = tuple(rules)
        self._mutating = _Interested([rule for rule in listed if rule.phase is Phase.MUTATE])
        self._validating = _Interested([rule for rule in listed if rule.phase is Phase.VALIDATE])

    async def mutate(self, attributes: Attributes) -> None:
        for admit in self._mutating.in_write(attributes):
            await admit(attributes)

    async def validate(self, attributes: Attributes) -> None:
        for admit in self._validating.in_write(attributes):
            await admit(attributes)


class _Interested:
    """Who cares about which writes, looked up by operation and resource."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        named = {resource for rule in rules for resource in rule.resources}
        self._in_all: Mapping[str, tuple[Admit, ...]] = {
            operation: tuple(
                rule.admit for rule in rules if operation in rule.operations and not rule.resources
            )
            for operation in OPERATIONS
        }
        self._in_some: Mapping[tuple[str, str], tuple[Admit, ...]] = {
            (operation, resource): tuple(
                rule.admit
                for rule in rules
                if operation in rule.operations
                and (not rule.resources or resource in rule.resources)
            )
            for operation in OPERATIONS
            for resource in named
        }

    def in_write(self, attributes: Attributes) -> tuple[Admit, ...]:
        resource = attributes.definition.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        operation = attributes.operation
        found = self._in_some.get((operation, resource))
        return self._in_all[operation] if found is None else found
