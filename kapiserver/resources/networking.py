"""networking.k8s.io/v1: ingresses and their classes, network policies, service address ranges."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_services import ingress_points
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import immutable, invalid, not_supported, required
from kapiserver.resources.names import ip_address
from kapiserver.resources.printing import (
    NONE,
    column,
    comma_list,
    dig,
    items,
    selector_at,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    set_default,
    unchanging,
    with_status,
    without_status,
)

NETWORKING = Group("networking.k8s.io", "io.k8s.api.networking")

_SHOWN_HOSTS = 3
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _class(obj: Object, now: float) -> str:
    return text(obj, "spec", "ingressClassName", absent=NONE)


def _hosts(obj: Object, now: float) -> str:
    """The first hosts; what comes after the last of them counts as more, named or not."""
    rules = items(obj, "spec", "rules")
    shown: list[str] = []
    for rule in rules:
        if len(shown) == _SHOWN_HOSTS:
            return f"{','.join(shown)} + {len(rules) - _SHOWN_HOSTS} more..."
        if text(rule, "host"):
            shown.append(text(rule, "host"))
    return ",".join(shown) or "*"


def _address(obj: Object, now: float) -> str:
    return ingress_points(obj)


def _ports(obj: Object, now: float) -> str:
    return "80, 443" if items(obj, "spec", "tls") else "80"


def _parameters(obj: Object, now: float) -> str:
    parameters = dig(obj, "spec", "parameters")
    if not parameters:
        return NONE
    group = text(parameters, "apiGroup")
    kind = text(parameters, "kind")
    return f"{kind}.{group}/{text(parameters, 'name')}" if group else f"{kind}/{parameters['name']}"


def _cidrs(obj: Object, now: float) -> str:
    return comma_list(items(obj, "spec", "cidrs"))


def _parent(obj: Object, now: float) -> str:
    parent = dig(obj, "spec", "parentRef")
    if not parent:
        return NONE
    group, resource = text(parent, "group"), text(parent, "resource")
    owner = f"{resource}.{group}" if group else resource
    parts = (owner.lower(), text(parent, "namespace"), text(parent, "name"))
    return "/".join(part for part in parts if part)


def _policy_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "podSelector", {})
    for direction in ("ingress", "egress"):
        for rule in items(spec, direction):
            for port in items(rule, "ports"):
                set_default(port, "protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if items(spec, "egress") else ["Ingress"]


def _validate_ingress(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    if not spec.get("rules") and not spec.get("defaultBackend"):
        found.append(invalid("spec", spec, "either `defaultBackend` or `rules` must be specified"))
    for position, rule in enumerate(items(spec, "rules")):
        http = rule.get("http")
        if http is None:
            continue
        paths = f"spec.rules[{position}].http.paths"
        if not items(http, "paths"):
            found.append(required(paths))
        for number, entry in enumerate(items(http, "paths")):
            found += _check_path(entry, f"{paths}[{number}]")
    return found


def _check_path(entry: Object, here: str) -> list[Cause]:
    kind, path = entry.get("pathType"), text(entry, "path")
    if kind is None:
        return [required(f"{here}.pathType", "pathType must be specified")]
    if kind not in _PATH_TYPES:
        return [not_supported(f"{here}.pathType", kind, _PATH_TYPES)]
    if kind != "ImplementationSpecific" and not path.startswith("/"):
        return [invalid(f"{here}.path", path, "must be an absolute path")]
    return []


def _validate_class(obj: Object, context: WriteContext) -> Sequence[Cause]:
    if not dig(obj, "spec", "controller"):
        return [required("spec.controller")]
    return ()


def _validate_address(obj: Object, context: WriteContext) -> Sequence[Cause]:
    parent = dig(obj, "spec", "parentRef")
    if not parent:
        return [required("spec.parentRef")]
    return [
        required(f"spec.parentRef.{field}")
        for field in ("resource", "name")
        if not text(parent, field)
    ]


def _validate_ranges(obj: Object, context: WriteContext) -> Sequence[Cause]:
    cidrs, field = items(obj, "spec", "cidrs"), "spec.cidrs"
    if context.subresource == "status":
        return ()
    if not cidrs:
        return [required(field, "at least one CIDR required")]
    if len(cidrs) > 2:
        return [invalid(field, obj["spec"], "may only hold up to 2 values")]
    found: list[Cause] = []
    versions = []
    for position, cidr in enumerate(cidrs):
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            found.append(invalid(f"{field}[{position}]", cidr, why))
            continue
        versions.append(network.version)
        if str(network) != cidr:
            why = f'must be in canonical form ("{network}")'
            found.append(invalid(f"{field}[{position}]", cidr, why))
    if len(versions) != len(set(versions)):
        why = (
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
            "2001:db8::/64"
        )
        found.append(invalid(field, cidrs, why))
    return found


def _ranges_stay(obj: Object, context: WriteContext) -> Sequence[Cause]:
    """The one change there is: a second family beside the first."""
    if context.old is None or context.subresource == "status":
        return ()
    now, was = items(obj, "spec", "cidrs"), items(context.old, "spec", "cidrs")
    if len(now) != len(was) and (len(was), len(now)) != (1, 2):
        return [immutable("spec.cidrs", now)]
    return [
        immutable(f"spec.cidrs[{position}]", ours)
        for position, (ours, theirs) in enumerate(zip(now, was, strict=False))
        if ours != theirs
    ]


def _class_defaults(obj: Object, context: WriteContext) -> None:
    parameters = dig(obj, "spec", "parameters")
    if isinstance(parameters, dict):
        set_default(parameters, "scope", "Cluster")


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    NETWORKING.resource(
        "Ingress",
        "ingresses",
        short=("ing",),
        subresources=(STATUS,),
        strategy=with_status(validate=_validate_ingress),
        columns=table(
            column("Class", _class, "The class whose controller serves it."),
            column("Hosts", _hosts, "Hosts that its rules match."),
            column("Address", _address, "Addresses of the load balancer."),
            column("Ports", _ports, "Ports that are open."),
        ),
    ),
    NETWORKING.resource(
        "IngressClass",
        "ingressclasses",
        namespaced=False,
        strategy=without_status(
            defaults=_class_defaults,
            validate=_validate_class,
            validate_update=unchanging("spec.controller"),
            generation=True,
        ),
        columns=table(
            column("Controller", value_at("spec", "controller"), "Who serves this class."),
            column("Parameters", _parameters, "An object with further settings."),
        ),
    ),
    NETWORKING.resource(
        "NetworkPolicy",
        "networkpolicies",
        short=("netpol",),
        strategy=without_status(defaults=_policy_defaults, generation=True),
        columns=table(
            column("Pod-Selector", selector_at("spec", "podSelector"), "Pods that it applies to."),
        ),
    ),
    NETWORKING.resource(
        "IPAddress",
        "ipaddresses",
        namespaced=False,
        short=("ip",),
        name_rule=ip_address,
        strategy=without_status(
            validate=_validate_address, validate_update=unchanging("spec.parentRef")
        ),
        columns=table(column("ParentRef", _parent, "The object that the address belongs to.")),
    ),
    NETWORKING.resource(
        "ServiceCIDR",
        "servicecidrs",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            validate=_validate_ranges, validate_update=_ranges_stay, generation=False
        ),
        columns=table(column("CIDRs", _cidrs, "Ranges that service addresses come from.")),
    ),
)
