"""What a request asks for, read from its method, path and query alone.

In: method, decoded path, raw query. Out: `RequestInfo`, which every later stage trusts: authn does
not look at it, authz and audit print it, the verbs dispatch on it. Pure: it knows no resource, so
`/api/v1/anything/x` is a resource request; whether it exists is decided later.

The rules are kube-apiserver's: GET without a name is a list or a watch, DELETE without one is a
deletecollection, `/watch/` paths are the old spelling of `?watch=true`, and `status` and `finalize`
behind a namespace's name are its subresources where anything else is a namespaced resource.
"""

from __future__ import annotations

from kapiserver.api import go_text
from kapiserver.api.field_selector import FieldSelector, FieldSelectorError, parse_terms
from kapiserver.errors import ApiError, BadRequest
from kapiserver.pipeline.query import EMPTY, Query, first, flag, parse_query

_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


class NoResource(ApiError):
    """`/watch` and `/proxy` without what is to be watched: upstream fails, in plain text."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Internal Server Error: {go_text.quoted(path)}: failed to create RequestInfo: "
            f"unable to determine kind and namespace from url, {path}"
        )


class RequestInfo:
    """The attributes of a request. `name` of a list or watch comes from its field selector."""

    __slots__ = (
        "group",
        "in_namespace",
        "is_resource_request",
        "name",
        "namespace",
        "parts",
        "path",
        "prefix",
        "query",
        "resource",
        "subresource",
        "verb",
        "version",
    )

    def __init__(self, path: str, verb: str, query: Query) -> None:
        self.path = path
        self.verb = verb
        self.query = query
        self.is_resource_request = False
        self.prefix = ""
        self.group = ""
        self.version = ""
        self.namespace = ""
        self.in_namespace = False  # /namespaces/{namespace}/{resource}, not a namespace itself
        self.resource = ""
        self.subresource = ""
        self.name = ""
        self.parts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__slots__ if getattr(self, n))
        return f"RequestInfo({shown})"


def parse(method: str, path: str, raw_query: bytes = b"") -> RequestInfo:
    """Raises BadRequest for paths that could mean two things (`.`, `..`)."""
    query = parse_query(raw_query) if raw_query else EMPTY
    segments = path.strip("/").split("/")
    if "." in segments or ".." in segments:
        raise BadRequest("the request path must not contain the segments '.' and '..'")
    info = RequestInfo(path, method.lower(), query)
    count = len(segments)
    if count < 3:
        return info
    prefix = segments[0]
    if prefix == "api":
        version_at = 1
    elif prefix == "apis":
        if count < 4:
            return info
        version_at = 2
        info.group = segments[1]
    else:
        return info
    info.prefix = prefix
    if "" in segments:  # `//`: no route has an empty segment
        return info
    info.is_resource_request = True
    info.version = segments[version_at]
    at = version_at + 1
    head = segments[at]
    if head in ("watch", "proxy"):
        if count - at < 2:
            raise NoResource(path)
        info.verb = head
        at += 1
        head = segments[at]
    else:
        info.verb = _VERBS.get(method, "")
    if head == "namespaces" and count - at > 1:
        info.namespace = segments[at + 1]
        if count - at > 2 and segments[at + 2] not in _NAMESPACE_SUBRESOURCES:
            info.in_namespace = True
            at += 2
    parts = tuple(segments[at:])
    info.parts = parts
    info.resource = parts[0]
    if len(parts) > 1:
        info.name = parts[1]
        if len(parts) > 2 and info.verb != "proxy":
            info.subresource = parts[2]
    elif info.verb == "get":
        info.verb = "watch" if flag(query, "watch") else "list"
        if query:
            info.name = _selected_name(query)
    elif info.verb == "delete":
        info.verb = "deletecollection"
    return info


def _selected_name(query: Query) -> str:
    """The name that a field selector pins down: authorization may treat it as a named request.

    Not if the selector cannot be read: what is said of that is for the verb.
    """
    selector = first(query, "fieldSelector")
    if "metadata.name" not in selector:
        return ""
    try:
        name = FieldSelector(parse_terms(selector)).exact("metadata.name")
    except FieldSelectorError:
        return ""
    return "" if name in (".", "..") or "/" in name or "%" in name else name
