"""core/v1: nodes."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import BadRequest, Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import PROXY_VERBS, STATUS, or_else, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.printing import (
    NONE,
    UNKNOWN,
    Cell,
    column,
    dig,
    doc,
    items,
    table,
    text,
    value_at,
)
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import split_status, with_status
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.ip_syntax import cidr_warnings
from kapiserver.resources.validation.node_rules import check_node, check_node_update

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"
_OTHER_RANGE = (
    'Node in version "v1" cannot be handled as a Node: conversion Error: '
    "v1.PodCIDR and v1.CIDRs[0] do not match"
)


def _status(obj: Object, now: float) -> str:
    words = [
        "Ready" if condition.get("status") == "True" else "NotReady"
        for condition in items(obj, "status", "conditions")
        if condition.get("type") == "Ready"
    ][-1:] or ["Unknown"]
    if dig(obj, "spec", "unschedulable") is True:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(obj: Object, now: float) -> str:
    roles = set()
    for label, value in (dig(obj, "metadata", "labels") or {}).items():
        if label.startswith(_ROLE_PREFIX) and len(label) > len(_ROLE_PREFIX):
            roles.add(label[len(_ROLE_PREFIX) :])
        elif label == _ROLE_LABEL and value:
            roles.add(value)
    return ",".join(sorted(roles)) or NONE


def _address(kind: str) -> Cell:
    def cell(obj: Object, now: float) -> str:
        for address in items(obj, "status", "addresses"):
            if address.get("type") == kind:
                return text(address, "address")
        return NONE

    return cell


def _kernel(obj: Object, now: float) -> str:
    version = text(obj, "status", "nodeInfo", "kernelVersion", absent=UNKNOWN)
    architecture = text(obj, "status", "nodeInfo", "architecture")
    return f"{version} ({architecture})" if architecture else version


def _defaults(obj: Object, context: WriteContext) -> None:
    """What a kubelet may omit: allocatable follows capacity, one pod range is both fields."""
    status = obj.get("status")
    if isinstance(status, dict) and "capacity" in status and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])
    if isinstance(status, dict):
        round_up(status, "capacity", "allocatable")
    spec = obj.get("spec")
    if isinstance(spec, dict):
        _match_ranges(spec)


def _match_ranges(spec: Object) -> None:
    first, ranges = text(spec, "podCIDR"), items(spec, "podCIDRs")
    if first and ranges and first != ranges[0]:
        raise BadRequest(_OTHER_RANGE)
    if first and not ranges:
        spec["podCIDRs"] = [first]
    elif ranges and not first:
        spec["podCIDR"] = ranges[0]


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    """A kubelet registers its node together with its status."""
    _drop(obj, "spec", "configSource")
    _drop(obj, "status", "config")


def _prepare_for_update(obj: Object, context: WriteContext) -> None:
    old = context.old or {}
    if context.subresource == "status" and not dig(old, "status", "config"):
        _drop(obj, "status", "config")
    if not context.subresource and not dig(old, "spec", "configSource"):
        _drop(obj, "spec", "configSource")
    split_status(obj, context)


def _drop(obj: Object, part: str, field: str) -> None:
    """Settings of kubelets are no longer kept here."""
    holder = obj.get(part)
    if isinstance(holder, dict):
        holder.pop(field, None)


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: Found = []
    if not context.subresource:
        before = None if context.old is None else context.old.get("spec") or {}
        check_node(found, obj, before)
    if context.old is not None:
        check_node_update(found, obj, context.old)
    return found


def _warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    if context.subresource:
        return ()
    found = []
    if dig(obj, "spec", "configSource") is not None:
        found.append("spec.configSource: the feature is removed")
    if dig(obj, "spec", "externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    for position, cidr in enumerate(items(obj, "spec", "podCIDRs")):
        found += cidr_warnings(f"spec.podCIDRs[{position}]", cidr)
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Node",
        "nodes",
        upstream_folder="minions",
        namespaced=False,
        short=("no",),
        subresources=(Subresource("proxy", PROXY_VERBS, "NodeProxyOptions"), STATUS),
        strategy=with_status(
            complete=True,
            defaults=_defaults,
            create=_prepare_for_create,
            update=_prepare_for_update,
            validate=_validate,
            warnings=_warnings,
            generation=False,
        ),
        columns=(
            *table(
                column("Status", _status, "The status of the node"),
                column("Roles", _roles, "The roles of the node"),
            ),
            column(
                "Version",
                value_at("status", "nodeInfo", "kubeletVersion"),
                doc("core.v1.NodeSystemInfo.kubeletVersion"),
            ),
            column(
                "Internal-IP",
                _address("InternalIP"),
                doc("core.v1.NodeStatus.addresses"),
                wide=True,
            ),
            column(
                "External-IP",
                _address("ExternalIP"),
                doc("core.v1.NodeStatus.addresses"),
                wide=True,
            ),
            column(
                "OS-Image",
                value_at("status", "nodeInfo", "osImage", absent=UNKNOWN),
                doc("core.v1.NodeSystemInfo.osImage"),
                wide=True,
            ),
            column(
                "Kernel-Version",
                _kernel,
                doc("core.v1.NodeSystemInfo.kernelVersion"),
                wide=True,
            ),
            column(
                "Container-Runtime",
                value_at("status", "nodeInfo", "containerRuntimeVersion", absent=UNKNOWN),
                doc("core.v1.NodeSystemInfo.containerRuntimeVersion"),
                wide=True,
            ),
        ),
        fields={"spec.unschedulable": or_else(text_at("spec", "unschedulable"), "false")},
    ),
)
