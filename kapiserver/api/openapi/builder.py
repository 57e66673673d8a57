"""OpenAPI documents as bytes, made from parts that are kept.

In: the registry and the schema set. Out: the v2 document and the v3 documents, one per group
version. A part (the paths of one group version) is made again only when that group version
changed; schemas are copied from the schema set as bytes and never parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import orjson

from kapiserver.api.openapi import gnostic, v2, v3
from kapiserver.api.openapi import operations as ops
from kapiserver.resources.definition import ResourceDefinition, Version
from kapiserver.resources.registry import Registry
from kapiserver.resources.schema import SchemaSet
from kapiserver.resources.schema.openapi_forms import references
from kapiserver.resources.schema.source import FORMAT
from kapiserver.version import KUBERNETES_VERSION

RENDERING = 2  # to be raised when documents look different for the same resources

_INFO = {"title": "Kubernetes", "version": KUBERNETES_VERSION}
_BEARER = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "in": "header",
        "name": "authorization",
        "type": "apiKey",
    }
}
_SECURITY: list[dict[str, list[str]]] = [{"BearerToken": []}]


class Part(NamedTuple):
    """Paths as the inside of a JSON object, and the definitions that they need."""

    paths: bytes
    schemas: frozenset[str]
    shared: dict[str, Any]  # v2 only: parameters that stand at the top of the document


class Builder:
    """Makes documents. A document's key is its path below /openapi/v3 (`apis/apps/v1`)."""

    def __init__(self, registry: Registry, schemas: SchemaSet) -> None:
        self._registry = registry
        self._schemas = schemas
        self._parts: dict[tuple[int, str], tuple[str, Part]] = {}

    def document_keys(self) -> Iterator[str]:
        """All documents, in the order of the index."""
        yield "api"
        for version in self._registry.group_versions(""):
            yield f"api/{version}"
        yield "apis"
        for group in self._registry.groups():
            if group:
                yield f"apis/{group}"
                for version in self._registry.group_versions(group):
                    yield f"apis/{group}/{version}"
        yield from _BESIDE

    def fingerprint(self, key: str) -> str:
        """Changes whenever the document does, and costs less than making it."""
        facts: list[Any] = [KUBERNETES_VERSION, FORMAT, RENDERING, key]
        for definition, version in self._served(key):
            facts.append(
                [
                    definition.plural,
                    definition.kind,
                    definition.namespaced,
                    sorted(definition.verbs),
                    [
                        [sub.name, sorted(sub.verbs), sub.group, sub.version, sub.kind]
                        for sub in definition.subresources
                    ],
                    version.schema,
                    version.list_schema,
                ]
            )
            facts.extend(
                self._schemas.openapi(name, 2).decode()
                for name in (version.schema, version.list_schema)
                if self._schemas.is_added(name)
            )
        return hashlib.sha512(orjson.dumps(facts)).hexdigest().upper()

    def v3_document(self, key: str) -> bytes:
        part = self.part(key, 3)
        return b"".join(
            (
                b'{"openapi":"3.0.0","info":',
                orjson.dumps(_INFO),
                b',"paths":{',
                part.paths,
                b'},"components":{"schemas":{',
                self._definitions(part.schemas, 3),
                b'},"securitySchemes":',
                orjson.dumps(_BEARER),
                b'},"security":',
                orjson.dumps(_SECURITY),
                b"}",
            )
        )

    def v2_document(self) -> bytes:
        parts = [self.part(key, 2) for key in self.document_keys()]
        names = frozenset().union(*(part.schemas for part in parts))
        shared: dict[str, Any] = {}
        for part in parts:
            shared.update(part.shared)
        return b"".join(
            (
                b'{"swagger":"2.0","info":',
                orjson.dumps(_INFO),
                b',"paths":{',
                b",".join(part.paths for part in parts),
                b'},"definitions":{',
                self._definitions(names, 2),
                b'},"parameters":',
                orjson.dumps(shared),
                b',"securityDefinitions":',
                orjson.dumps(_BEARER),
                b',"security":',
                orjson.dumps(_SECURITY),
                b"}",
            )
        )

    def v2_messages(self) -> Iterator[bytes]:
        """The same document in protobuf, in pieces of which none takes long to make."""
        shared: dict[str, Any] = {}
        names: set[str] = set()
        for key in self.document_keys():
            part = self.part(key, 2)
            shared.update(part.shared)
            names |= part.schemas
            yield gnostic.encoded({"paths": orjson.loads(b"{%s}" % part.paths)})
        top = {"parameters": shared, "securityDefinitions": _BEARER, "security": _SECURITY}
        yield gnostic.encoded({"swagger": "2.0", "info": _INFO, **top})
        for name in self._schemas.closure(frozenset(names)):
            schema = orjson.loads(self._schemas.openapi(name, 2))
            yield gnostic.encoded({"definitions": {name: schema}})

    def part(self, key: str, version: Literal[2, 3]) -> Part:
        """The paths of one document, made when it changed."""
        fingerprint = self.fingerprint(key)
        kept = self._parts.get((version, key))
        if kept is not None and kept[0] == fingerprint:
            return kept[1]
        items = list(self._items(key))
        shared: dict[str, Any] = {}
        made = v2.paths(items, shared) if version == 2 else v3.paths(items)
        part = Part(orjson.dumps(made)[1:-1], frozenset(references(made)), shared)
        self._parts[version, key] = (fingerprint, part)
        return part

    def forget_gone(self) -> None:
        """Drop the parts of groups and versions that are no longer served."""
        current = set(self.document_keys())
        for place in [place for place in self._parts if place[1] not in current]:
            del self._parts[place]

    def _definitions(self, names: frozenset[str], version: Literal[2, 3]) -> bytes:
        openapi = self._schemas.openapi
        return b",".join(
            b'"%s":%s' % (name.encode(), openapi(name, version))
            for name in self._schemas.closure(names)
        )

    def _served(self, key: str) -> Iterator[tuple[ResourceDefinition, Version]]:
        group, version = _group_version(key)
        if version:
            for definition in self._registry.in_group_version(group, version):
                found = definition.version(version)
                if found is not None:
                    yield definition, found

    def _items(self, key: str) -> Iterator[ops.PathItem]:
        fixed = _FIXED.get(key)
        if fixed is not None:
            yield fixed()
            return
        group, version = _group_version(key)
        if not version:
            yield ops.document_path(
                f"/apis/{group}/",
                f"get{ops.title(group)}APIGroup",
                "get information of a group",
                ops.API_GROUP,
                ops.tag(group),
            )
            return
        yield ops.group_version_path(group, version)
        for definition, served in self._served(key):
            yield from ops.ResourcePaths(self._schemas, definition, served).items()


