"""NamespaceLifecycle: nothing is created in a namespace that does not exist or is going away, and
the namespaces that the system lives in cannot be deleted."""

from __future__ import annotations

from kapiserver.admission.chain import CREATE, DELETE, Attributes, Phase, Rule
from kapiserver.admission.plugin import Known
from kapiserver.errors import Cause, Forbidden, NotFound, qualified
from kapiserver.storage import StoredObject

PROTECTED = frozenset(["default", "kube-system", "kube-public"])
TERMINATING = "NamespaceTerminating"

# Access reviews are questions about a namespace, not content of it.
_QUESTIONS = frozenset(["localsubjectaccessreviews.authorization.k8s.io"])


class NamespaceLifecycle:
    def __init__(self, known: Known) -> None:
        self._known = known

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule(Phase.MUTATE, (DELETE,), ("namespaces",), self._protect),
            Rule(Phase.MUTATE, (CREATE,), (), self._look_up),
            Rule(Phase.VALIDATE, (CREATE,), (), self._look_again),
        )

    async def _protect(self, attributes: Attributes) -> None:
        if attributes.name in PROTECTED:
            raise Forbidden(
                f'namespaces "{attributes.name}" is forbidden: this namespace may not be deleted',
                name=attributes.name,
                kind="namespaces",
            )

    async def _look_up(self, attributes: Attributes) -> None:
        if _needs_namespace(attributes):
            store = self._known.store("", "namespaces")
            # what this node has is enough to say yes; only a no is worth a round trip
            found = store.get_now("", attributes.namespace)
            await self._admit(attributes, found)

    async def _look_again(self, attributes: Attributes) -> None:
        """When the namespace has changed since (`depends_on` was taken back)."""
        if _needs_namespace(attributes) and attributes.depends_on is None:
            await self._admit(attributes, None)

    async def _admit(self, attributes: Attributes, known: StoredObject | None) -> None:
        namespace = attributes.namespace
        found = known or await self._known.store("", "namespaces").get("", namespace)
        if found is None:
            raise NotFound.of("", "namespaces", namespace)
        if found.is_terminating:
            raise _refusal(attributes)
        attributes.depends_on = found


def _needs_namespace(attributes: Attributes) -> bool:
    definition = attributes.definition
    return definition.namespaced and definition.resource not in _QUESTIONS


def _refusal(attributes: Attributes) -> Forbidden:
    definition, namespace = attributes.definition, attributes.namespace
    who = qualified(definition.group, definition.plural)
    if attributes.name:
        who += f' "{attributes.name}"'
    return Forbidden(
        f"{who} is forbidden: unable to create new content in namespace {namespace} because it is "
        "being terminated",
        name=attributes.name,
        group=definition.group,
        kind=definition.plural,
        causes=[
            Cause(TERMINATING, f"namespace {namespace} is being terminated", "metadata.namespace")
        ],
    )
