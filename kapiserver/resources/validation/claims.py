"""Persistent volume claims: specs, also those of templates, changes, statuses, warnings."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.validation.formats import Found, check_label, check_subdomain
from kapiserver.resources.validation.internals import (
    NIL,
    Field,
    Shape,
    internal,
    mapping,
    nested,
    struct,
    text,
)
from kapiserver.resources.validation.label_syntax import qualified_name
from kapiserver.resources.validation.labels import check_annotations, check_labels, check_selector
from kapiserver.resources.validation.quantities import amount, is_native
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.spec_diff import unified_diff

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
CLASS_ANNOTATION_DEPRECATED = 'deprecated since v1.8; use "storageClassName" attribute instead'
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")

_TEMPLATE_METADATA = ("labels", "annotations", "creationTimestamp")
_STORAGE = "spec.resources.requests.storage"
_ATTRIBUTES = "spec.volumeAttributesClassName"
_SPEC_STAYS = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims\n"
)
_SMALLEST = -(1 << 63)  # that a message can show: amounts may be larger than any integer of Go
_SOURCE: Shape = {"APIGroup": Field("apiGroup"), "Kind": text("kind"), "Name": text("name")}
CLAIM_SPEC: Shape = {
    "AccessModes": Field("accessModes"),
    "Selector": Field("selector"),
    "Resources": struct(
        "resources", {"Limits": mapping("limits"), "Requests": mapping("requests")}
    ),
    "VolumeName": text("volumeName"),
    "StorageClassName": Field("storageClassName"),
    "VolumeMode": Field("volumeMode"),
    "DataSource": nested("dataSource", _SOURCE),
    "DataSourceRef": nested("dataSourceRef", {**_SOURCE, "Namespace": Field("namespace")}),
    "VolumeAttributesClassName": Field("volumeAttributesClassName"),
}
_RESIZE_STATES = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)


def check_claim_template(found: Found, template: Object, path: str) -> None:
    metadata = template.get("metadata") or {}
    check_annotations(found, metadata.get("annotations"), f"{path}.metadata.annotations")
    check_labels(found, metadata.get("labels"), f"{path}.metadata.labels")
    for field in metadata:
        if field not in _TEMPLATE_METADATA:
            found.append(forbidden(f"{path}.metadata.{field}", "cannot be set"))
    check_claim_spec(found, template.get("spec") or {}, f"{path}.spec")


def check_access_modes(found: Found, modes: Any, path: str) -> None:
    found += [unsupported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and any(
        mode in ACCESS_MODES and mode != "ReadWriteOncePod" for mode in modes
    ):
        found.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))


def check_claim_spec(found: Found, spec: Object, path: str, old: Object | None = None) -> None:
    modes = spec.get("accessModes") or ()
    if not modes:
        found.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    _check_selected(found, spec, path, old)
    check_access_modes(found, modes, f"{path}.accessModes")
    storage = _requested(spec)
    if storage is None:
        found.append(required(f"{path}.resources[storage]"))
    else:
        check_positive(found, storage, f"{path}.resources[storage]")
    if spec.get("storageClassName"):
        check_subdomain(found, spec["storageClassName"], f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        found.append(unsupported(f"{path}.volumeMode", mode, VOLUME_MODES))
    _check_sources(found, spec, path, old)
    if spec.get("volumeAttributesClassName"):
        name = spec["volumeAttributesClassName"]
        check_subdomain(found, name, f"{path}.volumeAttributesClassName")


def check_positive(found: Found, quantity: Any, path: str) -> None:
    if amount(quantity) <= 0:
        found.append(invalid(path, str(quantity), "must be greater than zero"))


def check_basic_resource(found: Found, quantity: Any, path: str) -> None:
    value = amount(quantity)
    if value < 0:
        whole = max(-(-value.numerator // value.denominator), _SMALLEST)
        found.append(invalid(path, whole, "must be a valid resource quantity"))


def _requested(spec: Object) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _check_selected(found: Found, spec: Object, path: str, old: Object | None) -> None:
    before: Found = []
    check_selector(before, (old or {}).get("selector"), "")
    # values that were stored before they were looked at may stay
    check_selector(found, spec.get("selector"), f"{path}.selector", values=not before)


def _check_sources(found: Found, spec: Object, path: str, old: Object | None) -> None:
    lenient = any(
        ((old or {}).get(field) or {}).get("apiGroup") is not None
        for field in ("dataSource", "dataSourceRef")
    )
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None:
        _check_source(found, source, f"{path}.dataSource", lenient)
    if reference is not None:
        _check_source(found, reference, f"{path}.dataSourceRef", lenient)
        if reference.get("namespace"):
            check_label(found, reference["namespace"], f"{path}.dataSourceRef.namespace")
    if source is None or reference is None:
        return
    # the value shown is a path, which prints as an empty object
    if reference.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        found.append(invalid(path, {}, detail))
    elif _named(source) != _named(reference):
        found.append(invalid(path, {}, "must match dataSourceRef"))


def _named(source: Object) -> tuple[Any, ...]:
    return (source.get("apiGroup"), source.get("kind", ""), source.get("name", ""))


def _check_source(found: Found, source: Object, path: str, lenient: bool) -> None:
    found += [required(f"{path}.{field}") for field in ("name", "kind") if not source.get(field)]
    group, kind = source.get("apiGroup") or "", source.get("kind", "")
    if not group and kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        found.append(invalid(path, kind, detail))
    if group and not lenient:
        check_subdomain(found, group, f"{path}.apiGroup")


# -- changes -----------------------------------------------------------------------------------


def check_claim_update(found: Found, claim: Object, old: Object) -> None:
    """What may change: the size and the attributes of bound claims, and what was not set yet."""
    spec, before = claim.get("spec") or {}, old.get("spec") or {}
    kept, was = dict(spec), dict(before)
    if not before.get("volumeName"):
        was["volumeName"] = kept.get("volumeName")
    _check_class(found, claim, old, kept, was)
    if (claim.get("status") or {}).get("phase") == "Bound":
        _overlook_size(kept, was)
        if kept.get("volumeAttributesClassName") is not None:
            kept["volumeAttributesClassName"] = was.get("volumeAttributesClassName")
    if not _equal_specs(kept, was):
        diff = unified_diff(internal(was, CLAIM_SPEC), internal(kept, CLAIM_SPEC))
        found.append(forbidden("spec", f"{_SPEC_STAYS}{diff}"))
    _check_size(found, spec, before, old)
    if spec.get("volumeMode") != before.get("volumeMode"):
        found.append(invalid("volumeMode", spec.get("volumeMode") or NIL, "field is immutable"))
    _check_attributes_class(found, spec, before)


def _equal_specs(one: Object, other: Object) -> bool:
    if same(one, other):
        return True
    # 1Gi and 1024Mi are the same amount
    return same(_measured(one), _measured(other))


def _measured(spec: Object) -> Object:
    resources = {
        side: {name: amount(text) for name, text in (amounts or {}).items()}
        for side, amounts in (spec.get("resources") or {}).items()
        if isinstance(amounts, dict)
    }
    return {**spec, "resources": resources}


def _overlook_size(spec: Object, old: Object) -> None:
    resources = spec.get("resources") or {}
    if resources.get("requests") is None:
        return
    requests = {**resources["requests"], "storage": _requested(old)}
    spec["resources"] = {**resources, "requests": requests}


def _check_class(found: Found, claim: Object, old: Object, kept: Object, was: Object) -> None:
    annotations, before = _annotations(claim), _annotations(old)
    annotated, name = before.get(CLASS_ANNOTATION), kept.get("storageClassName")
    unset = was.get("storageClassName") is None
    if (
        annotated is not None
        and unset
        and name == annotated
        and annotations.get(CLASS_ANNOTATION, annotated) == annotated
    ):
        # the class moves from the annotation to the field
        kept.pop("storageClassName")
        return
    if annotations.get(CLASS_ANNOTATION, "") != before.get(CLASS_ANNOTATION, ""):
        value = annotations.get(CLASS_ANNOTATION, "")
        path = f"metadata.annotations.{CLASS_ANNOTATION}"
        found.append(invalid(path, value, "field is immutable"))
    if unset and name is not None and annotated in (None, name):
        kept.pop("storageClassName")


def _annotations(obj: Object) -> Object:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _check_size(found: Found, spec: Object, before: Object, old: Object) -> None:
    """Smaller only to recover from a growth that failed: never down to what there is."""
    size, was = amount(_requested(spec) or "0"), amount(_requested(before) or "0")
    if size >= was:
        return
    capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    if size <= amount(capacity):
        found.append(forbidden(_STORAGE, "field can not be less than status.capacity"))


def _check_attributes_class(found: Found, spec: Object, before: Object) -> None:
    name, was = spec.get("volumeAttributesClassName"), before.get("volumeAttributesClassName")
    if was is None or name == was:
        return
    if name is None:
        found.append(forbidden(_ATTRIBUTES, "update from non-nil value to nil is forbidden"))
    elif not name:
        detail = "update from non-nil value to an empty string is forbidden"
        found.append(forbidden(_ATTRIBUTES, detail))


# -- status ------------------------------------------------------------------------------------


def check_claim_status(found: Found, claim: Object) -> None:
    if not (claim.get("spec") or {}).get("accessModes"):
        found.append(required("Spec.accessModes"))
    status = claim.get("status") or {}
    for name, quantity in (status.get("capacity") or {}).items():
        check_basic_resource(found, quantity, f"status.capacity[{name}]")
    path = "status.allocatedResourceStatus"
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        _check_resource_key(found, name, path)
        if state not in _RESIZE_STATES:
            found.append(unsupported(path, name, _RESIZE_STATES))
    path = "status.allocatedResources"
    for name, quantity in (status.get("allocatedResources") or {}).items():
        before = len(found)
        _check_resource_key(found, name, path)
        if len(found) == before:
            check_basic_resource(found, quantity, f"{path}[{name}]")


def _check_resource_key(found: Found, name: str, path: str) -> None:
    problems = qualified_name(name)
    found += [invalid(path, name, problem) for problem in problems]
    if not problems and is_native(name) and name != "storage":
        found.append(unsupported(path, name, ("storage",)))


# -- warnings ----------------------------------------------------------------------------------


def claim_warnings(claim: Object) -> list[str]:
    warnings = []
    if CLASS_ANNOTATION in _annotations(claim):
        path = f"metadata.annotations[{CLASS_ANNOTATION}]"
        warnings.append(f"{path}: {CLASS_ANNOTATION_DEPRECATED}")
    return warnings + claim_spec_warnings(claim.get("spec") or {}, "spec")


def claim_spec_warnings(spec: Object, path: str) -> list[str]:
    warnings = []
    for side in ("requests", "limits"):
        quantity = ((spec.get("resources") or {}).get(side) or {}).get("storage")
        if quantity is not None and amount(quantity).denominator != 1:
            warnings.append(
                f"{path}.resources.{side}[storage]: fractional byte value "
                f'"{quantity}" is invalid, must be an integer'
            )
    return warnings


# -- data sources ------------------------------------------------------------------------------


def normalise_sources(spec: Object, old: Object | None) -> None:
    """dataSource, the older field, and dataSourceRef say the same unless both are given."""
    reference = spec.get("dataSourceRef")
    in_use = old is not None and old.get("dataSourceRef") is not None
    if reference is not None and reference.get("namespace") and not in_use:
        # sources in other namespaces are an alpha feature, and off
        del spec["dataSourceRef"]
    had_source = old is not None and (
        old.get("dataSource") is not None or old.get("dataSourceRef") is not None
    )
    source = spec.get("dataSource")
    if source is not None and not had_source and spec.get("dataSourceRef") is None:
        kind = (source.get("apiGroup") or "", source.get("kind", ""))
        if kind not in _OLD_SOURCES:
            del spec["dataSource"]
    copy_sources(spec)


def copy_sources(spec: Object) -> None:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        spec["dataSource"] = {k: v for k, v in reference.items() if k != "namespace"}


_OLD_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
