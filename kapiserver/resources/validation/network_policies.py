"""NetworkPolicies: selectors, ports, peers. Worded as upstream's. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import Found, check_port, port_name
from kapiserver.resources.validation.ip_syntax import cidr_problems, cidr_warnings, parse_cidr
from kapiserver.resources.validation.labels import check_selector

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def check_policy(found: Found, spec: Object, before: Object | None) -> None:
    """Ranges that the stored policy has anywhere are taken as they are, as are label values when
    its own selector has bad ones."""
    known = {cidr for _, block in _blocks(before or {}) for cidr in _cidrs(block)}
    lenient = before is not None and bool(_selector_findings(before.get("podSelector")))
    check_selector(found, spec.get("podSelector"), "spec.podSelector", values=not lenient)
    for direction, peers in _DIRECTIONS:
        for number, rule in enumerate(items(spec, direction)):
            path = f"spec.{direction}[{number}]"
            for position, port in enumerate(items(rule, "ports")):
                _check_port(found, port, f"{path}.ports[{position}]")
            for position, peer in enumerate(items(rule, peers)):
                here = f"{path}.{peers}[{position}]"
                for field in ("podSelector", "namespaceSelector"):
                    check_selector(found, peer.get(field), f"{here}.{field}", values=not lenient)
                _check_peer(found, peer, here, known)
    types = items(spec, "policyTypes")
    if len(types) > len(_TYPES):
        detail = "may not specify more than two policyTypes"
        found.append(invalid("spec.policyTypes", types, detail))
        return
    for position, name in enumerate(types):
        if name not in _TYPES:
            found.append(unsupported(f"spec.policyTypes[{position}]", name, _TYPES))


def _selector_findings(selector: Any) -> Found:
    found: Found = []
    check_selector(found, selector, "")
    return found


def _check_port(found: Found, port: Object, path: str) -> None:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        found.append(unsupported(f"{path}.protocol", protocol, _PROTOCOLS))
    if number is None:
        if end is not None:
            detail = "may not be specified when `port` is not specified"
            found.append(invalid(f"{path}.endPort", end, detail))
    elif isinstance(number, str):
        if end is not None:
            detail = "may not be specified when `port` is non-numeric"
            found.append(invalid(f"{path}.endPort", end, detail))
        found += [invalid(f"{path}.port", number, problem) for problem in port_name(number)]
    else:
        check_port(found, number, f"{path}.port")
        if end is not None:
            if end < number:
                detail = "must be greater than or equal to `port`"
                found.append(invalid(f"{path}.endPort", end, detail))
            check_port(found, end, f"{path}.endPort")


def _check_peer(found: Found, peer: Object, path: str, known: Collection[str]) -> None:
    block = peer.get("ipBlock")
    given = [
        peer[field] for field in ("podSelector", "namespaceSelector") if peer.get(field) is not None
    ]
    if block is not None:
        _check_block(found, block, f"{path}.ipBlock", known)
        if given:
            found.append(forbidden(path, "may not specify both ipBlock and another peer"))
    elif not given:
        found.append(required(path, "must specify a peer"))


def _check_block(found: Found, block: Object, path: str, known: Collection[str]) -> None:
    cidr = text(block, "cidr")
    if not cidr:
        found.append(required(f"{path}.cidr"))
        return
    _check_cidr(found, cidr, f"{path}.cidr", known)
    network = parse_cidr(cidr)
    if network is None:
        return
    for position, value in enumerate(items(block, "except")):
        here = f"{path}.except[{position}]"
        _check_cidr(found, value, here, known)
        hole = parse_cidr(value)
        if hole is not None and not _lies_inside(hole, network):
            found.append(invalid(here, value, "must be a strict subset of `cidr`"))


def _lies_inside(
    hole: ipaddress.IPv4Network | ipaddress.IPv6Network,
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    return (
        hole.version == network.version
        and hole.network_address in network
        and hole.prefixlen > network.prefixlen
    )


def _check_cidr(found: Found, cidr: str, path: str, known: Collection[str]) -> None:
    if cidr not in known:
        found += [invalid(path, cidr, problem) for problem in cidr_problems(cidr)]


def _blocks(spec: Object) -> Iterator[tuple[str, Object]]:
    for direction, peers in _DIRECTIONS:
        for number, rule in enumerate(items(spec, direction)):
            for position, peer in enumerate(items(rule, peers)):
                if peer.get("ipBlock") is not None:
                    yield f"spec.{direction}[{number}].{peers}[{position}].ipBlock", peer["ipBlock"]


def _cidrs(block: Object) -> list[str]:
    return [text(block, "cidr"), *items(block, "except")]


def warn_of_blocks(spec: Object) -> list[str]:
    found: list[str] = []
    for path, block in _blocks(spec):
        found += cidr_warnings(f"{path}.cidr", text(block, "cidr"))
        for position, value in enumerate(items(block, "except")):
            found += cidr_warnings(f"{path}.except[{position}]", value)
    return found
