"""networking.k8s.io/v1: ingresses and their classes, network policies, service address ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.core_services import ingress_points
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import immutable, invalid, required
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    column,
    comma_list,
    dig,
    doc,
    items,
    marked_name,
    selector_at,
    table,
    text,
    value_at,
)
from kapiserver.resources.service_rules import check_point
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    unchanging,
    with_status,
    without_status,
)
from kapiserver.resources.validation.formats import Found, check_subdomain
from kapiserver.resources.validation.ingresses import check_class, check_ingress, check_segment
from kapiserver.resources.validation.internals import NIL
from kapiserver.resources.validation.ip_syntax import (
    canonical_cidr_problems,
    canonical_ip_problems,
    ip_warnings,
    parse_cidr,
)
from kapiserver.resources.validation.network_policies import check_policy, warn_of_blocks
from kapiserver.resources.validation.same import same

NETWORKING = Group("networking.k8s.io", "io.k8s.api.networking")

_SHOWN_HOSTS = 3
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_MAX_RANGES = 2
_PARENT = ("Group", "Resource", "Namespace", "Name")


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


def _class_defaults(obj: Object, context: WriteContext) -> None:
    parameters = dig(obj, "spec", "parameters")
    if isinstance(parameters, dict):
        set_default(parameters, "scope", "Cluster")


def _before(context: WriteContext) -> Object | None:
    return None if context.old is None else context.old.get("spec") or {}


def _validate_ingress(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    if context.subresource == "status":
        path, points = "status.loadBalancer.ingress", ("status", "loadBalancer", "ingress")
        known = [text(point, "ip") for point in items(context.old, *points)]
        for position, point in enumerate(items(obj, *points)):
            check_point(found, point, f"{path}[{position}]", known, modes=False)
        return found
    spec = obj.get("spec") or {}
    check_ingress(found, spec, _before(context))
    name, chosen = _class_annotation(obj), spec.get("ingressClassName")
    if context.old is None and None not in (name, chosen) and name != chosen:
        detail = "must match `ingressClassName` when both are specified"
        found.append(invalid(f"annotations.{_CLASS_ANNOTATION}", name, detail))
    return found


def _class_annotation(obj: Object) -> Any:
    return (dig(obj, "metadata", "annotations") or {}).get(_CLASS_ANNOTATION)


def _warn_of_ingress(obj: Object, context: WriteContext) -> Sequence[str]:
    if context.subresource == "status":
        return [
            warning
            for position, point in enumerate(items(obj, "status", "loadBalancer", "ingress"))
            for warning in ip_warnings(
                f"status.loadBalancer.ingress[{position}]", text(point, "ip")
            )
        ]
    named = _class_annotation(obj) is not None
    if context.old is not None or not named or dig(obj, "spec", "ingressClassName") is not None:
        return ()
    return [
        f'annotation "{_CLASS_ANNOTATION}" is deprecated, please use '
        "'spec.ingressClassName' instead"
    ]


def _validate_class(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_class(found, obj.get("spec") or {})
    return found


def _validate_policy(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    check_policy(found, obj.get("spec") or {}, _before(context))
    return found


def _warn_of_policy(obj: Object, context: WriteContext) -> Sequence[str]:
    return warn_of_blocks(obj.get("spec") or {})


def _validate_address(obj: Object, context: WriteContext) -> Sequence[Cause]:
    parent, path = dig(obj, "spec", "parentRef"), "spec.parentRef"
    found: Found = []
    if parent is None:
        found.append(required(path))
    else:
        if parent.get("group"):
            check_subdomain(found, parent["group"], f"{path}.group")
        check_segment(found, text(parent, "resource"), f"{path}.resource")
        check_segment(found, text(parent, "name"), f"{path}.name")
        if parent.get("namespace"):
            check_segment(found, parent["namespace"], f"{path}.namespace")
    if context.old is not None and not same(parent, dig(context.old, "spec", "parentRef")):
        shown = NIL if parent is None else {field: text(parent, field.lower()) for field in _PARENT}
        found.append(immutable(path, shown))
    return found


def _validate_ranges(obj: Object, context: WriteContext) -> Sequence[Cause]:
    """An update may add a second family, and nothing else."""
    if context.subresource == "status":
        return ()
    cidrs, field = items(obj, "spec", "cidrs"), "spec.cidrs"
    if context.old is None:
        return _check_ranges(cidrs, field)
    was = items(context.old, "spec", "cidrs")
    if (len(was), len(cidrs)) != (1, 2) and len(was) != len(cidrs):
        return [immutable(field, dig(obj, "spec", "cidrs"))]
    found = [
        immutable(f"{field}[{position}]", ours)
        for position, (ours, theirs) in enumerate(zip(cidrs, was, strict=False))
        if ours != theirs
    ]
    return found if len(was) == len(cidrs) else found + _check_ranges(cidrs, field)


def _check_ranges(cidrs: Sequence[str], field: str) -> list[Cause]:
    if not cidrs:
        return [required(field, "at least one CIDR required")]
    if len(cidrs) > _MAX_RANGES:
        return [invalid(field, {"CIDRs": cidrs}, "may only hold up to 2 values")]
    found = [
        invalid(f"{field}[{position}]", cidr, problem)
        for position, cidr in enumerate(cidrs)
        for problem in canonical_cidr_problems(cidr)
    ]
    versions = [network.version for cidr in cidrs if (network := parse_cidr(cidr)) is not None]
    if len(versions) != len(set(versions)):
        why = (
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
            "2001:db8::/64"
        )
        found.append(invalid(field, cidrs, why))
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    NETWORKING.resource(
        "Ingress",
        "ingresses",
        upstream_folder="ingress",
        short=("ing",),
        subresources=(STATUS,),
        strategy=with_status(complete=True, validate=_validate_ingress, warnings=_warn_of_ingress),
        columns=table(
            column(
                "Class",
                _class,
                (
                    "The name of the IngressClass resource that should be used for additional "
                    "configuration"
                ),
            ),
            column(
                "Hosts",
                _hosts,
                "Hosts that incoming requests are matched against before the ingress rule",
            ),
            column(
                "Address",
                _address,
                "Address is a list containing ingress points for the load-balancer",
            ),
            column("Ports", _ports, "Ports of TLS configurations that open"),
        ),
    ),
    NETWORKING.resource(
        "IngressClass",
        "ingressclasses",
        namespaced=False,
        strategy=without_status(
            complete=True,
            defaults=_class_defaults,
            validate=_validate_class,
            validate_update=unchanging("spec.controller", absent=""),
            generation=True,
        ),
        columns=(
            marked_name(_DEFAULT_CLASS),
            column(
                "Controller",
                value_at("spec", "controller"),
                "Controller that is responsible for handling this class",
            ),
            column(
                "Parameters", _parameters, "A reference to a resource with additional parameters"
            ),
            AGE,
        ),
    ),
    NETWORKING.resource(
        "NetworkPolicy",
        "networkpolicies",
        short=("netpol",),
        strategy=without_status(
            complete=True,
            defaults=_policy_defaults,
            validate=_validate_policy,
            warnings=_warn_of_policy,
            generation=True,
        ),
        columns=table(
            column(
                "Pod-Selector",
                selector_at("spec", "podSelector"),
                doc("networking.v1.NetworkPolicySpec.podSelector"),
            ),
        ),
    ),
    NETWORKING.resource(
        "IPAddress",
        "ipaddresses",
        namespaced=False,
        short=("ip",),
        name_rule=canonical_ip_problems,
        strategy=without_status(complete=True, validate=_validate_address),
        columns=(NAME, column("ParentRef", _parent, doc("networking.v1.IPAddressSpec.parentRef"))),
    ),
    NETWORKING.resource(
        "ServiceCIDR",
        "servicecidrs",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            complete=True,
            update=split_status_and_metadata,
            status_keeps=ALL_METADATA,
            validate=_validate_ranges,
            generation=False,
        ),
        columns=table(column("CIDRs", _cidrs, doc("networking.v1.ServiceCIDRSpec.cidrs"))),
    ),
)
