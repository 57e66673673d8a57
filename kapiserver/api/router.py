"""From a resource request to the verb that answers it.

In: a request context that has passed the stages. Out: a `Response`, at once where nothing has to
be waited for (`answer_now`), or in time (`answer`). What does not exist is 404, what exists but
cannot be asked for that way is 405. No kind is known here: exceptions to the generic verbs are in
tables, keyed by resource.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from kapiserver.api import binding, get, subresources
from kapiserver.api.accept import NotRouted, is_routed
from kapiserver.api.call import Call, Services
from kapiserver.api.create import create
from kapiserver.api.delete import delete
from kapiserver.api.deletecollection import delete_collection
from kapiserver.api.list import list_now, list_objects
from kapiserver.api.negotiation import ROUTED, ROUTED_LISTS
from kapiserver.api.patch import patch
from kapiserver.api.paths import PathNotFound
from kapiserver.api.scope import Scope
from kapiserver.api.update import update
from kapiserver.api.watch import watch
from kapiserver.errors import ApiError, MethodNotAllowed, NotFound
from kapiserver.pipeline.context import RequestContext
from kapiserver.request import Response
from kapiserver.resources.definition import ResourceDefinition, Subresource

Verb = Callable[[Call], Awaitable[Response]]

VERBS: dict[str, Verb] = {
    "create": create,
    "delete": delete,
    "deletecollection": delete_collection,
    "get": get.get,
    "list": list_objects,
    "patch": patch,
    "update": update,
    "watch": watch,
}
# Kinds that are never stored: to create one is to do something.
VIRTUAL: dict[str, Verb] = {"bindings": binding.bind_named}
_NAMED = frozenset(["get", "update", "patch", "delete"])
_ACROSS_NAMESPACES = frozenset(["list", "watch"])


class ResourceRouter:
    """`virtual`: who answers for resources that are computed, by qualified resource name.

    `connect`: who passes requests on to a backend, by (qualified resource name, subresource).
    """

    def __init__(
        self,
        services: Services,
        virtual: Mapping[str, Verb] | None = None,
        connect: Mapping[tuple[str, str], Verb] | None = None,
    ) -> None:
        self._services = services
        self._virtual = {**VIRTUAL, **(virtual or {})}
        self._connect = dict(connect or {})

    def answer_now(self, context: RequestContext) -> Response | None:
        info = context.info
        if info.subresource or info.verb not in ("get", "list"):
            return None
        scope = self._scope(context)
        if scope.definition.virtual or info.verb not in scope.definition.verbs:
            return None
        self._check_place(context, scope)
        _check_route(context, scope)
        call = Call(self._services, context, scope)
        self._announce(call)
        return get.get_now(call) if info.verb == "get" else list_now(call)

    async def answer(self, context: RequestContext) -> Response:
        scope = self._scope(context)
        self._check_place(context, scope)
        verb = self._verb(context, scope)
        _check_route(context, scope)
        call = Call(self._services, context, scope)
        self._announce(call)
        return await verb(call)

    def _scope(self, context: RequestContext) -> Scope:
        info = context.info
        scope = self._services.scopes.lookup(info.group, info.version, info.resource)
        if scope is None or info.verb == "proxy":  # /proxy/ in front: a verb, and no route any more
            raise self._nowhere(info.group)
        return scope

    def _nowhere(self, group: str, scope: Scope | None = None) -> NotFound:
        """Below the built-in groups upstream's router answers, elsewhere nobody does."""
        scopes = self._services.scopes
        custom = group not in scopes.registry.builtin_groups if scope is None else scope.is_custom
        return PathNotFound() if custom else NotFound.resource()

    def _check_place(self, context: RequestContext, scope: Scope) -> None:
        """Cluster-scoped resources are not below a namespace (CVE-2019-11247), others must be."""
        info = context.info
        if info.in_namespace and not scope.definition.namespaced:
            raise self._nowhere(info.group, scope)
        if scope.definition.namespaced and not info.in_namespace:
            if len(info.parts) > 1:
                raise self._nowhere(info.group, scope)
            if "list" not in scope.definition.verbs:
                raise self._nowhere(info.group, scope)
            if info.verb not in _ACROSS_NAMESPACES:
                if scope.is_custom:
                    raise PathNotFound()
                raise MethodNotAllowed()

    def _verb(self, context: RequestContext, scope: Scope) -> Verb:
        info, definition = context.info, scope.definition
        if info.subresource and info.verb != "watch":
            return self._subresource_verb(context, scope)
        if len(info.parts) > 2 or (len(info.parts) == 2 and not _has_named(definition)):
            raise self._nowhere(info.group, scope)
        if info.verb == "watch" and "watch" not in definition.verbs:
            raise self._unwatchable(context, scope)
        verb = VERBS.get(info.verb)
        if verb is None or info.verb not in definition.verbs:
            raise MethodNotAllowed()
        if (len(info.parts) == 2) != (info.verb in _NAMED) and info.verb != "watch":
            raise MethodNotAllowed()
        if definition.virtual:
            virtual = self._virtual.get(definition.resource)
            if virtual is None:
                raise MethodNotAllowed()
            return virtual
        return verb

    def _unwatchable(self, context: RequestContext, scope: Scope) -> ApiError:
        """A list that cannot be watched; below /watch/ there is no path for it."""
        if "watch" not in context.query or "list" not in scope.definition.verbs:
            return self._nowhere(scope.group, scope)
        name = scope.definition.resource
        return MethodNotAllowed(
            f'watch is not supported on resources of kind "{name}"',
            group=scope.group,
            kind=scope.resource,
        )

    def _subresource_verb(self, context: RequestContext, scope: Scope) -> Verb:
        info, definition = context.info, scope.definition
        found = definition.subresource(info.subresource)
        if found is None or (len(info.parts) > 3 and not _is_proxy(found)):
            if scope.is_custom:
                raise NotFound.of(scope.group, scope.resource, info.name)
            raise NotFound.resource()
        place = (definition.resource, found.name)
        if info.verb not in found.verbs:
            if _is_proxy(found) and context.request.method == "OPTIONS" and place in self._connect:
                return self._connect[place]  # a method without a verb, asked of the backend
            raise MethodNotAllowed()
        own = self._connect.get(place) or subresources.HANDLERS.get(place)
        own = own or subresources.HANDLERS.get(("", found.name))
        if own is not None:
            return own
        if found.kind in ("", definition.kind):
            return VERBS[info.verb]  # another way to write the object; hooks see which
        raise MethodNotAllowed()

    def _announce(self, call: Call) -> None:
        call.context.warn(call.scope.version.deprecated)


