"""Where a persistent volume's data is: its one source, as storage systems need it described.

Sources that pods can have as well share their rules with plugin_volumes; the others differ in that
their secrets name a namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required
from kapiserver.resources.validation.formats import (
    Found,
    check_label,
    check_named,
    in_range,
)
from kapiserver.resources.validation.internals import (
    Field,
    Shape,
    flag,
    integer,
    internal,
    nested,
    text,
)
from kapiserver.resources.validation.paths import check_no_backsteps
from kapiserver.resources.validation.plugin_volumes import (
    BAD_SCSI_NAME,
    PLUGIN_SOURCES,
    check_driver,
    check_scsi_name,
)
from kapiserver.resources.validation.volumes import check_host_path

Check = Callable[[Found, Object, str], None]

_MORE_THAN_ONE = "may not specify more than 1 volume type"
_TOO_LONG_PORTAL = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
    "iscsi.initiatorName is specified."
)
_MAX_PORTAL = 64
_CSI_SECRETS = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)


def check_persistent_source(found: Found, spec: Object, path: str, volume_name: str) -> None:
    """All sources but flexVolume shut each other out: the first one counts."""
    count = 0
    for kind, check in _SOURCES.items():
        source = spec.get(kind)
        if source is None:
            continue
        count += 1
        if count > 1 and kind != "flexVolume":
            found.append(forbidden(f"{path}.{_SECOND_NAMES.get(kind, kind)}", _MORE_THAN_ONE))
            continue
        check(found, source, f"{path}.{_PATHS.get(kind, kind)}")
        if kind == "iscsi":
            _check_portal(found, source, f"{path}.iscsi", volume_name)
        elif kind == "local" and spec.get("nodeAffinity") is None:
            found.append(required(f"{path}.nodeAffinity", "Local volume requires node affinity"))
    if count == 0:
        found.append(required(path, "must specify a volume type"))


def source_of(spec: Object) -> Object:
    """The part of a spec that says where the data is."""
    return {kind: spec[kind] for kind in _SOURCES if spec.get(kind) is not None}


def internal_source(source: Object) -> Any:
    """The source as kube-apiserver holds it: of all kinds, all but one are null."""
    return {
        go: None if source.get(kind) is None else _shown(source[kind], _SHAPES.get(kind))
        for go, kind in _GO_NAMES.items()
    }


def _shown(source: Object, shape: Shape | None) -> Any:
    return source if shape is None else internal(source, shape)


def _needs(*fields: str) -> Check:
    def check(found: Found, source: Object, path: str) -> None:
        found += [required(f"{path}.{field}") for field in fields if not source.get(field)]

    return check


def _with_secret(needs: Check) -> Check:
    def check(found: Found, source: Object, path: str) -> None:
        needs(found, source, path)
        secret = source.get("secretRef")
        if secret is not None:
            _needs("name", "namespace")(found, secret, f"{path}.secretRef")

    return check


def _check_glusterfs(found: Found, source: Object, path: str) -> None:
    _needs("endpoints", "path")(found, source, path)
    namespace = source.get("endpointsNamespace")
    if namespace == "":
        detail = "if the endpointnamespace is set, it must be a valid namespace name"
        found.append(invalid(f"{path}.endpointsNamespace", namespace, detail))
    elif namespace is not None:
        check_label(found, namespace, f"{path}.endpointsNamespace")


def _check_azure_file(found: Found, source: Object, path: str) -> None:
    _needs("secretName", "shareName")(found, source, path)
    if source.get("secretNamespace") == "":
        found.append(required(f"{path}.secretNamespace"))


def _check_iscsi(found: Found, source: Object, path: str) -> None:
    _needs("targetPortal", "iqn")(found, source, path)
    if source.get("iqn"):
        check_scsi_name(found, source["iqn"], f"{path}.iqn", BAD_SCSI_NAME)
    lun = source.get("lun", 0)
    if not 0 <= lun <= 255:
        found.append(invalid(f"{path}.lun", lun, in_range(0, 255)))
    secret = source.get("secretRef")
    authenticates = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if authenticates and secret is None:
        found.append(required(f"{path}.secretRef"))
    if secret is not None and not secret.get("name"):
        found.append(required(f"{path}.secretRef.name"))
    if source.get("initiatorName") is not None:
        check_scsi_name(found, source["initiatorName"], f"{path}.initiatorname", BAD_SCSI_NAME)


def _check_portal(found: Found, source: Object, path: str, volume_name: str) -> None:
    portal = source.get("targetPortal", "")
    if source.get("initiatorName") is not None and len(f"{volume_name}:{portal}") > _MAX_PORTAL:
        found.append(invalid(f"{path}.targetportal", portal, _TOO_LONG_PORTAL))


def _check_local(found: Found, source: Object, path: str) -> None:
    where = source.get("path", "")
    if not where:
        found.append(required(f"{path}.path"))
    else:
        check_no_backsteps(found, where, f"{path}.path")


def _check_storage_os(found: Found, source: Object, path: str) -> None:
    name = source.get("volumeName", "")
    if not name:
        found.append(required(f"{path}.volumeName"))
    else:
        check_label(found, name, f"{path}.volumeName")
    if source.get("volumeNamespace"):
        check_label(found, source["volumeNamespace"], f"{path}.volumeNamespace")
    _with_secret(_needs())(found, source, path)


def _check_flex(found: Found, source: Object, path: str) -> None:
    _needs("driver")(found, source, path)
    for key in source.get("options") or ():
        if _is_reserved(key):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            found.append(invalid(f"{path}.options[{key}]", key, detail))


def _is_reserved(key: str) -> bool:
    return f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io"))


def _check_csi(found: Found, source: Object, path: str) -> None:
    check_driver(found, source.get("driver", ""), f"{path}.driver")
    _needs("volumeHandle")(found, source, path)
    for field in _CSI_SECRETS:
        secret = source.get(field)
        if secret is not None:
            _check_secret(found, secret, f"{path}.{field}")


def _check_secret(found: Found, secret: Object, path: str) -> None:
    check_named(found, secret.get("name", ""), f"{path}.name")
    namespace = secret.get("namespace", "")
    if namespace:
        check_label(found, namespace, f"{path}.namespace")
    else:
        found.append(required(f"{path}.namespace"))


def _shared(kinds: Iterable[str]) -> dict[str, Any]:
    return {kind: PLUGIN_SOURCES[kind] for kind in kinds}


# In the order in which kube-apiserver looks for them.
_SOURCES: dict[str, Check] = {
    "hostPath": check_host_path,
    **_shared(("gcePersistentDisk", "awsElasticBlockStore")),
    "glusterfs": _check_glusterfs,
    **_shared(("flocker", "nfs")),
    "rbd": _needs("monitors", "image"),
    **_shared(("quobyte",)),
    "cephfs": _needs("monitors"),
    "iscsi": _check_iscsi,
    "cinder": _with_secret(_needs("volumeID")),
    **_shared(("fc",)),
    "flexVolume": _check_flex,
    "azureFile": _check_azure_file,
    **_shared(("vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk")),
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "local": _check_local,
    "storageos": _check_storage_os,
    "csi": _check_csi,
}
# Paths that differ from the field's name, as kube-apiserver reports them.
_PATHS = {"gcePersistentDisk": "persistentDisk"}
_SECOND_NAMES = {"cephfs": "cephFS"}

_GO_NAMES = {
    "GCEPersistentDisk": "gcePersistentDisk",
    "AWSElasticBlockStore": "awsElasticBlockStore",
    "HostPath": "hostPath",
    "Glusterfs": "glusterfs",
    "NFS": "nfs",
    "RBD": "rbd",
    "Quobyte": "quobyte",
    "ISCSI": "iscsi",
    "FlexVolume": "flexVolume",
    "Cinder": "cinder",
    "CephFS": "cephfs",
    "FC": "fc",
    "Flocker": "flocker",
    "AzureFile": "azureFile",
    "VsphereVolume": "vsphereVolume",
    "AzureDisk": "azureDisk",
    "PhotonPersistentDisk": "photonPersistentDisk",
    "PortworxVolume": "portworxVolume",
    "ScaleIO": "scaleIO",
    "Local": "local",
    "StorageOS": "storageos",
    "CSI": "csi",
}
_SECRET: Shape = {"Name": text("name"), "Namespace": text("namespace")}
# Of those that are still in use; the others are drivers of their own by now.
_SHAPES: dict[str, Shape] = {
    "hostPath": {"Path": text("path"), "Type": Field("type")},
    "nfs": {"Server": text("server"), "Path": text("path"), "ReadOnly": flag("readOnly")},
    "local": {"Path": text("path"), "FSType": Field("fsType")},
    "iscsi": {
        "TargetPortal": text("targetPortal"),
        "IQN": text("iqn"),
        "Lun": integer("lun"),
        "ISCSIInterface": text("iscsiInterface"),
        "FSType": text("fsType"),
        "ReadOnly": flag("readOnly"),
        "Portals": Field("portals"),
        "DiscoveryCHAPAuth": flag("chapAuthDiscovery"),
        "SessionCHAPAuth": flag("chapAuthSession"),
        "SecretRef": nested("secretRef", _SECRET),
        "InitiatorName": Field("initiatorName"),
    },
    "fc": {
        "TargetWWNs": Field("targetWWNs"),
        "Lun": Field("lun"),
        "FSType": text("fsType"),
        "ReadOnly": flag("readOnly"),
        "WWIDs": Field("wwids"),
    },
    "csi": {
        "Driver": text("driver"),
        "VolumeHandle": text("volumeHandle"),
        "ReadOnly": flag("readOnly"),
        "FSType": text("fsType"),
        "VolumeAttributes": Field("volumeAttributes"),
        "ControllerPublishSecretRef": nested("controllerPublishSecretRef", _SECRET),
        "NodeStageSecretRef": nested("nodeStageSecretRef", _SECRET),
        "NodePublishSecretRef": nested("nodePublishSecretRef", _SECRET),
        "ControllerExpandSecretRef": nested("controllerExpandSecretRef", _SECRET),
        "NodeExpandSecretRef": nested("nodeExpandSecretRef", _SECRET),
    },
}
