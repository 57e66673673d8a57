"""core/v1: persistentvolumes and persistentvolumeclaims."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import STATUS
from kapiserver.resources.definition import Column, Object, ResourceDefinition, WriteContext
from kapiserver.resources.pod_defaults import PLUGIN_DEFAULTS
from kapiserver.resources.printing import (
    AGE,
    NAME,
    UNSET,
    Cell,
    column,
    dig,
    doc,
    items,
    text,
    value_at,
)
from kapiserver.resources.resource_lists import round_up
from kapiserver.resources.strategies import set_default, split_status, with_status
from kapiserver.resources.validation.claims import (
    CLASS_ANNOTATION,
    check_claim_spec,
    check_claim_status,
    check_claim_update,
    claim_warnings,
    copy_sources,
    normalise_sources,
)
from kapiserver.resources.validation.persistent_volumes import (
    check_volume,
    check_volume_update,
    volume_warnings,
)

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def access_modes(obj: Object, *path: str) -> str:
    """Access modes, shortened, once each, in upstream's fixed order."""
    present = set(items(obj, *path))
    return ",".join(short for mode, short in _MODES.items() if mode in present)


def _phase(obj: Object, now: float) -> str:
    if dig(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    return text(obj, "status", "phase")


def _class(obj: Object, now: float) -> str:
    """The annotation decides even when it is empty: the claim is for no class then."""
    annotated = (dig(obj, "metadata", "annotations") or {}).get(CLASS_ANNOTATION)
    return text(obj, "spec", "storageClassName") if annotated is None else str(annotated)


def _attributes_class(obj: Object, now: float) -> str:
    name = dig(obj, "spec", "volumeAttributesClassName")
    return UNSET if name is None else str(name)


def _claim(obj: Object, now: float) -> str:
    claim = dig(obj, "spec", "claimRef")
    return f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else ""


def _if_bound(cell: Cell) -> Cell:
    return lambda obj, now: cell(obj, now) if dig(obj, "spec", "volumeName") else ""


def default_sources(spec: Object) -> None:
    """Of a volume's spec, wherever it is."""
    for kind, values in {**PLUGIN_DEFAULTS, "hostPath": {"type": ""}}.items():
        source = spec.get(kind)
        if isinstance(source, dict):
            for field, value in values.items():
                set_default(source, field, value)
    round_up(spec, "capacity")


def _volume_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "persistentVolumeReclaimPolicy", "Retain")
    set_default(spec, "volumeMode", "Filesystem")
    default_sources(spec)
    _default_phase(obj, context)


def _default_phase(obj: Object, context: WriteContext) -> None:
    if context.subresource == "status":
        set_default(obj.setdefault("status", {}), "phase", "Pending")


def _claim_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "volumeMode", "Filesystem")
    round_up(spec.get("resources") or {}, "requests", "limits")
    round_up(obj.get("status") or {}, "capacity", "allocatedResources")
    _default_phase(obj, context)


def _prepare_volume(obj: Object, context: WriteContext) -> None:
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": _now()}


def _prepare_volume_update(obj: Object, context: WriteContext) -> None:
    split_status(obj, context)
    if context.old is None or context.subresource != "status":
        return
    # when the phase changed is written down here, unless the controller says it itself
    status, before = obj.setdefault("status", {}), context.old.get("status") or {}
    moment = status.get("lastPhaseTransitionTime")
    if status.get("phase") != before.get("phase") and moment in (
        None,
        before.get("lastPhaseTransitionTime"),
    ):
        obj["status"] = {**status, "lastPhaseTransitionTime": _now()}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _prepare_claim(obj: Object, context: WriteContext) -> None:
    obj["status"] = {"phase": "Pending"}
    normalise_sources(obj["spec"], None)


def _prepare_claim_update(obj: Object, context: WriteContext) -> None:
    split_status(obj, context)
    if context.old is not None and context.subresource != "status":
        normalise_sources(obj["spec"], context.old.get("spec") or {})


