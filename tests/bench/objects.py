"""The objects that are measured: ConfigMaps of about 1 KB, and the paths under which they live."""

from __future__ import annotations

PADDING = "x" * 700
NAMESPACES = "/api/v1/namespaces"


def collection(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/configmaps"


def item(namespace: str, name: str) -> str:
    return f"{NAMESPACES}/{namespace}/configmaps/{name}"


def config_map(name: str, *, revision: str = "", stamp: int = 0) -> bytes:
    """About 1 KB as the server stores it (uid, timestamps and managedFields come on top)."""
    guard = f',"resourceVersion":"{revision}"' if revision else ""
    return (
        f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"{guard},'
        f'"labels":{{"app":"bench","tier":"backend"}}}},'
        f'"data":{{"stamp":"{stamp:020d}","payload":"{PADDING}"}}}}'
    ).encode()


def namespace(name: str) -> bytes:
    return (f'{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}').encode()


def revision_of(body: bytes) -> str:
    """The resourceVersion of one object's JSON, compact or not."""
    at = body.index(b'"resourceVersion":') + 18
    start = body.index(b'"', at) + 1
    return body[start : body.index(b'"', start)].decode()
