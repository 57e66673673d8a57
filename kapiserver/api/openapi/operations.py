"""What can be asked of each resource: paths and operations, in no particular OpenAPI version.

In: definitions and the schema set. Out: `PathItem`s; `v2` and `v3` write them down. Names of
operations follow upstream, because generated clients are named after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kapiserver.api.body_type import subresource_schema
from kapiserver.api.openapi import parameters as p
from kapiserver.resources.definition import ResourceDefinition, Subresource, Version
from kapiserver.resources.schema import SchemaSet

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
STATUS = _META + "Status"
PATCH = _META + "Patch"
DELETE_OPTIONS = _META + "DeleteOptions"
API_VERSIONS = _META + "APIVersions"
API_GROUP_LIST = _META + "APIGroupList"
API_GROUP = _META + "APIGroup"
API_RESOURCE_LIST = _META + "APIResourceList"
VERSION_INFO = "io.k8s.apimachinery.pkg.version.Info"
TEXT = "string"  # in place of a schema's name: the answer is text

WATCH_EVENT = _META + "WatchEvent"

_PROTOBUF = "application/vnd.kubernetes.protobuf"
_CUSTOM_TYPES = ("application/json", "application/yaml")
OBJECT_TYPES = (*_CUSTOM_TYPES, _PROTOBUF)
LIST_TYPES = (*OBJECT_TYPES, "application/json;stream=watch", f"{_PROTOBUF};stream=watch")
_PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_CUSTOM_PATCH_TYPES = tuple(t for t in _PATCH_TYPES if "strategic" not in t)
_ANY: tuple[str, ...] = ("*/*",)

_METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_VERBS = {"get": "read", "create": "create", "update": "replace", "patch": "partially update"}
_CODES = {
    "create": (200, 201, 202),
    "update": (200, 201),
    "patch": (200, 201),
    "delete": (200, 202),
}
_DONE = {200: "OK", 201: "Created", 202: "Accepted"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path. `action` and `gvk` become x-kubernetes extensions; either may be
    empty. `body` is the name of a schema, and `answer` the one of each successful answer."""

    method: str
    operation_id: str
    description: str
    tag: str
    action: str = ""
    gvk: tuple[str, str, str] | None = None
    parameters: tuple[p.Parameter, ...] = ()
    body: str = ""
    body_types: tuple[str, ...] = _ANY
    body_required: bool = True
    answer: str = ""
    codes: tuple[int, ...] = (200,)
    produces: tuple[str, ...] = OBJECT_TYPES

    def answers(self) -> Iterator[tuple[str, str, str]]:
        """(code, description, schema or empty)."""
        for code in self.codes:
            yield str(code), _DONE[code], self.answer
        yield "401", "Unauthorized", ""


@dataclass(frozen=True, slots=True)
class PathItem:
    path: str
    parameters: tuple[p.Parameter, ...]
    operations: tuple[Operation, ...]


def title(group: str) -> str:
    """`rbac.authorization.k8s.io` -> `RbacAuthorization`, the core group -> `Core`."""
    parts = (group or "core").removesuffix(".k8s.io").split(".")
    return "".join(part[:1].upper() + part[1:] for part in parts)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def tag(group: str, version: str = "") -> str:
    name = _lower_first(title(group))
    return f"{name}_{version}" if version else name


def root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def document_path(
    path: str,
    name: str,
    description: str,
    answer: str,
    tag_name: str,
    produces: tuple[str, ...] = OBJECT_TYPES,
) -> PathItem:
    """A path that only answers GET with a document (discovery, version)."""
    operation = Operation("get", name, description, tag_name, answer=answer, produces=produces)
    return PathItem(path, (), (operation,))


def group_version_path(group: str, version: str) -> PathItem:
    name = f"get{title(group)}{version[:1].upper()}{version[1:]}APIResources"
    return document_path(
        root(group, version) + "/",
        name,
        "get available resources",
        API_RESOURCE_LIST,
        tag(group, version),
    )