def _validate_volume(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource != "status":
        check_volume(found, obj, context.old)
    return found


def _volume_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.old is not None and context.subresource != "status":
        check_volume_update(found, obj.get("spec") or {}, context.old.get("spec") or {})
    return found


def _validate_claim(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        check_claim_status(found, obj)
        return found
    old = None if context.old is None else context.old.get("spec") or {}
    check_claim_spec(found, obj.get("spec") or {}, "spec", old)
    return found


def _claim_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    old = context.old
    if old is not None and context.subresource != "status":
        # what was stored before the two fields for a source were kept alike
        spec = dict(old.get("spec") or {})
        copy_sources(spec)
        check_claim_update(found, obj, {**old, "spec": spec})
    return found


def _volume_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return () if context.subresource == "status" else volume_warnings(obj)


def _claim_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return () if context.subresource == "status" else claim_warnings(obj)


def _common_columns(short: str, spec: str) -> tuple[Column, Column, Column]:
    """What the tables of claims and volumes have in common."""
    return (
        column("StorageClass", _class, f"StorageClass of the {short}"),
        column(
            "VolumeAttributesClass",
            _attributes_class,
            f"VolumeAttributesClass of the {short}",
        ),
        column(
            "VolumeMode",
            value_at("spec", "volumeMode", absent=UNSET),
            doc(f"core.v1.{spec}.volumeMode"),
            wide=True,
        ),
    )


_CLAIM_CLASS, _CLAIM_ATTRIBUTES, _CLAIM_MODE = _common_columns("pvc", "PersistentVolumeClaimSpec")
_CLASS, _ATTRIBUTES, _MODE = _common_columns("pv", "PersistentVolumeSpec")


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        returns_deleted=True,
        short=("pvc",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_claim_defaults,
            create=_prepare_claim,
            update=_prepare_claim_update,
            validate=_validate_claim,
            validate_update=_claim_stays,
            warnings=_claim_warnings,
            complete=True,
            generation=False,
        ),
        columns=(
            NAME,
            column("Status", _phase, doc("core.v1.PersistentVolumeClaimStatus.phase")),
            column(
                "Volume",
                value_at("spec", "volumeName"),
                doc("core.v1.PersistentVolumeClaimSpec.volumeName"),
            ),
            column(
                "Capacity",
                _if_bound(value_at("status", "capacity", "storage", absent="0")),
                doc("core.v1.PersistentVolumeClaimStatus.capacity"),
            ),
            column(
                "Access Modes",
                _if_bound(lambda obj, now: access_modes(obj, "status", "accessModes")),
                doc("core.v1.PersistentVolumeClaimStatus.accessModes"),
            ),
            _CLAIM_CLASS,
            _CLAIM_ATTRIBUTES,
            AGE,
            _CLAIM_MODE,
        ),
    ),
    CORE.resource(
        "PersistentVolume",
        "persistentvolumes",
        returns_deleted=True,
        namespaced=False,
        short=("pv",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_volume_defaults,
            create=_prepare_volume,
            update=_prepare_volume_update,
            validate=_validate_volume,
            validate_update=_volume_stays,
            warnings=_volume_warnings,
            complete=True,
            generation=False,
        ),
        columns=(
            NAME,
            column(
                "Capacity",
                value_at("spec", "capacity", "storage", absent="0"),
                doc("core.v1.PersistentVolumeSpec.capacity"),
            ),
            column(
                "Access Modes",
                lambda obj, now: access_modes(obj, "spec", "accessModes"),
                doc("core.v1.PersistentVolumeSpec.accessModes"),
            ),
            column(
                "Reclaim Policy",
                value_at("spec", "persistentVolumeReclaimPolicy"),
                doc("core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy"),
            ),
            column("Status", _phase, doc("core.v1.PersistentVolumeStatus.phase")),
            column("Claim", _claim, doc("core.v1.PersistentVolumeSpec.claimRef")),
            _CLASS,
            _ATTRIBUTES,
            column(
                "Reason", value_at("status", "reason"), doc("core.v1.PersistentVolumeStatus.reason")
            ),
            AGE,
            _MODE,
        ),
    ),
)