# Other forms of answers; none: they come from a backend, in whatever form it likes.
_OF_SUBRESOURCES: Mapping[str, tuple[str, ...]] = {
    "log": ("text/plain", *ROUTED),
    **dict.fromkeys(("attach", "exec", "portforward"), ()),
}


def _check_route(context: RequestContext, scope: Scope) -> None:
    """HEAD is authorized as a get, anything below /watch/ as a watch: upstream's routes are GET.
    They name, too, what they produce. Its custom resources have no routes.
    """
    info, request = context.info, context.request
    if info.subresource == "proxy":
        return
    has_method = request.method == "GET" or (request.method != "HEAD" and info.verb != "watch")
    produced: tuple[str, ...] = ROUTED_LISTS if info.verb in _ACROSS_NAMESPACES else ROUTED
    if info.subresource:
        produced = _OF_SUBRESOURCES.get(info.subresource, produced)
    if has_method and (not produced or is_routed(request.header(b"accept"), produced)):
        return
    if not scope.is_custom:
        raise NotRouted(produced) if has_method else MethodNotAllowed()


def _has_named(definition: ResourceDefinition) -> bool:
    """Whether there are paths with the name of an object in them."""
    return not _NAMED.isdisjoint(definition.verbs)


def _is_proxy(subresource: Subresource) -> bool:
    return subresource.name == "proxy"