class ResourcePaths:
    """The paths of one resource in one version."""

    def __init__(
        self, schemas: SchemaSet, definition: ResourceDefinition, version: Version
    ) -> None:
        self._schemas = schemas
        self._definition = definition
        self._version = version
        self._schema = version.schema
        custom = schemas.is_added(version.schema)
        self._patch_types = _CUSTOM_PATCH_TYPES if custom else _PATCH_TYPES
        self._object_types = _CUSTOM_TYPES if custom else OBJECT_TYPES
        self._list_types = _CUSTOM_TYPES if custom else LIST_TYPES
        self._watch_paths = "watch" in definition.verbs and not custom
        self._tag = tag(definition.group, version.name)
        self._gvk = (definition.group, version.name, definition.kind)
        capital = version.name[:1].upper() + version.name[1:]
        self._prefix = title(definition.group) + capital
        self._scoped = "Namespaced" if definition.namespaced else ""

    def items(self) -> Iterator[PathItem]:
        definition = self._definition
        base = root(definition.group, self._version.name)
        scope: tuple[p.Parameter, ...] = (p.PRETTY,)
        collection = f"{base}/{definition.plural}"
        if definition.namespaced:
            if "list" in definition.verbs:
                operation = self._list(f"{definition.kind}ForAllNamespaces", "")
                yield PathItem(collection, (*p.LIST, p.PRETTY), (operation,))
            scope = (p.NAMESPACE, p.PRETTY)
            collection = f"{base}/namespaces/{{namespace}}/{definition.plural}"
        operations = tuple(self._collection())
        if operations:
            yield PathItem(collection, scope, operations)
        one = f"{collection}/{{name}}"
        named = (p.name_of(definition.kind), *scope)
        operations = tuple(self._object())
        if operations:
            yield PathItem(one, named, operations)
        for sub in sorted(definition.subresources, key=lambda sub: sub.name):
            yield from self._subresource(sub, f"{one}/{sub.name}", named)
        if self._watch_paths:
            yield from self._watches(base, collection.removeprefix(base), named)

    def _watches(
        self, base: str, collection: str, named: tuple[p.Parameter, ...]
    ) -> Iterator[PathItem]:
        """The paths that watches had before they were a parameter of lists."""
        kind, scoped = self._definition.kind, self._scoped
        if scoped:
            operation = self._watch(f"{kind}ListForAllNamespaces", "", everything=True)
            path = f"{base}/watch/{self._definition.plural}"
            yield PathItem(path, (*p.LIST, p.PRETTY), (operation,))
        operation = self._watch(f"{kind}List", scoped, everything=True)
        yield PathItem(f"{base}/watch{collection}", (*p.LIST, *named[1:]), (operation,))
        operation = self._watch(kind, scoped, everything=False)
        yield PathItem(f"{base}/watch{collection}/{{name}}", (*p.LIST, *named), (operation,))

    def _watch(self, what: str, scoped: str, *, everything: bool) -> Operation:
        kind = self._definition.kind
        subject = (
            f"individual changes to a list of {kind}"
            if everything
            else f"changes to an object of kind {kind}"
        )
        instead = "deprecated: use the 'watch' parameter with a list operation instead"
        if not everything:
            instead += ", filtered to a single item with the 'fieldSelector' parameter"
        return Operation(
            "get",
            f"watch{self._prefix}{scoped}{what}",
            f"watch {subject}. {instead}.",
            self._tag,
            "watchlist" if everything else "watch",
            self._gvk,
            answer=WATCH_EVENT,
            produces=self._list_types,
        )

    def _operation(
        self,
        verb: str,
        operation_id: str,
        description: str,
        schema: str,
        *,
        action: str = "",
        gvk: tuple[str, str, str] | None = None,
    ) -> Operation:
        """An operation on one object, of a verb in `_METHODS`."""
        body, body_types, required, answer = "", _ANY, True, schema
        parameters: tuple[p.Parameter, ...] = ()
        match verb:
            case "create" | "update":
                body, parameters = schema, p.WRITE
            case "patch":
                body, body_types, parameters = PATCH, self._patch_types, p.PATCH
            case "delete":
                body, required, parameters = DELETE_OPTIONS, False, p.DELETE
                answer = schema if self._definition.returns_deleted else STATUS
        method = _METHODS[verb]
        return Operation(
            method,
            operation_id,
            description,
            self._tag,
            action or method,
            gvk or self._gvk,
            parameters,
            body,
            body_types,
            required,
            answer,
            _CODES.get(verb, (200,)),
            self._object_types,
        )

    def _list(self, what: str, scoped: str, parameters: tuple[p.Parameter, ...] = ()) -> Operation:
        return Operation(
            "get",
            f"list{self._prefix}{scoped}{what}",
            f"list or watch objects of kind {self._definition.kind}",
            self._tag,
            "list",
            self._gvk,
            parameters,
            answer=self._version.list_schema,
            produces=self._list_types,
        )

    def _collection(self) -> Iterator[Operation]:
        kind, verbs = self._definition.kind, self._definition.verbs
        if "list" in verbs:
            yield self._list(kind, self._scoped, p.LIST)
        if "create" in verbs:
            yield self._operation(
                "create",
                f"create{self._prefix}{self._scoped}{kind}",
                f"create {_article(kind)}",
                self._schema,
            )
        if "deletecollection" in verbs:
            yield Operation(
                "delete",
                f"delete{self._prefix}Collection{self._scoped}{kind}",
                f"delete collection of {kind}",
                self._tag,
                "deletecollection",
                self._gvk,
                p.DELETE_COLLECTION,
                DELETE_OPTIONS,
                body_required=False,
                answer=STATUS,
                produces=self._object_types,
            )

    def _object(self) -> Iterator[Operation]:
        kind = self._definition.kind
        for verb, name in (
            ("get", "read"),
            ("update", "replace"),
            ("delete", "delete"),
            ("patch", "patch"),
        ):
            if verb in self._definition.verbs:
                doing = _VERBS.get(verb, verb)
                what = f"the specified {kind}" if verb != "delete" else _article(kind)
                yield self._operation(
                    verb,
                    f"{name}{self._prefix}{self._scoped}{kind}",
                    f"{doing} {what}",
                    self._schema,
                )

    # --- subresources --------------------------------------------------------------------

    def _subresource(
        self, sub: Subresource, path: str, parameters: tuple[p.Parameter, ...]
    ) -> Iterator[PathItem]:
        schema = self._subresource_schema(sub)
        if schema is None:
            options = p.CONNECT.get(sub.kind, ())
            where = tuple(parameter for parameter in parameters if parameter is not p.PRETTY)
            where += options
            yield PathItem(path, where, tuple(self._connect(sub, "")))
            if options == p.PROXY:
                operations = tuple(self._connect(sub, "WithPath"))
                yield PathItem(f"{path}/{{path}}", (*where, p.PATH), operations)
            return
        text = p.TEXT.get(sub.name)
        if text is not None:
            operation = Operation(
                "get",
                f"read{self._what(sub)}",
                f"read {sub.name} of the specified {self._definition.kind}",
                self._tag,
                "get",
                self._gvk,
                text,
                answer=TEXT,
                produces=("text/plain", *OBJECT_TYPES),
            )
            yield PathItem(path, parameters, (operation,))
            return
        yield PathItem(path, parameters, tuple(self._subresource_operations(sub, schema)))

    def _what(self, sub: Subresource) -> str:
        last = "".join(part[:1].upper() + part[1:] for part in sub.name.split("/"))
        return f"{self._prefix}{self._scoped}{self._definition.kind}{last}"

    def _subresource_operations(self, sub: Subresource, schema: str) -> Iterator[Operation]:
        gvk = (
            sub.group or self._definition.group,
            sub.version or self._version.name,
            sub.kind or self._definition.kind,
        )
        for verb, name in (
            ("get", "read"),
            ("create", "create"),
            ("update", "replace"),
            ("delete", "delete"),
            ("patch", "patch"),
        ):
            if verb in sub.verbs:
                description = (
                    f"{_VERBS.get(verb, verb)} {sub.name} of "
                    f"{'the specified' if verb != 'create' else 'a'} {self._definition.kind}"
                )
                yield self._operation(
                    verb, f"{name}{self._what(sub)}", description, schema, gvk=gvk
                )

    def _subresource_schema(self, sub: Subresource) -> str | None:
        """The schema of its objects. None: it has none, it connects to something."""
        name = subresource_schema(sub, self._version)
        return name if name in self._schemas or not sub.kind else None

    def _connect(self, sub: Subresource, suffix: str) -> Iterator[Operation]:
        definition = self._definition
        gvk = (definition.group, self._version.name, sub.kind)
        methods = [method for verb, method in _METHODS.items() if verb in sub.verbs]
        if p.CONNECT.get(sub.kind) == p.PROXY:
            methods += ["head", "options"]  # no verbs of ours, but the backend may know them
        for method in methods:
            what = f"{self._scoped}{definition.kind}{sub.name[:1].upper()}{sub.name[1:]}"
            yield Operation(
                method,
                f"connect{self._prefix}{method.capitalize()}{what}{suffix}",
                f"connect {method.upper()} requests to {sub.name} of {definition.kind}",
                self._tag,
                "connect",
                gvk,
                answer=TEXT,
                produces=_ANY,
            )


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'AEIOU' else 'a'} {kind}"
