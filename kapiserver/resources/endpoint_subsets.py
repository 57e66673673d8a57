"""Subsets of Endpoints in their one canonical form. In: subsets. Out: the same addresses and ports,
with the ports that the same addresses offer together in one subset, addresses sorted. Pure.

An address that is listed as ready and as not ready for a port is not. Subsets and ports come in the
order in which they are first named.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.ip_syntax import parse_ip

_Key = tuple[Any, ...]
_NO_PORT: _Key = ()


def repack(subsets: list[Object]) -> list[Object]:
    addresses: dict[_Key, Object] = {}
    ports: dict[_Key, Object] = {}
    offered: dict[_Key, dict[_Key, bool]] = {}  # port → address → ready
    for subset in subsets:
        keys = [_port_key(ports, port) for port in items(subset, "ports")] or [_NO_PORT]
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in items(subset, field):
                key = _address_key(addresses, address)
                for port in keys:
                    by = offered.setdefault(port, {})
                    by[key] = ready and by.get(key, True)
    packed: dict[frozenset[tuple[_Key, bool]], list[Object]] = {}
    for port, by in offered.items():
        own = packed.setdefault(frozenset(by.items()), [])
        if port is not _NO_PORT:
            own.append(ports[port])
    return [_subset(by, own, addresses) for by, own in packed.items()]


def _subset(
    by: frozenset[tuple[_Key, bool]], ports: list[Object], addresses: dict[_Key, Object]
) -> Object:
    subset: Object = {}
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        own = sorted((key for key, state in by if state is ready), key=_order)
        if own:
            subset[field] = [addresses[key] for key in own]
    if ports:
        subset["ports"] = ports
    return subset


def _address_key(known: dict[_Key, Object], address: Object) -> _Key:
    """The same pod at the same address is one; what is said of it first counts."""
    key = (text(address, "ip"), text(address, "targetRef", "uid"))
    known.setdefault(key, address)
    return key


def _port_key(known: dict[_Key, Object], port: Object) -> _Key:
    key = (port.get("name"), port.get("port"), port.get("protocol"), port.get("appProtocol"))
    known.setdefault(key, port)
    return key


def _order(key: _Key) -> _Key:
    address, uid = key
    parsed = parse_ip(address)
    return (parsed.version, int(parsed), uid) if parsed is not None else (0, 0, uid)
