"""storage.k8s.io/v1: storage classes, CSI drivers and nodes, volume attachments."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.core_storage import default_sources
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import immutable
from kapiserver.resources.printing import (
    AGE,
    NAME,
    NONE,
    UNSET,
    column,
    comma_list,
    count_at,
    dig,
    doc,
    flag_at,
    items,
    table,
    text,
    value_at,
)
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    with_status,
    without_status,
)
from kapiserver.resources.validation.csi import (
    check_attachment,
    check_capacity,
    check_csi_driver,
    check_csi_node,
    driver_warnings,
)
from kapiserver.resources.validation.internals import Field, Shape, internal, struct
from kapiserver.resources.validation.internals import text as text_field
from kapiserver.resources.validation.node_labels import selector_warnings
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.storage_classes import (
    check_attributes_class,
    check_stays,
    check_storage_class,
    storage_class_warnings,
)

STORAGE = Group("storage.k8s.io", "io.k8s.api.storage")

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_CLASS_BETA = "storageclass.beta.kubernetes.io/is-default-class"


def _class_defaults(obj: Object, context: WriteContext) -> None:
    set_default(obj, "reclaimPolicy", "Delete")
    set_default(obj, "volumeBindingMode", "Immediate")


def _driver_defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    set_default(spec, "attachRequired", True)
    set_default(spec, "podInfoOnMount", False)
    set_default(spec, "storageCapacity", False)
    set_default(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType")
    set_default(spec, "requiresRepublish", False)
    set_default(spec, "seLinuxMount", False)
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _attachment_defaults(obj: Object, context: WriteContext) -> None:
    inline = dig(obj, "spec", "source", "inlineVolumeSpec")
    if isinstance(inline, dict):
        default_sources(inline)


def _validate_class(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_storage_class(found, obj)
    old = context.old
    if old is not None:
        check_stays(found, obj, old, "parameters", "provisioner", "reclaimPolicy")
        mode = obj.get("volumeBindingMode")
        if mode != old.get("volumeBindingMode"):
            found.append(immutable("volumeBindingMode", mode))
    return found


def _validate_attributes_class(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_attributes_class(found, obj)
    if context.old is not None:
        check_stays(found, obj, context.old, "driverName", "parameters")
    return found


def _validate_driver(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_csi_driver(found, obj.get("spec") or {}, _old_spec(context))
    return found


def _validate_node(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_csi_node(found, obj.get("spec") or {}, _old_spec(context))
    return found


def _validate_capacity(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_capacity(found, obj, context.old)
    return found


def _validate_attachment(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    check_attachment(found, obj, is_new=context.old is None)
    old, spec = _old_spec(context), obj.get("spec") or {}
    if old is not None and not same(spec, old):
        found.append(immutable("spec", internal(spec, _ATTACHMENT)))
    return found


def _old_spec(context: WriteContext) -> Object | None:
    return None if context.old is None else context.old.get("spec") or {}


def _class_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return list(storage_class_warnings(obj))


def _driver_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return driver_warnings(obj.get("spec") or {}, _old_spec(context) or {})


def _no_generation(obj: Object, context: WriteContext) -> None:
    """Drivers are counted from their first change on."""
    obj["metadata"].pop("generation", None)


def _capacity_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    return list(selector_warnings(obj.get("nodeTopology"), "nodeTopology"))


_ATTACHMENT: Shape = {
    "Attacher": text_field("attacher"),
    "Source": struct(
        "source",
        {
            "PersistentVolumeName": Field("persistentVolumeName"),
            "InlineVolumeSpec": Field("inlineVolumeSpec"),
        },
    ),
    "NodeName": text_field("nodeName"),
}


def _default_class(classes: Sequence[Object]) -> int | None:
    """Of those that are said to be the default, the newest is; of equally new ones, the first."""
    chosen: int | None = None
    for place, candidate in enumerate(classes):
        if not _is_default(candidate):
            continue
        if chosen is None or _older(classes[chosen], candidate):
            chosen = place
    return chosen


def _is_default(obj: Object) -> bool:
    marks = dig(obj, "metadata", "annotations") or {}
    return "true" in (marks.get(_DEFAULT_CLASS), marks.get(_DEFAULT_CLASS_BETA))


def _older(one: Object, other: Object) -> bool:
    """Times are of one form, and in the order of their text. Names decide for equal ones."""
    was, now = (text(obj, "metadata", "creationTimestamp") for obj in (one, other))
    if was != now:
        return was < now
    return text(other, "metadata", "name") < text(one, "metadata", "name")


def _modes(obj: Object, now: float) -> str:
    return comma_list(items(obj, "spec", "volumeLifecycleModes"), absent=NONE)


def _token_requests(obj: Object, now: float) -> str:
    if dig(obj, "spec", "tokenRequests") is None:
        return UNSET
    return comma_list(text(request, "audience") for request in items(obj, "spec", "tokenRequests"))


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    STORAGE.resource(
        "CSIDriver",
        "csidrivers",
        returns_deleted=True,
        namespaced=False,
        strategy=without_status(
            create=_no_generation,
            defaults=_driver_defaults,
            validate=_validate_driver,
            warnings=_driver_warnings,
            complete=True,
            unconditional_update=False,
            generation=True,
        ),
        columns=table(
            column(
                "AttachRequired",
                flag_at("spec", "attachRequired", absent=True),
                doc("storage.v1.CSIDriverSpec.attachRequired"),
                type="boolean",
            ),
            column(
                "PodInfoOnMount",
                flag_at("spec", "podInfoOnMount"),
                doc("storage.v1.CSIDriverSpec.podInfoOnMount"),
                type="boolean",
            ),
            column(
                "StorageCapacity",
                flag_at("spec", "storageCapacity"),
                doc("storage.v1.CSIDriverSpec.storageCapacity"),
                type="boolean",
            ),
            column("TokenRequests", _token_requests, doc("storage.v1.CSIDriverSpec.tokenRequests")),
            column(
                "RequiresRepublish",
                flag_at("spec", "requiresRepublish"),
                doc("storage.v1.CSIDriverSpec.requiresRepublish"),
                type="boolean",
            ),
            column("Modes", _modes, doc("storage.v1.CSIDriverSpec.volumeLifecycleModes")),
        ),
    ),
    STORAGE.resource(
        "CSINode",
        "csinodes",
        returns_deleted=True,
        namespaced=False,
        # Without the status subresource: it belongs to an alpha feature that is off.
        strategy=with_status(
            validate=_validate_node, complete=True, unconditional_update=False, generation=False
        ),
        columns=table(
            column(
                "Drivers",
                count_at("spec", "drivers"),
                "Drivers indicates the number of CSI drivers registered on the node",
                type="integer",
            )
        ),
    ),
    STORAGE.resource(
        "CSIStorageCapacity",
        "csistoragecapacities",
        strategy=without_status(
            validate=_validate_capacity,
            warnings=_capacity_warnings,
            complete=True,
            unconditional_update=False,
        ),
        columns=(
            NAME,
            column(
                "StorageClassName",
                value_at("storageClassName"),
                doc("storage.v1.CSIStorageCapacity.storageClassName"),
            ),
            column(
                "Capacity",
                value_at("capacity", absent=UNSET),
                doc("storage.v1.CSIStorageCapacity.capacity"),
            ),
        ),
    ),
    STORAGE.resource(
        "StorageClass",
        "storageclasses",
        default_of=_default_class,
        returns_deleted=True,
        namespaced=False,
        short=("sc",),
        strategy=without_status(
            defaults=_class_defaults,
            validate=_validate_class,
            warnings=_class_warnings,
            complete=True,
        ),
        columns=(
            NAME,
            column(
                "Provisioner", value_at("provisioner"), doc("storage.v1.StorageClass.provisioner")
            ),
            column(
                "ReclaimPolicy",
                value_at("reclaimPolicy", absent="Delete"),
                doc("storage.v1.StorageClass.reclaimPolicy"),
            ),
            column(
                "VolumeBindingMode",
                value_at("volumeBindingMode", absent="Immediate"),
                doc("storage.v1.StorageClass.volumeBindingMode"),
            ),
            column(
                "AllowVolumeExpansion",
                flag_at("allowVolumeExpansion"),
                doc("storage.v1.StorageClass.allowVolumeExpansion"),
            ),
            AGE,
        ),
    ),
    STORAGE.resource(
        "VolumeAttachment",
        "volumeattachments",
        returns_deleted=True,
        namespaced=False,
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_attachment_defaults,
            update=split_status_and_metadata,
            status_keeps=ALL_METADATA,
            validate=_validate_attachment,
            complete=True,
            unconditional_update=False,
            generation=False,
        ),
        columns=table(
            column(
                "Attacher",
                value_at("spec", "attacher"),
                doc("storage.v1.VolumeAttachmentSpec.attacher"),
                format="name",
            ),
            column(
                "PV",
                value_at("spec", "source", "persistentVolumeName"),
                doc("storage.v1.VolumeAttachmentSource.persistentVolumeName"),
            ),
            column(
                "Node",
                value_at("spec", "nodeName"),
                doc("storage.v1.VolumeAttachmentSpec.nodeName"),
            ),
            column(
                "Attached",
                flag_at("status", "attached"),
                doc("storage.v1.VolumeAttachmentStatus.attached"),
                type="boolean",
            ),
        ),
    ),
    STORAGE.resource(
        "VolumeAttributesClass",
        "volumeattributesclasses",
        returns_deleted=True,
        namespaced=False,
        short=("vac",),
        strategy=without_status(validate=_validate_attributes_class, complete=True),
        columns=table(
            column(
                "DriverName",
                value_at("driverName"),
                doc("storage.v1.VolumeAttributesClass.driverName"),
            )
        ),
    ),
)
