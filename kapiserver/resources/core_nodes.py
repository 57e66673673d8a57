"""core/v1: nodes."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import PROXY_VERBS, STATUS, or_else, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, Subresource, WriteContext
from kapiserver.resources.field_errors import forbidden
from kapiserver.resources.printing import (
    NONE,
    UNKNOWN,
    Cell,
    column,
    dig,
    items,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import with_status

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


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


def _defaults(obj: Object, context: WriteContext) -> None:
    """What a kubelet may omit: the addresses' order is kept, allocatable follows capacity."""
    status = obj.get("status")
    if isinstance(status, dict) and "capacity" in status and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def _validate_update(obj: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None:
        return ()
    before, after = old.get("spec") or {}, obj.get("spec") or {}
    found = []
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        found.append(
            forbidden(
                "spec.providerID", 'node updates may not change providerID except from "" to valid'
            )
        )
    if before.get("podCIDRs") and before["podCIDRs"] != after.get("podCIDRs"):
        found.append(
            forbidden(
                "spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'
            )
        )
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "Node",
        "nodes",
        namespaced=False,
        short=("no",),
        subresources=(Subresource("proxy", PROXY_VERBS, "NodeProxyOptions"), STATUS),
        strategy=with_status(
            defaults=_defaults,
            create=None,  # a kubelet registers its node together with its status
            validate_update=_validate_update,
            generation=False,
        ),
        columns=(
            *table(
                column("Status", _status, "Whether the node is ready and takes pods."),
                column("Roles", _roles, "The roles that the node's labels give it."),
            ),
            column("Version", value_at("status", "nodeInfo", "kubeletVersion"), "Kubelet version."),
            column("Internal-IP", _address("InternalIP"), "First internal address.", wide=True),
            column("External-IP", _address("ExternalIP"), "First external address.", wide=True),
            column(
                "OS-Image",
                value_at("status", "nodeInfo", "osImage", absent=UNKNOWN),
                "Operating system that the node reports.",
                wide=True,
            ),
            column(
                "Kernel-Version",
                value_at("status", "nodeInfo", "kernelVersion", absent=UNKNOWN),
                "Kernel that the node reports.",
                wide=True,
            ),
            column(
                "Container-Runtime",
                value_at("status", "nodeInfo", "containerRuntimeVersion", absent=UNKNOWN),
                "Container runtime that the node reports.",
                wide=True,
            ),
        ),
        fields={"spec.unschedulable": or_else(text_at("spec", "unschedulable"), "false")},
    ),
)
