"""resource.k8s.io/v1: devices, and the claims of pods on them (dynamic resource allocation)."""

from __future__ import annotations

from kapiserver.resources.declare import STATUS, Group, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.printing import PLAIN, column, dig, items, table, value_at
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    unchanging,
    with_status,
    without_status,
)

RESOURCE = Group("resource.k8s.io", "io.k8s.api.resource")

_NAME_AND_AGE = table()


def _claim_spec_defaults(spec: Object) -> None:
    for request in items(spec, "devices", "requests"):
        exactly = request.get("exactly")
        for asked in [exactly] if isinstance(exactly, dict) else items(request, "firstAvailable"):
            set_default(asked, "allocationMode", "ExactCount")
            if asked["allocationMode"] == "ExactCount":
                set_default(asked, "count", 1)
            for toleration in items(asked, "tolerations"):
                set_default(toleration, "operator", "Equal")


def _claim_defaults(obj: Object, context: WriteContext) -> None:
    _claim_spec_defaults(obj.setdefault("spec", {}))


def _template_defaults(obj: Object, context: WriteContext) -> None:
    spec = dig(obj, "spec", "spec")
    if isinstance(spec, dict):
        _claim_spec_defaults(spec)


def _state(claim: Object, now: float) -> str:
    deleted = bool(dig(claim, "metadata", "deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if dig(claim, "status", "allocation"):
        states.append("allocated")
        if items(claim, "status", "reservedFor"):
            states.append("reserved")
    elif not deleted:
        states.append("pending")
    return ",".join(states)


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    RESOURCE.resource(
        "DeviceClass",
        "deviceclasses",
        returns_deleted=True,
        namespaced=False,
        strategy=without_status(generation=True),
        columns=_NAME_AND_AGE,
    ),
    RESOURCE.resource(
        "DeviceTaintRule",
        "devicetaintrules",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(update=split_status_and_metadata),
        columns=PLAIN,
    ),
    RESOURCE.resource(
        "ResourceClaim",
        "resourceclaims",
        returns_deleted=True,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_claim_defaults,
            update=split_status_and_metadata,
            validate_update=unchanging("spec"),
            generation=False,
        ),
        columns=table(column("State", _state, "Pending, allocated, reserved or deleted.")),
    ),
    RESOURCE.resource(
        "ResourceClaimTemplate",
        "resourceclaimtemplates",
        returns_deleted=True,
        strategy=without_status(defaults=_template_defaults, validate_update=unchanging("spec")),
        columns=_NAME_AND_AGE,
    ),
    RESOURCE.resource(
        "ResourceSlice",
        "resourceslices",
        returns_deleted=True,
        namespaced=False,
        strategy=without_status(
            validate_update=unchanging("spec.driver", "spec.pool.name", "spec.nodeName"),
            generation=True,
        ),
        columns=table(
            column("Node", value_at("spec", "nodeName"), "The node that has the devices."),
            column("Driver", value_at("spec", "driver"), "The driver that offers them."),
            column("Pool", value_at("spec", "pool", "name"), "The pool that they are part of."),
        ),
        fields={
            "spec.driver": text_at("spec", "driver"),
            "spec.nodeName": text_at("spec", "nodeName"),
        },
    ),
)
