"""Nodes: taints, pod ranges, amounts, and where a kubelet's settings came from. Worded as
upstream's. Pure."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    shown,
    unsupported,
)
from kapiserver.resources.names import dns1123_label
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import Found, check_subdomain, config_key
from kapiserver.resources.validation.ip_syntax import cidr_problems, parse_cidr
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.node_annotations import check_node_annotations
from kapiserver.resources.validation.quantities import check_amount
from kapiserver.resources.validation.repeats import repeated

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_RANGES = "spec.podCIDRs"
_ONCE = 'node updates may not change {} except from "" to valid'
_UNREADABLE = (
    "Internal error: invalid PodCIDRs. failed to check with dual stack with error:"
    'failed to parse cidr value:"{0}" with error: invalid CIDR address: {0}'
)
_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*")
_FEATURE_LENGTH = 253
_BAD_FEATURE = "invalid feature name {}: must {}"
_FEATURE_FORM = (
    "start with an UpperCamelCase segment, with subsequent segments separated by '/' "
    "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and "
    "slashes"
)
_UNIQUE = "taints must be unique by key and effect pair"


def check_node(found: Found, node: Object, before: Object | None) -> None:
    """What holds for every node; the ranges that it has are taken as they are."""
    spec = node.get("spec") or {}
    _check_annotations(found, node)
    _check_taints(found, items(spec, "taints"), "metadata.taints")  # upstream's path
    status = node.get("status") or {}
    _check_amounts(found, status)
    if before is None:
        _check_features(found, items(status, "declaredFeatures"), "status.declaredFeatures")
    ranges = items(spec, "podCIDRs")
    known = items(before, "podCIDRs")
    for position, cidr in enumerate(ranges):
        if cidr not in known:
            here = f"{_RANGES}[{position}]"
            found += [invalid(here, cidr, problem) for problem in cidr_problems(cidr)]
    if len(ranges) > 1:
        unreadable = next((cidr for cidr in ranges if parse_cidr(cidr) is None), None)
        if unreadable is not None:
            found.append(Cause("InternalError", _UNREADABLE.format(unreadable), _RANGES))
        versions = {network.version for cidr in ranges if (network := parse_cidr(cidr)) is not None}
        if unreadable is not None or len(versions) < 2 or len(ranges) > 2:
            detail = "may specify no more than one CIDR for each IP family"
            found.append(invalid(_RANGES, ranges, detail))
        found += [
            duplicate(f"{_RANGES}[{position}]", ranges[position])
            for position in sorted(repeated(ranges))
        ]


def check_node_update(found: Found, node: Object, old: Object) -> None:
    """What an update may change, of the node or of its status."""
    spec, before = node.get("spec") or {}, old.get("spec") or {}
    status = node.get("status") or {}
    _check_annotations(found, node)
    _check_amounts(found, status)
    _check_features(found, items(status, "declaredFeatures"), "status.declaredFeatures")
    addresses = [(text(each, "type"), text(each, "address")) for each in items(status, "addresses")]
    for position in sorted(repeated(addresses)):
        kind, address = addresses[position]
        twice = {"Type": kind, "Address": address}
        found.append(duplicate(f"status.addresses[{position}]", twice))
    now, was = items(spec, "podCIDRs"), items(before, "podCIDRs")
    if was and now != was:
        found.append(forbidden(_RANGES, _ONCE.format("podCIDR")))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        found.append(forbidden("spec.providerID", _ONCE.format("providerID")))
    if spec.get("configSource") is not None:
        _check_source(found, spec["configSource"], "spec.configSource", in_status=False)
    for field in ("assigned", "active", "lastKnownGood"):
        source = (status.get("config") or {}).get(field)
        if source is not None:
            _check_source(found, source, f"status.config.{field}", in_status=True)
    _check_taints(found, items(spec, "taints"), "metadata.taints")
    if (spec.get("externalID") or "") != (before.get("externalID") or ""):
        found.append(forbidden("spec.externalID", "may not be updated"))


def _check_annotations(found: Found, node: Object) -> None:
    annotations = (node.get("metadata") or {}).get("annotations") or {}
    check_node_annotations(found, annotations, _check_taints)


def _check_taints(found: Found, taints: list[Any], path: str) -> None:
    seen: set[tuple[str, str]] = set()
    for position, taint in enumerate(taints):
        here = f"{path}[{position}]"
        key, value, effect = text(taint, "key"), text(taint, "value"), text(taint, "effect")
        check_qualified(found, key, f"{here}.key")
        if problems := label_value(value):
            found.append(invalid(f"{here}.value", value, ";".join(problems)))
        if not effect:
            found.append(required(f"{here}.effect"))
        elif effect not in _EFFECTS:
            found.append(unsupported(f"{here}.effect", effect, _EFFECTS))
        if (key, effect) in seen:
            taken = {
                "Key": key,
                "Value": value,
                "Effect": effect,
                "TimeAdded": taint.get("timeAdded"),
            }
            twice = duplicate(here, taken)
            found.append(twice._replace(message=f"{twice.message}: {_UNIQUE}"))
        seen.add((key, effect))


def _check_amounts(found: Found, status: Object) -> None:
    for field in ("capacity", "allocatable"):
        for name, quantity in (status.get(field) or {}).items():
            check_amount(found, name, quantity, f"status.{field}.{name}", partial_pages=True)


def _check_features(found: Found, names: list[Any], path: str) -> None:
    """What the node's kubelet can do: names in order, each once."""
    for position, name in enumerate(names):
        here = f"{path}[{position}]"
        if position and name == names[position - 1]:
            found.append(duplicate(here, name))
        elif position and name < names[position - 1]:
            found.append(invalid(here, name, "list must be sorted alphabetically"))
        problem = ""
        if len(name.encode()) > _FEATURE_LENGTH:
            problem = f"be no more than {_FEATURE_LENGTH} characters"
        elif not _FEATURE.fullmatch(name):
            problem = _FEATURE_FORM
        if problem:
            found.append(invalid(here, name, _BAD_FEATURE.format(shown(name), problem)))


def _check_source(found: Found, source: Object, path: str, *, in_status: bool) -> None:
    settings = source.get("configMap")
    if settings is None:
        detail = "exactly one reference subfield must be non-nil"
        found.append(invalid(path, {"ConfigMap": None}, detail))
        return
    path = f"{path}.configMap"
    for field in ("uid", "resourceVersion"):
        if in_status and not settings.get(field):
            found.append(required(f"{path}.{field}", f"{field} must be set in status"))
        elif not in_status and settings.get(field):
            found.append(forbidden(f"{path}.{field}", f"{field} must not be set in spec"))
    namespace, name = text(settings, "namespace"), text(settings, "name")
    key = text(settings, "kubeletConfigKey")
    if namespace:
        problems = dns1123_label(namespace)
        found += [invalid(f"{path}.namespace", namespace, problem) for problem in problems]
    else:
        found.append(required(f"{path}.namespace", "namespace must be set"))
    if name:
        check_subdomain(found, name, f"{path}.name")
    else:
        found.append(required(f"{path}.name", "name must be set"))
    if key:
        found += [invalid(f"{path}.kubeletConfigKey", key, why) for why in config_key(key)]
    else:
        found.append(required(f"{path}.kubeletConfigKey", "kubeletConfigKey must be set"))
