"""What this server serves, for clients that ask: the old documents and the aggregated one.

In: the registry. Out: /api, /apis, /apis/{group}, /api/v1 and /apis/{group}/{version}, in the field
order of upstream's Go structs, as bytes that are kept until the registry changes. Nothing waits.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kapiserver.api.documents import Document, answer, check_route, document
from kapiserver.api.negotiation import (
    JSON,
    PROTOBUF,
    ROUTED,
    Output,
    negotiate,
    negotiate_as,
    wants_pretty,
)
from kapiserver.api.render import encode
from kapiserver.errors import NotFound
from kapiserver.pipeline.query import parse_query
from kapiserver.request import Request, Response
from kapiserver.resources.definition import ResourceDefinition, Subresource
from kapiserver.resources.protobuf import Encoder
from kapiserver.resources.registry import Registry

AGGREGATED_GROUP = "apidiscovery.k8s.io"
AGGREGATED_VERSION = "v2"
AGGREGATED_KIND = "APIGroupDiscoveryList"
_PUBLIC = ((b"cache-control", b"public"),)
# Documents kept: a few forms of each group and version, and one /api for each address of ours.
_MOST = 4096

_Key = tuple[str, ...]


class Discovery:
    """Answers discovery requests. `server_address`: host:port for /api, when it is not the one
    that the client connected to. `encoder` writes the old documents in protobuf."""

    def __init__(
        self, registry: Registry, server_address: str = "", encoder: Encoder | None = None
    ) -> None:
        self._registry = registry
        self._encoder = encoder
        self._server_address = server_address
        self._generation = -1
        self._documents: dict[_Key, Document | None] = {}

    def respond(self, parts: Sequence[str], request: Request) -> Response | None:
        """Answer a path given as its segments (`("apis", "apps", "v1")`).

        None: not a discovery path, or a group that is not served. Raises NotAcceptable,
        MethodNotAllowed, and NotFound below what upstream's router has. The list of groups and the
        groups themselves are not behind that router: any method gets them.
        """
        match parts:
            case ["api"]:
                check_route(request, ROUTED)
                address = self._address(request)
                return self._root("api", request, lambda: api_versions(self._registry, address))
            case ["apis"]:
                return self._root("apis", request, lambda: group_list(self._registry))
            case ["api", version]:
                return self._resources("", version, request)
            case ["apis", group] if group:
                return self._legacy(
                    ("group", group), request, lambda: group_document(self._registry, group)
                )
            case ["apis", group, version]:
                return self._resources(group, version, request)
            case ["api", *_]:
                raise NotFound.resource()
            case ["apis", group, *_] if group in self._registry.builtin_groups:
                raise NotFound.resource()
        return None

    def _root(
        self, root: str, request: Request, make: Callable[[], dict[str, Any] | None]
    ) -> Response | None:
        accept = request.header(b"accept") or b""
        media_type = negotiate_as(accept, AGGREGATED_GROUP, AGGREGATED_VERSION, AGGREGATED_KIND)
        if media_type and (media_type != PROTOBUF or self._encoder is not None):
            return answer(
                request, self._aggregated(root, self._output(request, media_type)), _PUBLIC
            )
        key = (root, self._address(request)) if root == "api" else (root,)
        return self._legacy(key, request, make)

    def _resources(self, group: str, version: str, request: Request) -> Response | None:
        def make() -> dict[str, Any] | None:
            return resource_list(self._registry, group, version)

        routed = group in self._registry.builtin_groups
        if routed:
            if version not in self._registry.group_versions(group):
                raise NotFound.resource()
            check_route(request, ROUTED)
        return self._legacy(("resources", group, version), request, make)

    def _address(self, request: Request) -> str:
        server = request.connection.server
        if self._server_address or server is None:
            return self._server_address
        host, port = server
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _output(self, request: Request, media_type: str) -> Output:
        pretty = parse_query(request.query).get("pretty", [""])[0]
        return Output(
            media_type,
            media_type == JSON and wants_pretty(pretty, request.header(b"user-agent")),
            encoder=self._encoder if media_type == PROTOBUF else None,
        )

    def _aggregated(self, root: str, output: Output) -> Document:
        def make() -> Document:
            groups = [""] if root == "api" else _named_groups(self._registry)
            body = {
                "kind": AGGREGATED_KIND,
                "apiVersion": f"{AGGREGATED_GROUP}/{AGGREGATED_VERSION}",
                "metadata": {},
                "items": [aggregated_group(self._registry, group) for group in groups],
            }
            content_type = (
                f"{output.media_type};g={AGGREGATED_GROUP};v={AGGREGATED_VERSION};"
                f"as={AGGREGATED_KIND}"
            )
            return document(encode(body, output), content_type.encode())

        found = self._kept(("aggregated", root, *_form(output)), make)
        assert found is not None, "make never says that there is none"
        return found

    def _legacy(
        self, key: _Key, request: Request, make: Callable[[], dict[str, Any] | None]
    ) -> Response | None:
        accept = request.header(b"accept") or b""
        found = negotiate(accept, convertible=False, protobuf=self._encoder is not None)
        output = self._output(request, found.media_type)
        if found.pretty:
            output = replace(output, pretty=True)

        def made() -> Document | None:
            body = make()
            if body is None:
                return None
            return document(encode(body, output), output.content_type)

        kept = self._kept((*key, *_form(output)), made)
        return None if kept is None else answer(request, kept)

    def _kept(self, key: _Key, make: Callable[[], Document | None]) -> Document | None:
        if self._generation != self._registry.generation or len(self._documents) >= _MOST:
            self._documents.clear()
            self._generation = self._registry.generation
        try:
            return self._documents[key]
        except KeyError:
            found = make()
            if found is not None:  # what clients make up is not worth remembering
                self._documents[key] = found
            return found


def _form(output: Output) -> _Key:
    return (output.media_type, "pretty" if output.pretty else "")


# --- documents: registry -> plain data ---------------------------------------------------------


def _named_groups(registry: Registry) -> list[str]:
    return [group for group in registry.groups() if group]


def _group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def api_versions(registry: Registry, address: str) -> dict[str, Any]:
    return {
        "kind": "APIVersions",
        "versions": list(registry.group_versions("")),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(registry: Registry) -> dict[str, Any]:
    groups = [_group(registry, group) for group in _named_groups(registry)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group_document(registry: Registry, group: str) -> dict[str, Any] | None:
    if not registry.group_versions(group):
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)}


def _group(registry: Registry, group: str) -> dict[str, Any]:
    versions = [
        {"groupVersion": _group_version(group, version), "version": version}
        for version in registry.group_versions(group)
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def resource_list(registry: Registry, group: str, version: str) -> dict[str, Any] | None:
    if version not in registry.group_versions(group):
        return None
    resources: list[dict[str, Any]] = []
    for definition in registry.in_group_version(group, version):
        resources.append(_resource(definition))
        resources.extend(_legacy_subresource(definition, sub) for sub in _subresources(definition))
    out: dict[str, Any] = {"kind": "APIResourceList"}
    if group:  # the core group's list never had it
        out["apiVersion"] = "v1"
    return {**out, "groupVersion": _group_version(group, version), "resources": resources}


def _subresources(definition: ResourceDefinition) -> list[Subresource]:
    return sorted(definition.subresources, key=lambda sub: sub.name)


def _resource(definition: ResourceDefinition) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": definition.plural,
        "singularName": definition.singular,
        "namespaced": definition.namespaced,
        "kind": definition.kind,
        "verbs": sorted(definition.verbs),
    }
    if definition.short_names:
        out["shortNames"] = list(definition.short_names)
    if definition.categories:
        out["categories"] = list(definition.categories)
    if not definition.virtual:
        out["storageVersionHash"] = storage_version_hash(definition)
    return out


def _legacy_subresource(definition: ResourceDefinition, sub: Subresource) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": f"{definition.plural}/{sub.name}",
        "singularName": "",
        "namespaced": definition.namespaced,
    }
    if sub.group:
        out["group"] = sub.group
    if sub.version:
        out["version"] = sub.version
    return {**out, "kind": sub.kind or definition.kind, "verbs": sorted(sub.verbs)}


def storage_version_hash(definition: ResourceDefinition) -> str:
    """Opaque to clients: equal as long as objects are stored in the same group version kind."""
    group = definition.group if definition.storage_group is None else definition.storage_group
    version = definition.hash_version or definition.storage_version
    stored_as = f"{group}/{version}/{definition.kind}"
    return base64.b64encode(hashlib.sha256(stored_as.encode()).digest()[:8]).decode()


def aggregated_group(registry: Registry, group: str) -> dict[str, Any]:
    return {
        "metadata": {"name": group} if group else {},
        "versions": [
            {
                "version": version,
                "resources": [
                    _aggregated_resource(definition)
                    for definition in registry.in_group_version(group, version)
                ],
                "freshness": "Current",
            }
            for version in registry.group_versions(group)
        ],
    }


def _response_kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}


def _aggregated_resource(definition: ResourceDefinition) -> dict[str, Any]:
    out: dict[str, Any] = {
        "resource": definition.plural,
        # An empty group and version mean: those of the list.
        "responseKind": _response_kind("", "", definition.kind),
        "scope": "Namespaced" if definition.namespaced else "Cluster",
        "singularResource": definition.singular,
        "verbs": sorted(definition.verbs),
    }
    if definition.short_names:
        out["shortNames"] = list(definition.short_names)
    if definition.categories:
        out["categories"] = list(definition.categories)
    if definition.subresources:
        out["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": _response_kind(sub.group, sub.version, sub.kind or definition.kind),
                "verbs": sorted(sub.verbs),
            }
            for sub in _subresources(definition)
        ]
    return out
