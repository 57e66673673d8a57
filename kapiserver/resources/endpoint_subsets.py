"""Subsets of Endpoints in their one canonical form. In: subsets. Out: the same addresses and ports
in as few subsets as possible, each sorted. Pure.

An address that is listed as ready and as not ready for a port is ready. Endpoints that list the
same addresses in another order are stored alike.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.ip_syntax import parse_ip

_Key = tuple[Any, ...]


def repack(subsets: list[Object]) -> list[Object]:
    addresses: dict[_Key, Object] = {}
    ports: dict[_Key, Object] = {}
    # (address, port) -> ready; None is the port of a subset that has none
    pairs: dict[_Key, dict[_Key | None, bool]] = {}
    for subset in subsets:
        keys: list[_Key | None] = [_port_key(ports, port) for port in items(subset, "ports")]
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in items(subset, field):
                held = pairs.setdefault(_address_key(addresses, address), {})
                for key in keys or [None]:
                    held[key] = ready or held.get(key, False)
    order = {key: number for number, key in enumerate(ports)}
    packed: dict[tuple[_Key | None, ...], Object] = {}
    for key, held in pairs.items():
        for ready, field in ((True, "addresses"), (False, "notReadyAddresses")):
            own = sorted(
                (port for port, state in held.items() if state is ready),
                key=lambda port: order.get(port, -1) if port is not None else -1,
            )
            if own:
                packed.setdefault(tuple(own), {}).setdefault(field, []).append(addresses[key])
    return [_subset(held, keys, ports) for keys, held in packed.items()]


def _subset(held: Object, keys: tuple[_Key | None, ...], ports: dict[_Key, Object]) -> Object:
    subset: Object = {
        field: sorted(held[field], key=_address_order)
        for field in ("addresses", "notReadyAddresses")
        if field in held
    }
    own = [ports[key] for key in keys if key is not None]
    if own:
        subset["ports"] = own
    return subset


def _address_key(known: dict[_Key, Object], address: Object) -> _Key:
    """The same pod at the same address is one; what else is said of it is said first."""
    key = (text(address, "ip"), text(address, "targetRef", "uid"))
    known.setdefault(key, address)
    return key


def _port_key(known: dict[_Key, Object], port: Object) -> _Key:
    key = (port.get("name"), port.get("port"), port.get("protocol"), port.get("appProtocol"))
    known.setdefault(key, port)
    return key


def _address_order(address: Object) -> _Key:
    parsed = parse_ip(text(address, "ip"))
    number = int(parsed) if parsed is not None else 0
    return (parsed.version if parsed is not None else 0, number, text(address, "targetRef", "uid"))
