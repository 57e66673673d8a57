"""discovery.k8s.io/v1: endpointslices."""

from __future__ import annotations

from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import (
    column,
    doc,
    items,
    joined_with_more,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import set_default, without_status
from kapiserver.resources.validation.endpoints import check_slice, drop_topology, warn_of_slice

DISCOVERY = Group("discovery.k8s.io", "io.k8s.api.discovery")

_SHOWN = 3


def _defaults(obj: Object, context: WriteContext) -> None:
    for port in items(obj, "ports"):
        set_default(port, "name", "")
        set_default(port, "protocol", "TCP")


def _ports(obj: Object, now: float) -> str:
    ports = items(obj, "ports")
    shown = [text(port, "port") or str(port.get("name", "*")) for port in ports[:_SHOWN]]
    return joined_with_more(shown, len(ports))


def _endpoints(obj: Object, now: float) -> str:
    addresses = [
        str(address)
        for endpoint in items(obj, "endpoints")
        for address in items(endpoint, "addresses")
    ]
    return joined_with_more(addresses[:_SHOWN], len(addresses))


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    DISCOVERY.resource(
        "EndpointSlice",
        "endpointslices",
        strategy=without_status(
            complete=True,
            defaults=_defaults,
            create=drop_topology,
            update=drop_topology,
            validate=check_slice,
            warnings=warn_of_slice,
            generation=True,
            generation_metadata=("labels",),
        ),
        columns=table(
            column(
                "AddressType",
                value_at("addressType"),
                doc("discovery.v1.EndpointSlice.addressType"),
            ),
            column("Ports", _ports, doc("discovery.v1.EndpointSlice.ports")),
            column("Endpoints", _endpoints, doc("discovery.v1.EndpointSlice.endpoints")),
        ),
    ),
)
