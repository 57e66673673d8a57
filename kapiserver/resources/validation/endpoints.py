"""Endpoints and EndpointSlices: addresses, ports, hints. Worded as upstream's. Pure.

One rule is not upstream's: the server itself may say that it is reached over loopback, because it
may well be.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from kapiserver.resources.definition import Object, WriteContext
from kapiserver.resources.field_errors import (
    duplicate,
    immutable,
    invalid,
    required,
    too_many,
    unsupported,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import Found, check_label, check_port, check_subdomain
from kapiserver.resources.validation.ip_syntax import (
    ip_problems,
    ip_warnings,
    is_canonical_ip,
    is_plain_ip,
    parse_ip,
    special_ip_problems,
)
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.labels import check_labels, check_qualified
from kapiserver.resources.validation.ports import PROTOCOLS
from kapiserver.resources.validation.same import same

_OURSELVES = "system:apiserver"
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_MAX_ENDPOINTS = 1000
_MAX_ADDRESSES = 100
_MAX_PORTS = 20000
_MAX_TOPOLOGY = 16
_MAX_HINTS = 8
_HOST = "kubernetes.io/hostname"
_MANAGED_BY = "endpoints.kubernetes.io/managed-by"
_SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MAX_WARNINGS = 100  # an answer has room for fewer
_PLAIN = frozenset(("ip", "targetRef"))  # what of an address needs no look
_OWN_CONTROLLERS = {
    _MANAGED_BY: ("endpoint-controller",),
    _SLICE_MANAGED_BY: (
        "endpointslice-controller.k8s.io",
        "endpointslicemirroring-controller.k8s.io",
    ),
}


def check_endpoints(obj: Object, context: WriteContext) -> Found:
    found: Found = []
    subsets = items(obj, "subsets")
    for position, subset in enumerate(subsets):
        _check_subset(found, subset, f"subsets[{position}]", context)
    if found and context.old is not None and same(subsets, items(context.old, "subsets")):
        return []  # what is stored was good enough once
    return found


def _check_subset(found: Found, subset: Object, path: str, context: WriteContext) -> None:
    if not items(subset, "addresses") and not items(subset, "notReadyAddresses"):
        found.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
    for field in ("addresses", "notReadyAddresses"):
        for position, address in enumerate(items(subset, field)):
            if not (is_plain_ip(address.get("ip") or "") and address.keys() <= _PLAIN):
                _check_address(found, address, f"{path}.{field}[{position}]", context)
    ports = items(subset, "ports")
    for position, port in enumerate(ports):
        here, name = f"{path}.ports[{position}]", text(port, "name")
        if name:
            check_label(found, name, f"{here}.name")
        elif len(ports) > 1:
            found.append(required(f"{here}.name"))
        check_port(found, port.get("port", 0), f"{here}.port")
        _check_protocol(found, port, here, missing="")


def _check_protocol(found: Found, port: Object, path: str, *, missing: Any) -> None:
    """A protocol that is `missing`, nothing for one kind and "" for the other, must be told."""
    protocol = port.get("protocol", missing)
    if protocol == missing:
        found.append(required(f"{path}.protocol"))
    elif protocol not in PROTOCOLS:
        found.append(unsupported(f"{path}.protocol", protocol, PROTOCOLS))
    if port.get("appProtocol") is not None:
        check_qualified(found, port["appProtocol"], f"{path}.appProtocol")


def _check_address(found: Found, address: Object, path: str, context: WriteContext) -> None:
    ip = text(address, "ip")
    found += [invalid(f"{path}.ip", ip, problem) for problem in ip_problems(ip)]
    if address.get("hostname"):
        check_label(found, address["hostname"], f"{path}.hostname")
    if address.get("nodeName") is not None:
        check_subdomain(found, address["nodeName"], f"{path}.nodeName")
    _check_special(found, ip, f"{path}.ip", context)


def _check_special(found: Found, ip: str, path: str, context: WriteContext) -> None:
    address = parse_ip(ip)
    if context.user.name == _OURSELVES and address is not None and address.is_loopback:
        return
    found += [invalid(path, ip, problem) for problem in special_ip_problems(ip)]


def check_slice(obj: Object, context: WriteContext) -> Found:
    found: Found = []
    kind = obj.get("addressType")
    if not kind:
        found.append(required("addressType"))
    elif kind not in _ADDRESS_TYPES:
        found.append(unsupported("addressType", kind, _ADDRESS_TYPES))
    _check_slice_ports(found, items(obj, "ports"))
    endpoints = items(obj, "endpoints")
    of_endpoints: Found = []
    if len(endpoints) > _MAX_ENDPOINTS:
        of_endpoints.append(too_many("endpoints", len(endpoints), _MAX_ENDPOINTS))
    else:
        for position, endpoint in enumerate(endpoints):
            _check_endpoint(of_endpoints, endpoint, kind, f"endpoints[{position}]", context)
    old = context.old
    if of_endpoints and (old is None or not same(endpoints, items(old, "endpoints"))):
        found += of_endpoints
    if old is not None and kind != old.get("addressType"):
        found.append(immutable("addressType", kind or ""))
    return found


def _check_endpoint(
    found: Found, endpoint: Object, kind: Any, path: str, context: WriteContext
) -> None:
    addresses = items(endpoint, "addresses")
    if not addresses:
        found.append(required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        found.append(too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
    for position, address in enumerate(addresses):
        if kind == _family(address):
            continue
        here = f"{path}.addresses[{position}]"
        if kind == "FQDN":
            _check_domain(found, address, here)
        elif problems := ip_problems(address) if kind in _ADDRESS_TYPES else ():
            found += [invalid(here, address, problem) for problem in problems]
        elif kind in _ADDRESS_TYPES:
            parsed = parse_ip(address)
            if parsed is not None and f"IPv{parsed.version}" != kind:
                detail = f"must be an {kind} address"
                found.append(invalid(f"{path}.addresses", address, detail))
            _check_special(found, address, here, context)
    if endpoint.get("nodeName") is not None:
        check_subdomain(found, endpoint["nodeName"], f"{path}.nodeName")
    topology = endpoint.get("deprecatedTopology") or {}
    if len(topology) > _MAX_TOPOLOGY:
        found.append(too_many(f"{path}.deprecatedTopology", len(topology), _MAX_TOPOLOGY))
    check_labels(found, topology, f"{path}.deprecatedTopology")
    if endpoint.get("hostname") is not None:
        check_label(found, endpoint["hostname"], f"{path}.hostname")
    _check_hints(found, endpoint.get("hints") or {}, f"{path}.hints")


def _family(address: str) -> str:
    """Of a plain address."""
    return ("IPv6" if ":" in address else "IPv4") if is_plain_ip(address) else ""


def _check_domain(found: Found, name: str, path: str) -> None:
    """A fully qualified domain name, with or without the dot at its end."""
    if not name:
        found.append(required(path))
        return
    name = name.removesuffix(".")
    if problems := dns1123_subdomain(name):
        found.append(invalid(path, name, ",".join(problems)))
    elif "." not in name:
        detail = "should be a domain with at least two segments separated by dots"
        found.append(invalid(path, name, detail))
    else:
        for label in name.split("."):
            if problems := dns1123_label(label):
                found.append(invalid(path, label, ",".join(problems)))
                return


def _check_hints(found: Found, hints: Object, path: str) -> None:
    for field in ("forZones", "forNodes"):
        named, seen = items(hints, field), set[str]()
        if len(named) > _MAX_HINTS:
            found.append(too_many(f"{path}.{field}", len(named), _MAX_HINTS))
            return
        for position, hint in enumerate(named):
            here, name = f"{path}.{field}[{position}].name", text(hint, "name")
            if name in seen:
                found.append(duplicate(here, name))
            seen.add(name)
            problems = label_value(name) if field == "forZones" else dns1123_subdomain(name)
            found += [invalid(here, name, problem) for problem in problems]


def _check_slice_ports(found: Found, ports: list[Any]) -> None:
    if len(ports) > _MAX_PORTS:
        found.append(too_many("ports", len(ports), _MAX_PORTS))
        return
    names: set[str] = set()
    for position, port in enumerate(ports):
        here, name = f"ports[{position}]", text(port, "name")
        if name:
            check_label(found, name, f"{here}.name")
        if name in names:
            found.append(duplicate(f"{here}.name", name))
        names.add(name)
        _check_protocol(found, port, here, missing=None)


# -- preparing ----------------------------------------------------------------------------------


def drop_topology(obj: Object, context: WriteContext) -> None:
    """deprecatedTopology is read only; the name of a node that was there moves to its field."""
    old = items(context.old, "endpoints")
    endpoints = items(obj, "endpoints")
    if context.old is not None and same(endpoints, old):
        return
    known = {text(endpoint, "deprecatedTopology", _HOST) for endpoint in old} - {""}
    for endpoint in endpoints:
        topology = endpoint.pop("deprecatedTopology", None) or {}
        node = topology.get(_HOST)
        if endpoint.get("nodeName") is None and node in known and not dns1123_subdomain(node):
            endpoint["nodeName"] = node


# -- warnings -----------------------------------------------------------------------------------


def warn_of_endpoints(obj: Object, context: WriteContext) -> list[str]:
    if _is_own(obj, _MANAGED_BY):
        return []
    found = (
        warning
        for number, subset in enumerate(items(obj, "subsets"))
        for field in ("addresses", "notReadyAddresses")
        for position, address in enumerate(items(subset, field))
        if not is_canonical_ip(ip := text(address, "ip"))
        for warning in ip_warnings(f"subsets[{number}].{field}[{position}].ip", ip)
    )
    return list(islice(found, _MAX_WARNINGS))


def warn_of_slice(obj: Object, context: WriteContext) -> list[str]:
    found: list[str] = []
    if obj.get("addressType") == "FQDN" and context.old is None:
        found.append("spec.addressType: FQDN endpoints are deprecated")
    if _is_own(obj, _SLICE_MANAGED_BY):
        return found
    of_addresses = (
        warning
        for number, endpoint in enumerate(items(obj, "endpoints"))
        for position, address in enumerate(items(endpoint, "addresses"))
        if not is_canonical_ip(address)
        for warning in ip_warnings(f"endpoints[{number}].addresses[{position}]", address)
    )
    return [*found, *islice(of_addresses, _MAX_WARNINGS)]


def _is_own(obj: Object, label: str) -> bool:
    """Controllers of the system write good addresses: no need to look."""
    labels = (obj.get("metadata") or {}).get("labels") or {}
    return labels.get(label) in _OWN_CONTROLLERS[label]
