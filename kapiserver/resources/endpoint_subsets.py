"""Subsets of Endpoints in their one canonical form. In: subsets. Out: the same addresses and ports,
with the ports that the same addresses offer together in one subset, addresses sorted. Pure.

An address that is listed as ready and as not ready for a port is not. Subsets and ports come in the
order in which they are first named.

Each address counts for each port of its subset, and a body of a few megabytes can name many of
both. So ports that the same subsets name are looked at together, and what would come out far larger
than anything that can be stored is refused before it is made.
"""

from __future__ import annotations

from typing import Any

from kapiserver.errors import RequestEntityTooLarge
from kapiserver.resources.definition import Object
from kapiserver.resources.printing import items

_Key = tuple[Any, ...]
_States = dict[_Key, bool]  # address → whether it is ready
_NO_PORT: _Key = ()

# More addresses than an object of the largest size has room for.
_MOST_ADDRESSES = 200_000


def repack(subsets: list[Object]) -> list[Object]:
    """Raises RequestEntityTooLarge."""
    addresses: dict[_Key, Object] = {}
    ports: dict[_Key, Object] = {}
    states = [_states(addresses, subset) for subset in subsets]
    named: dict[_Key, dict[int, None]] = {}  # port → the subsets that name it
    for number, subset in enumerate(subsets):
        keys = [_port_key(ports, port) for port in items(subset, "ports")] or [_NO_PORT]
        for key in keys:
            named.setdefault(key, {})[number] = None
    together: dict[tuple[int, ...], list[_Key]] = {}
    for key, naming in named.items():
        together.setdefault(tuple(naming), []).append(key)
    _check_size(states, together)
    packed: dict[frozenset[tuple[_Key, bool]], list[Object]] = {}
    for numbers, keys in together.items():
        by = _merged([states[number] for number in numbers])
        own = packed.setdefault(frozenset(by.items()), [])
        own += [ports[key] for key in keys if key is not _NO_PORT]
    return [_subset(by, own, addresses) for by, own in packed.items()]


def _check_size(states: list[_States], together: dict[tuple[int, ...], list[_Key]]) -> None:
    sent = sum(map(len, states))
    made = sum(len(states[number]) for numbers in together for number in numbers)
    if made > max(sent, _MOST_ADDRESSES):
        raise RequestEntityTooLarge(
            f"ports that are offered by different addresses make {made} addresses of the {sent}"
        )


def _states(known: dict[_Key, Object], subset: Object) -> _States:
    found: _States = {}
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        for address in items(subset, field):
            key = _address_key(known, address)
            found[key] = ready and found.get(key, True)
    return found


def _merged(states: list[_States]) -> _States:
    if len(states) == 1:
        return states[0]
    found: _States = {}
    for each in states:
        for key, ready in each.items():
            found[key] = ready and found.get(key, True)
    return found


def _subset(
    by: frozenset[tuple[_Key, bool]], ports: list[Object], addresses: dict[_Key, Object]
) -> Object:
    subset: Object = {}
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        own = sorted(key for key, state in by if state is ready)
        if own:
            subset[field] = [addresses[key] for key in own]
    if ports:
        subset["ports"] = ports
    return subset


def _address_key(known: dict[_Key, Object], address: Object) -> _Key:
    """The same pod at the same address is one; what is said of it first counts. Keys sort as
    addresses do: as text."""
    target = address.get("targetRef")
    key = (address.get("ip") or "", (target or {}).get("uid") or "")
    known.setdefault(key, address)
    return key


def _port_key(known: dict[_Key, Object], port: Object) -> _Key:
    key = (port.get("name"), port.get("port"), port.get("protocol"), port.get("appProtocol"))
    known.setdefault(key, port)
    return key
