"""core/v1: persistentvolumes and persistentvolumeclaims."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_group import CORE
from kapiserver.resources.declare import STATUS, text_at
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import forbidden, required
from kapiserver.resources.printing import (
    AGE,
    NAME,
    UNSET,
    Cell,
    column,
    dig,
    items,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    drop_status,
    in_order,
    set_default,
    unchanging,
    with_status,
)

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
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
    annotated = text(obj, "metadata", "annotations", CLASS_ANNOTATION)
    return annotated or text(obj, "spec", "storageClassName")


def _claim(obj: Object, now: float) -> str:
    claim = dig(obj, "spec", "claimRef")
    return f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else ""


def _if_bound(cell: Cell) -> Cell:
    return lambda obj, now: cell(obj, now) if dig(obj, "spec", "volumeName") else ""


def _volume_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "persistentVolumeReclaimPolicy", "Retain")
    set_default(spec, "volumeMode", "Filesystem")
    claim = spec.get("claimRef")
    if isinstance(claim, dict):
        set_default(claim, "kind", "PersistentVolumeClaim")
        set_default(claim, "apiVersion", "v1")


def _claim_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "volumeMode", "Filesystem")


def _pending(obj: Object, context: WriteContext) -> None:
    obj["status"] = {"phase": "Pending"}


def _validate_volume(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = [
        required(f"spec.{field}")
        for field in ("accessModes", "capacity")
        if not spec.get(field) and not context.subresource
    ]
    return found


def _validate_claim(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found = []
    if not spec.get("accessModes"):
        found.append(required("spec.accessModes", "at least 1 access mode is required"))
    if not dig(spec, "resources", "requests", "storage"):
        found.append(required("spec.resources[storage]"))
    return found


# What may change after creation: growing, and what the binder fills in once.
_CLAIM_MUTABLE = ("resources", "volumeAttributesClassName")
_CLAIM_SET_ONCE = ("volumeName", "storageClassName")


def _claim_spec_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    old = context.old
    if old is None or context.subresource:
        return ()
    before, after = dict(old.get("spec") or {}), dict(obj.get("spec") or {})
    for field in _CLAIM_MUTABLE:
        before.pop(field, None)
        after.pop(field, None)
    for field in _CLAIM_SET_ONCE:
        if not before.get(field):
            after.pop(field, None)
            before.pop(field, None)
    if before == after:
        return ()
    return [
        forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims",
        )
    ]


_VOLUME_MODE = column(
    "VolumeMode",
    value_at("spec", "volumeMode", absent=UNSET),
    "Whether it is a filesystem or a raw block device.",
    wide=True,
)
_ATTRIBUTES_CLASS = column(
    "VolumeAttributesClass",
    value_at("spec", "volumeAttributesClassName", absent=UNSET),
    "Name of the class of its attributes.",
)
_STORAGE_CLASS = column("StorageClass", _class, "Name of its storage class.")

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    CORE.resource(
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        returns_deleted=True,
        short=("pvc",),
        subresources=(STATUS,),
        fields={"name": text_at("metadata", "name")},
        strategy=with_status(
            defaults=_claim_defaults,
            create=_pending,
            validate=_validate_claim,
            validate_update=_claim_spec_stays,
            generation=False,
        ),
        columns=(
            NAME,
            column("Status", _phase, "Pending, Bound, Lost or Terminating."),
            column("Volume", value_at("spec", "volumeName"), "The volume that it is bound to."),
            column(
                "Capacity",
                _if_bound(value_at("status", "capacity", "storage", absent="0")),
                "Size of the bound volume.",
            ),
            column(
                "Access Modes",
                _if_bound(lambda obj, now: access_modes(obj, "status", "accessModes")),
                "How the bound volume can be mounted.",
            ),
            _STORAGE_CLASS,
            _ATTRIBUTES_CLASS,
            AGE,
            _VOLUME_MODE,
        ),
    ),
    CORE.resource(
        "PersistentVolume",
        "persistentvolumes",
        returns_deleted=True,
        namespaced=False,
        short=("pv",),
        subresources=(STATUS,),
        fields={"name": text_at("metadata", "name")},
        strategy=with_status(
            defaults=_volume_defaults,
            create=in_order(drop_status, _pending),
            validate=_validate_volume,
            validate_update=unchanging("spec.volumeMode"),
            generation=False,
        ),
        columns=(
            NAME,
            column(
                "Capacity",
                value_at("spec", "capacity", "storage", absent="0"),
                "Size of the volume.",
            ),
            column(
                "Access Modes",
                lambda obj, now: access_modes(obj, "spec", "accessModes"),
                "How the volume can be mounted.",
            ),
            column(
                "Reclaim Policy",
                value_at("spec", "persistentVolumeReclaimPolicy"),
                "What happens to the volume when its claim is gone.",
            ),
            column("Status", _phase, "Available, Bound, Released, Failed or Terminating."),
            column("Claim", _claim, "The claim that it is bound to."),
            _STORAGE_CLASS,
            _ATTRIBUTES_CLASS,
            column("Reason", value_at("status", "reason"), "Why it is in its state."),
            AGE,
            _VOLUME_MODE,
        ),
    ),
)
