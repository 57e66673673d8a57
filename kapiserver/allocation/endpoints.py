"""What the `kubernetes` service leads to, as Endpoints and EndpointSlices. Pure.

In: (address, port) of each live node. Out: the objects as they should be. Nodes that serve on
different ports (several on one machine) get a slice per port, because a slice has the same ports
for all its endpoints; subsets are as the server stores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kapiserver.allocation.ranges import Address, family_of
from kapiserver.resources.definition import Object
from kapiserver.resources.endpoint_subsets import repack

NAME, NAMESPACE = "kubernetes", "default"
SERVICE_LABEL = "kubernetes.io/service-name"
PORT_NAME = "https"

_SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"

Place = tuple[Address, int]


def _port(number: int) -> Object:
    return {"name": PORT_NAME, "port": number, "protocol": "TCP"}


def _by_port(places: Iterable[Place], family: str) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for address, port in sorted(set(places), key=lambda place: (place[1], int(place[0]))):
        if family_of(address) == family:
            found.setdefault(port, []).append(str(address))
    return found


def endpoints(places: Iterable[Place], family: str) -> Object:
    """The Endpoints object holds addresses of the service's own family only."""
    return {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {_SKIP_MIRROR: "true"}},
        "subsets": repack(
            [
                {"addresses": [{"ip": ip} for ip in addresses], "ports": [_port(port)]}
                for port, addresses in _by_port(places, family).items()
            ]
        ),
    }


def slices(places: Iterable[Place], families: Iterable[str]) -> dict[str, Object]:
    """EndpointSlices by name; `families` are the service's, the first one being its own."""
    places = list(places)
    found: dict[str, Object] = {}
    for rank, family in enumerate(families):
        base = NAME if rank == 0 else f"{NAME}-{family.removeprefix('IP')}"
        for number, (port, addresses) in enumerate(_by_port(places, family).items()):
            name = base if number == 0 else f"{base}-{port}"
            found[name] = {
                "kind": "EndpointSlice",
                "apiVersion": "discovery.k8s.io/v1",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "labels": {SERVICE_LABEL: NAME},
                },
                "addressType": family,
                "endpoints": [
                    {"addresses": [ip], "conditions": {"ready": True}} for ip in addresses
                ],
                "ports": [_port(port)],
            }
    return found
