"""resource.k8s.io/v1: devices, and the claims of pods on them (dynamic resource allocation)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group, text_at
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import shown, too_many
from kapiserver.resources.printing import column, dig, doc, items, since, table, text, value_at
from kapiserver.resources.strategies import (
    drop_status,
    in_order,
    set_default,
    split_status_and_metadata,
    unchanging,
    with_status,
    without_status,
)
from kapiserver.resources.validation.conditions import check_conditions
from kapiserver.resources.validation.device_claims import (
    check_claim_status,
    check_device_claim,
    check_device_class,
    device_identity,
)
from kapiserver.resources.validation.devices import (
    MAX_CONDITIONS,
    check_driver_name,
    check_name,
    check_pool_name,
    check_taint,
)
from kapiserver.resources.validation.labels import check_annotations, check_labels
from kapiserver.resources.validation.resource_slices import check_slice

RESOURCE = Group("resource.k8s.io", "io.k8s.api.resource")

_NAME_AND_AGE = table()
_LIST_ATTRIBUTES = ("bools", "ints", "strings", "versions")


def _asked(spec: object) -> list[Object]:
    """All requests for devices, and the alternatives of those that have some."""
    asked: list[Object] = []
    for request in items(spec, "devices", "requests"):
        exactly = request.get("exactly")
        asked += [exactly] if isinstance(exactly, dict) else []
        asked += items(request, "firstAvailable")
    return asked


def _claim_spec_defaults(spec: object) -> None:
    for asked in _asked(spec):
        if not asked.get("allocationMode"):
            asked["allocationMode"] = "ExactCount"
        if asked["allocationMode"] == "ExactCount" and not asked.get("count"):
            asked["count"] = 1
        _toleration_defaults(asked)


def _toleration_defaults(owner: Object) -> None:
    for toleration in items(owner, "tolerations"):
        if not toleration.get("operator"):
            toleration["operator"] = "Equal"


def _claim_defaults(obj: Object, context: WriteContext) -> None:
    _claim_spec_defaults(obj.setdefault("spec", {}))
    for result in items(obj, "status", "allocation", "devices", "results"):
        _toleration_defaults(result)


def _template_defaults(obj: Object, context: WriteContext) -> None:
    _claim_spec_defaults(dig(obj, "spec", "spec"))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _slice_defaults(obj: Object, context: WriteContext) -> None:
    for device in items(obj, "spec", "devices"):
        for taint in items(device, "taints"):
            set_default(taint, "timeAdded", _now())


def _taint_rule_defaults(obj: Object, context: WriteContext) -> None:
    set_default(obj.setdefault("spec", {}).setdefault("taint", {}), "timeAdded", _now())


# Fields whose features are off in this version are taken away before anybody looks at them.


def _drop_from_claim(spec: object) -> None:
    for asked in _asked(spec):
        asked.pop("derivedAttributes", None)


def _drop_claim_fields(obj: Object, context: WriteContext) -> None:
    _drop_from_claim(obj.get("spec"))
    for result in items(obj, "status", "allocation", "devices", "results"):
        result.pop("skipNodeOperations", None)


def _drop_template_fields(obj: Object, context: WriteContext) -> None:
    _drop_from_claim(dig(obj, "spec", "spec"))


def _drop_slice_fields(obj: Object, context: WriteContext) -> None:
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    for field in ("skipNodeOperations", "partitionTypeAttribute"):
        spec.pop(field, None)
    for device in items(spec, "devices"):
        device.pop("nodeAllocatableResources", None)
        for consumption in items(device, "consumesCounters"):
            consumption.pop("compatibilityGroups", None)
        for attribute in (device.get("attributes") or {}).values():
            for field in _LIST_ATTRIBUTES:
                attribute.pop(field, None)


def _drop_deallocated(obj: Object, context: WriteContext) -> None:
    """What is known of devices goes with their allocation."""
    if context.old is None or context.subresource != "status":
        return
    path = ("status", "allocation", "devices", "results")
    gone = {device_identity(result) for result in items(context.old, *path)}
    gone -= {device_identity(result) for result in items(obj, *path)}
    known = items(obj, "status", "devices")
    kept = [device for device in known if device_identity(device) not in gone]
    if kept:
        obj["status"]["devices"] = kept
    elif known:
        del obj["status"]["devices"]


def _renew_taint(obj: Object, context: WriteContext) -> None:
    """The time of a taint is that of its effect, unless the client says another one."""
    before: Any = dig(context.old, "spec", "taint") or {}
    taint: Any = dig(obj, "spec", "taint") or {}
    changed = (taint.get("effect") or "") != (before.get("effect") or "")
    if not context.subresource and changed and taint.get("timeAdded") == before.get("timeAdded"):
        obj["spec"] = {**obj["spec"], "taint": {**taint, "timeAdded": _now()}}


_SPEC_STAYS = unchanging("spec")


def _validate_claim(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.old is None:
        check_device_claim(found, dig(obj, "spec", "devices") or {}, "spec.devices")
    elif context.subresource == "status":
        check_claim_status(found, obj, context.old)
    else:
        found += _SPEC_STAYS(obj, context)
    return found


def _validate_template(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.old is not None:
        return _SPEC_STAYS(obj, context)
    metadata = dig(obj, "spec", "metadata") or {}
    check_annotations(found, metadata.get("annotations"), "spec.metadata.annotations")
    check_labels(found, metadata.get("labels"), "spec.metadata.labels")
    check_device_claim(found, dig(obj, "spec", "spec", "devices") or {}, "spec.spec.devices")
    return found


def _validate_class(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    old = None if context.old is None else context.old.get("spec") or {}
    check_device_class(found, obj.get("spec") or {}, old)
    return found


def _validate_slice(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    old = None if context.old is None else context.old.get("spec") or {}
    check_slice(found, obj.get("spec") or {}, old)
    return found


def _slice_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    driver = text(obj, "spec", "driver")
    if driver == driver.lower():
        return ()
    return [
        f"spec.driver: driver names should be lowercase; {shown(driver)} contains uppercase "
        "characters"
    ]


def _validate_taint_rule(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        conditions, path = items(obj, "status", "conditions"), "status.conditions"
        check_conditions(found, conditions, path)
        if len(conditions) > MAX_CONDITIONS:
            found.append(too_many(path, len(conditions), MAX_CONDITIONS))
        return found
    selector: Object = dig(obj, "spec", "deviceSelector") or {}
    checks = (("driver", check_driver_name), ("pool", check_pool_name), ("device", check_name))
    for field, check in checks:
        if selector.get(field) is not None:
            check(found, selector[field], f"spec.deviceSelector.{field}")
    check_taint(
        found, dig(obj, "spec", "taint") or {}, "spec.taint", dig(context.old, "spec", "taint")
    )
    return found


def _state(claim: Object, now: float) -> str:
    deleted = bool(dig(claim, "metadata", "deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if dig(claim, "status", "allocation") is not None:
        states.append("allocated")
        if items(claim, "status", "reservedFor"):
            states.append("reserved")
    elif not deleted:
        states.append("pending")
    return ",".join(states)


def _taint_age(rule: Object, now: float) -> str:
    added = dig(rule, "spec", "taint", "timeAdded")
    return since(added, now) if added else ""


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    RESOURCE.resource(
        "DeviceClass",
        "deviceclasses",
        returns_deleted=True,
        namespaced=False,
        strategy=without_status(validate=_validate_class, generation=True, complete=True),
        columns=_NAME_AND_AGE,
    ),
    RESOURCE.resource(
        "DeviceTaintRule",
        "devicetaintrules",
        hash_version="v1beta2",
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_taint_rule_defaults,
            update=in_order(_renew_taint, split_status_and_metadata),
            status_keeps=ALL_METADATA,
            validate=_validate_taint_rule,
            unconditional_update=False,
            complete=True,
        ),
        columns=table(
            column("Key", value_at("spec", "taint", "key"), doc("resource.v1.DeviceTaint.key")),
            column(
                "Value", value_at("spec", "taint", "value"), doc("resource.v1.DeviceTaint.value")
            ),
            column(
                "Effect", value_at("spec", "taint", "effect"), doc("resource.v1.DeviceTaint.effect")
            ),
            column("TimeAdded", _taint_age, doc("resource.v1.DeviceTaint.timeAdded")),
        ),
    ),
    RESOURCE.resource(
        "ResourceClaim",
        "resourceclaims",
        returns_deleted=True,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_claim_defaults,
            create=in_order(drop_status, _drop_claim_fields),
            update=in_order(_drop_claim_fields, split_status_and_metadata, _drop_deallocated),
            status_keeps=ALL_METADATA,
            validate=_validate_claim,
            generation=False,
            complete=True,
        ),
        columns=table(
            column(
                "State",
                _state,
                "A summary of the current state (allocated, pending, reserved, etc.).",
            )
        ),
    ),
    RESOURCE.resource(
        "ResourceClaimTemplate",
        "resourceclaimtemplates",
        returns_deleted=True,
        strategy=without_status(
            defaults=_template_defaults,
            create=_drop_template_fields,
            update=_drop_template_fields,
            validate=_validate_template,
            complete=True,
        ),
        columns=_NAME_AND_AGE,
    ),
    RESOURCE.resource(
        "ResourceSlice",
        "resourceslices",
        returns_deleted=True,
        namespaced=False,
        strategy=without_status(
            defaults=_slice_defaults,
            create=_drop_slice_fields,
            update=_drop_slice_fields,
            validate=_validate_slice,
            warnings=_slice_warnings,
            generation=True,
            complete=True,
        ),
        columns=table(
            column(
                "Node", value_at("spec", "nodeName"), doc("resource.v1.ResourceSliceSpec.nodeName")
            ),
            column(
                "Driver", value_at("spec", "driver"), doc("resource.v1.ResourceSliceSpec.driver")
            ),
            column("Pool", value_at("spec", "pool", "name"), doc("resource.v1.ResourcePool.name")),
        ),
        fields={
            "spec.driver": text_at("spec", "driver"),
            "spec.nodeName": text_at("spec", "nodeName"),
        },
        field_refusal=(
            "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {label}"
        ),
    ),
)
