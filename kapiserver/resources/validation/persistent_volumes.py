"""Persistent volumes: specs, also those inside volume attachments, changes, warnings."""

from __future__ import annotations

import posixpath
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.validation.claims import (
    CLASS_ANNOTATION,
    CLASS_ANNOTATION_DEPRECATED,
    VOLUME_MODES,
    check_access_modes,
    check_basic_resource,
    check_positive,
)
from kapiserver.resources.validation.formats import Found, check_subdomain
from kapiserver.resources.validation.internals import NIL, Field, Shape, internal, nested, text
from kapiserver.resources.validation.label_syntax import label_value
from kapiserver.resources.validation.node_labels import RENAMED_NODE_LABELS, expression_warnings
from kapiserver.resources.validation.persistent_sources import (
    check_persistent_source,
    internal_source,
    source_of,
)
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.scheduling import check_node_selector
from kapiserver.resources.validation.spec_diff import unified_diff

_MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
_TAKE_MOUNT_OPTIONS = (
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "nfs",
    "rbd",
    "quobyte",
    "iscsi",
    "cinder",
    "cephfs",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
)
_DEPRECATED_SOURCES = {
    "cephfs": ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    "photonPersistentDisk": (
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    "scaleIO": ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    "storageos": ("storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    "glusterfs": ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    "rbd": ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
}
_INLINE = "may not be specified in the context of inline volumes"
_AFFINITY_STAYS = "field is immutable, except for updating from beta label to GA"
_REQUIREMENT: Shape = {"Key": text("key"), "Operator": text("operator"), "Values": Field("values")}
_TERM: Shape = {
    "MatchExpressions": nested("matchExpressions", _REQUIREMENT),
    "MatchFields": nested("matchFields", _REQUIREMENT),
}
_AFFINITY: Shape = {
    "Required": nested("required", {"NodeSelectorTerms": nested("nodeSelectorTerms", _TERM)})
}


def check_volume(found: Found, volume: Object, old: Object | None) -> None:
    metadata, spec = volume.get("metadata") or {}, volume.get("spec") or {}
    before = None if old is None else old.get("spec") or {}
    check_volume_spec(found, spec, "spec", name=metadata.get("name", ""), old=before)
    takes_options = any(spec.get(kind) is not None for kind in _TAKE_MOUNT_OPTIONS)
    if not takes_options and _MOUNT_OPTIONS in (metadata.get("annotations") or {}):
        path = f"metadata.annotations.{_MOUNT_OPTIONS}"
        found.append(forbidden(path, "may not specify mount options for this volume type"))


def check_volume_spec(
    found: Found, spec: Object, path: str, *, name: str = "", old: Object | None = None
) -> None:
    _check_modes(found, spec, path)
    _check_capacity(found, spec.get("capacity"), f"{path}.capacity")
    policy = spec.get("persistentVolumeReclaimPolicy", "")
    here = f"{path}.persistentVolumeReclaimPolicy"
    if policy and policy not in _RECLAIM_POLICIES:
        found.append(unsupported(here, policy, _RECLAIM_POLICIES))
    _check_affinity(found, spec.get("nodeAffinity"), f"{path}.nodeAffinity", old)
    check_persistent_source(found, spec, path, name)
    _check_recycled(found, spec, here)
    if spec.get("storageClassName"):
        check_subdomain(found, spec["storageClassName"], f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        found.append(unsupported(f"{path}.volumeMode", mode, VOLUME_MODES))
    _check_attributes_class(found, spec, path)


def check_inline_spec(found: Found, spec: Object, path: str) -> None:
    """A volume without an object of its own, in a volume attachment: what was migrated to CSI."""
    found += [
        forbidden(f"{path}.{field}", _INLINE)
        for field in ("claimRef", "capacity")
        if spec.get(field)
    ]
    if spec.get("csi") is None:
        detail = "has to be specified in the context of inline volumes"
        found.append(required(f"{path}.csi", detail))
    _check_modes(found, spec, path)
    policy = spec.get("persistentVolumeReclaimPolicy", "")
    if policy and policy != "Retain":
        detail = "may only be Retain in the context of inline volumes"
        found.append(forbidden(f"{path}.persistentVolumeReclaimPolicy", detail))
    if spec.get("nodeAffinity") is not None:
        found.append(forbidden(f"{path}.nodeAffinity", _INLINE))
    check_persistent_source(found, spec, path, "")
    _check_recycled(found, spec, f"{path}.persistentVolumeReclaimPolicy")
    if spec.get("storageClassName"):
        found.append(forbidden(f"{path}.storageClassName", _INLINE))
    if spec.get("volumeMode", "Filesystem") != "Filesystem":
        detail = "may not specify volumeMode other than Filesystem in the context of inline volumes"
        found.append(forbidden(f"{path}.volumeMode", detail))


def _check_modes(found: Found, spec: Object, path: str) -> None:
    modes = spec.get("accessModes") or ()
    if not modes:
        found.append(required(f"{path}.accessModes"))
    check_access_modes(found, modes, f"{path}.accessModes")


def _check_capacity(found: Found, capacity: Any, path: str) -> None:
    if not capacity:
        found.append(required(path))
    if "storage" not in (capacity or {}) or len(capacity) > 1:
        shown = None if capacity is None else dict(sorted(capacity.items()))
        found.append(unsupported(path, shown, ("storage",)))
    for name, quantity in (capacity or {}).items():
        check_basic_resource(found, quantity, f"{path}[{name}]")
        check_positive(found, quantity, f"{path}[{name}]")


def _check_affinity(found: Found, affinity: Any, path: str, old: Object | None) -> None:
    if affinity is None:
        return
    selector = affinity.get("required")
    if selector is None:
        found.append(required(f"{path}.required", "must specify required node constraints"))
        return
    problems: Found = []
    check_node_selector(problems, selector, f"{path}.required")
    if problems and old is not None and _has_bad_values(old.get("nodeAffinity") or {}):
        problems = [problem for problem in problems if ".values[" not in problem.field]
    found += problems


def _has_bad_values(affinity: Object) -> bool:
    terms = (affinity.get("required") or {}).get("nodeSelectorTerms") or ()
    return any(
        label_value(value)
        for term in terms
        for expression in term.get("matchExpressions") or ()
        for value in expression.get("values") or ()
    )


def _check_recycled(found: Found, spec: Object, path: str) -> None:
    host = spec.get("hostPath") or {}
    root = posixpath.normpath(host.get("path", "")) in ("/", "//")
    if root and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(forbidden(path, "may not be 'recycle' for a hostPath mount of '/'"))


def _check_attributes_class(found: Found, spec: Object, path: str) -> None:
    name = spec.get("volumeAttributesClassName")
    if name is None:
        return
    here = f"{path}.volumeAttributesClassName"
    if name:
        check_subdomain(found, name, here)
    else:
        found.append(required(here, "an empty string is disallowed"))
    if spec.get("csi") is None:
        detail = "has to be specified when using volumeAttributesClassName"
        found.append(required(f"{path}.csi", detail))


# -- changes -----------------------------------------------------------------------------------


def check_volume_update(found: Found, spec: Object, old: Object) -> None:
    source, before = source_of(spec), source_of(old)
    csi, was = source.get("csi"), before.get("csi")
    if csi and was and was.get("controllerExpandSecretRef") is None:
        # may be set once
        source["csi"] = {k: v for k, v in csi.items() if k != "controllerExpandSecretRef"}
    if not same(source, before):
        diff = unified_diff(internal_source(before), internal_source(source))
        detail = f"spec.persistentvolumesource is immutable after creation\n{diff}"
        found.append(forbidden("spec.persistentvolumesource", detail))
    if spec.get("volumeMode") != old.get("volumeMode"):
        found.append(invalid("volumeMode", spec.get("volumeMode") or NIL, "field is immutable"))
    affinity, bound = spec.get("nodeAffinity"), old.get("nodeAffinity")
    if bound is not None and not _same_nodes(affinity, bound):
        shown = NIL if affinity is None else internal(affinity, _AFFINITY)
        found.append(invalid("nodeAffinity", shown, _AFFINITY_STAYS))
    if spec.get("volumeAttributesClassName") is None and old.get("volumeAttributesClassName"):
        detail = "update from non-nil value to nil is forbidden"
        found.append(forbidden("spec.volumeAttributesClassName", detail))


def _same_nodes(affinity: Any, old: Any) -> bool:
    """Whether the nodes are the same; labels may have taken their new names."""
    if affinity is None:
        return False
    if same(affinity, old):
        return True
    terms = (affinity.get("required") or {}).get("nodeSelectorTerms") or []
    before = (old.get("required") or {}).get("nodeSelectorTerms") or []
    return len(terms) == len(before) and all(map(_same_term, terms, before))


def _same_term(term: Object, old: Object) -> bool:
    for field in ("matchExpressions", "matchFields"):
        new, before = term.get(field) or [], old.get(field) or []
        if len(new) != len(before) or not all(map(_same_requirement, new, before)):
            return False
    return True


def _same_requirement(new: Object, old: Object) -> bool:
    key = old.get("key", "")
    if new.get("key") != key and RENAMED_NODE_LABELS.get(key) == new.get("key"):
        old = {**old, "key": new["key"]}
    return same(new, old)


# -- warnings ----------------------------------------------------------------------------------


def volume_warnings(volume: Object) -> list[str]:
    annotations = (volume.get("metadata") or {}).get("annotations") or {}
    spec = volume.get("spec") or {}
    warnings = []
    if CLASS_ANNOTATION in annotations:
        path = f"metadata.annotations[{CLASS_ANNOTATION}]"
        warnings.append(f"{path}: {CLASS_ANNOTATION_DEPRECATED}")
    if _MOUNT_OPTIONS in annotations:
        path = f"metadata.annotations[{_MOUNT_OPTIONS}]"
        warnings.append(f'{path}: deprecated since v1.31; use "mountOptions" attribute instead')
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        warnings.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        )
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms")
    path = "spec.nodeAffinity.required.nodeSelectorTerms"
    for position, term in enumerate(terms or ()):
        here = f"{path}[{position}].matchExpressions"
        warnings += expression_warnings(term.get("matchExpressions"), here)
    for kind, (shown, why) in _DEPRECATED_SOURCES.items():
        if spec.get(kind) is not None:
            warnings.append(f"spec.{shown}: {why}")
    return warnings