def _group_version(key: str) -> tuple[str, str]:
    """`apis/apps/v1` -> (apps, v1), `apis/apps` -> (apps, ""), `api/v1` -> ("", v1)."""
    match key.split("/"):
        case ["api", version]:
            return "", version
        case ["apis", group]:
            return group, ""
        case ["apis", group, version]:
            return group, version
    return "", ""


# What is served beside /api and /apis.
_BESIDE = ("version", ".well-known/openid-configuration", "openid/v1/jwks")

_FIXED: dict[str, Callable[[], ops.PathItem]] = {
    "api": lambda: ops.document_path(
        "/api/", "getCoreAPIVersions", "get available API versions", ops.API_VERSIONS, "core"
    ),
    "apis": lambda: ops.document_path(
        "/apis/", "getAPIVersions", "get available API versions", ops.API_GROUP_LIST, "apis"
    ),
    "version": lambda: ops.document_path(
        "/version/",
        "getCodeVersion",
        "get the version of this server",
        ops.VERSION_INFO,
        "version",
        ("application/json",),
    ),
    ".well-known/openid-configuration": lambda: ops.document_path(
        "/.well-known/openid-configuration/",
        "getServiceAccountIssuerOpenIDConfiguration",
        "get what OpenID Connect clients need to know of the issuer of service account tokens",
        ops.TEXT,
        "WellKnown",
        ("application/json",),
    ),
    "openid/v1/jwks": lambda: ops.document_path(
        "/openid/v1/jwks/",
        "getServiceAccountIssuerOpenIDKeyset",
        "get the public keys that verify service account tokens",
        ops.TEXT,
        "openid",
        ("application/jwk-set+json",),
    ),
}
