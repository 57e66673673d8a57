"""discovery.k8s.io/v1: endpointslices."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import not_supported, required, too_many
from kapiserver.resources.printing import column, items, joined_with_more, table, text, value_at
from kapiserver.resources.strategies import set_default, unchanging, without_status

DISCOVERY = Group("discovery.k8s.io", "io.k8s.api.discovery")

_SHOWN = 3
_MAX_ENDPOINTS = 1000
_MAX_PORTS = 100
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def _defaults(obj: Object, context: WriteContext) -> None:
    for port in items(obj, "ports"):
        set_default(port, "name", "")
        set_default(port, "protocol", "TCP")


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    kind = obj.get("addressType")
    if not kind:
        found.append(required("addressType"))
    elif kind not in _ADDRESS_TYPES:
        found.append(not_supported("addressType", kind, _ADDRESS_TYPES))
    endpoints, ports = items(obj, "endpoints"), items(obj, "ports")
    if len(endpoints) > _MAX_ENDPOINTS:
        found.append(too_many("endpoints", len(endpoints), _MAX_ENDPOINTS))
    if len(ports) > _MAX_PORTS:
        found.append(too_many("ports", len(ports), _MAX_PORTS))
    found.extend(
        required(f"endpoints[{position}].addresses", "must contain at least 1 address")
        for position, endpoint in enumerate(endpoints)
        if not items(endpoint, "addresses")
    )
    return found


def _ports(obj: Object, now: float) -> str:
    ports = items(obj, "ports")
    shown = [text(port, "port") or text(port, "name") or "*" for port in ports[:_SHOWN]]
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
            defaults=_defaults,
            validate=_validate,
            validate_update=unchanging("addressType"),
            generation=True,
            generation_metadata=("labels",),
        ),
        columns=table(
            column("AddressType", value_at("addressType"), "IPv4, IPv6 or FQDN."),
            column("Ports", _ports, "Ports of every endpoint."),
            column("Endpoints", _endpoints, "Addresses of the endpoints."),
        ),
    ),
)
