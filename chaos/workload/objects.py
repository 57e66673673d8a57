"""The ConfigMaps that clients write and read: paths, bodies, and what an answer says.

Every object carries the id of the write that made it (`data.write`): that is how a write whose
answer was lost is recognised when somebody reads it.
"""

from __future__ import annotations

from typing import Any

import orjson

NAMESPACE = "chaos"
COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
# The server keeps this one in every namespace; whether it is there says nothing of our writes.
PUBLISHED = "kube-root-ca.crt"
PADDING = "x" * 256


def path_of(key: str) -> str:
    return f"{COLLECTION}/{key}"


def body_of(key: str, write: str, guard: int) -> bytes:
    metadata: dict[str, Any] = {"name": key, "namespace": NAMESPACE}
    if guard:
        metadata["resourceVersion"] = str(guard)
    data = {"write": write, "padding": PADDING}
    return orjson.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    )


def delete_options(guard: int) -> bytes:
    preconditions = {"resourceVersion": str(guard)}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
    return orjson.dumps(options)


def version_of(document: Any) -> tuple[int, str]:
    """(revision, write id) of an object. Raises KeyError, ValueError, TypeError."""
    return int(document["metadata"]["resourceVersion"]), document.get("data", {}).get("write", "")


def items_of(document: Any) -> tuple[tuple[str, int, str], ...]:
    """(key, revision, write id) of everything in a list that clients wrote."""
    return tuple(
        (item["metadata"]["name"], *version_of(item))
        for item in document["items"]
        if item["metadata"]["name"] != PUBLISHED
    )
