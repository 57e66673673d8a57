"""The objects that allocation works on, and what every part of it says and asks.

In: the scopes of the server. Out: the stores of services, addresses and ranges; errors as upstream
words them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.api.metadata import begin_create
from kapiserver.api.scope import Scope, Scopes
from kapiserver.errors import Cause, InternalError, Invalid
from kapiserver.resources.definition import Object
from kapiserver.storage import ObjectStore, Storage, StoredObject

GROUP = "networking.k8s.io"
CONTROLLER = "ipallocator.k8s.io"
FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family"
MANAGED_LABEL = "ipaddress.kubernetes.io/managed-by"


class Records:
    """The stores, looked up late: they open with the server."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes

    @property
    def storage(self) -> Storage:
        return self.scopes.storage

    @property
    def service_scope(self) -> Scope:
        return self.scopes.stored("", "services")

    @property
    def range_scope(self) -> Scope:
        return self.scopes.stored(GROUP, "servicecidrs")

    @property
    def address_scope(self) -> Scope:
        return self.scopes.stored(GROUP, "ipaddresses")

    @property
    def services(self) -> ObjectStore:
        return self.service_scope.objects

    @property
    def ranges(self) -> ObjectStore:
        return self.range_scope.objects

    @property
    def addresses(self) -> ObjectStore:
        return self.address_scope.objects


def parent_of(metadata: dict[str, Any]) -> Object:
    """How an address refers to its service, which may still lack a name (and is refused then)."""
    name = metadata.get("name", "")
    return {"resource": "services", "namespace": metadata["namespace"], "name": name}


def new_address(name: str, family: str, metadata: dict[str, Any]) -> Object:
    """The IPAddress object of an address that a service takes."""
    obj = {
        "kind": "IPAddress",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {
            "name": name,
            "labels": {FAMILY_LABEL: family, MANAGED_LABEL: CONTROLLER},
        },
        "spec": {"parentRef": parent_of(metadata)},
    }
    begin_create(obj, generations=False)
    return obj


def is_managed(address: Object) -> bool:
    labels = address["metadata"].get("labels") or {}
    return bool(labels.get(MANAGED_LABEL) == CONTROLLER)


def is_labelled(address: Object, model: Object) -> bool:
    """Whether an IPAddress has the labels of the one that would be made now."""
    labels = address["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in model["metadata"]["labels"].items())


def refers_to(address: Object, metadata: dict[str, Any]) -> bool:
    """Whether an IPAddress belongs to a service."""
    parent = address.get("spec", {}).get("parentRef") or {}
    return not parent.get("group") and all(
        parent.get(field) == value for field, value in parent_of(metadata).items()
    )


def decoded(stored: StoredObject | None) -> Object | None:
    return None if stored is None else stored.decoded()


def refused(service: Object, causes: Sequence[Cause]) -> Invalid:
    return Invalid.of("", "Service", service["metadata"].get("name", ""), causes)


def internal(message: str) -> InternalError:
    return InternalError(f"Internal error occurred: {message}", causes=[Cause("", message)])
