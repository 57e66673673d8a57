"""One call of a verb: the request, the scope it is about, and the server parts a verb uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kapiserver.admission.chain import AdmissionChain
from kapiserver.admission.chain import Attributes as AdmissionAttributes
from kapiserver.api.companion import Companion
from kapiserver.api.scope import Scope, Scopes
from kapiserver.authz.authorizer import Authorizer, Decision, attributes_of, forbidden
from kapiserver.errors import NotFound
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.request_info import RequestInfo
from kapiserver.request import Connection, Request, UserInfo
from kapiserver.resources.definition import Object, WriteContext

WATCH_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share. By resource: `lifetimes`, seconds after which its objects expire, and
    `companions`, which are asked what is written together with its objects. `watch_seconds`: how
    long a watch lasts at least, and half of the most, if the client does not say; 0: for ever."""

    scopes: Scopes
    admission: AdmissionChain
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    companions: Mapping[str, Companion] = field(default_factory=dict)
    authorizer: Authorizer | None = None  # None: for the server's own calls
    watch_seconds: float = WATCH_SECONDS


def internal_call(
    services: Services,
    scope: Scope,
    user: UserInfo,
    verb: str,
    namespace: str,
    name: str,
    subresource: str = "",
) -> Call:
    """A call that the server makes itself (controllers): no client, no body, no stages."""
    info = RequestInfo("", verb, {})
    info.is_resource_request = True
    info.group, info.version = scope.group, scope.version.name
    info.resource, info.namespace, info.name = scope.resource, namespace, name
    info.subresource = subresource
    info.parts = (scope.resource, name) if name else (scope.resource,)
    request = Request("", "", b"", (), Connection(None, None, None), "", None)
    context = RequestContext(request, info)
    context.user = user
    return Call(services, context, scope)


class Call:
    """The arguments of a verb."""

    __slots__ = ("context", "namespace", "scope", "services", "subresource")

    def __init__(self, services: Services, context: RequestContext, scope: Scope) -> None:
        self.services = services
        self.context = context
        self.scope = scope
        self.subresource = context.info.subresource
        self.namespace = context.info.namespace if scope.definition.namespaced else ""

    @property
    def name(self) -> str:
        return self.context.info.name

    @property
    def companion(self) -> Companion | None:
        """What is to be asked about what is written together with the objects of the scope."""
        return self.services.companions.get(self.scope.definition.resource)

    def size_with(self, stored: int = 0) -> int:
        """How much there is to work on: what the client has sent, and what there was before. What
        is known of a custom type may change while others work, so that this must not wait."""
        return 0 if self.scope.is_custom else self.context.request.body_size + stored

    def not_found(self, name: str | None = None) -> NotFound:
        return NotFound.of(self.scope.group, self.scope.resource, name or self.name)

    def require(self, verb: str) -> None:
        """Forbidden unless the user may do this as well: a PUT or PATCH that creates."""
        authorizer = self.services.authorizer
        if authorizer is None:
            return
        attributes = replace(attributes_of(self.context), verb=verb)
        decision, reason = authorizer.authorize(attributes)
        if decision is not Decision.ALLOW:
            raise forbidden(attributes, reason)

    def write_context(self, *, dry_run: bool, old: Object | None = None) -> WriteContext:
        return WriteContext(self.context.user, self.namespace, self.subresource, dry_run, old)

    def admission_attributes(
        self,
        operation: str,
        name: str,
        *,
        dry_run: bool,
        obj: Object | None = None,
        old: Object | None = None,
    ) -> AdmissionAttributes:
        return AdmissionAttributes(
            operation,
            self.scope.definition,
            self.scope.version.name,
            self.namespace,
            name,
            self.subresource,
            self.context.user,
            dry_run,
            obj,
            old,
            self.services.authorizer,
            verb=self.context.info.verb,
        )
