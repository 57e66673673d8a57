"""Defaults that upstream declares in its types (`+default=`), which the package's schemas lost.

They matter beyond documentation: in server-side apply a list item without `protocol` has the key
of one with TCP. Defaults that depend on other fields are not here but with their resources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_CORE = "io.k8s.api.core.v1."
_DISK = {
    "AzureDiskVolumeSource": {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "kind": "Shared",
        "readOnly": False,
    }
}
_RBD = {"keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"}
_SCALE_IO = {"fsType": "xfs", "storageMode": "ThinProvisioned"}
_ISCSI = {"iscsiInterface": "default"}
_NAMED = {"name": ""}
_BY_TYPE: Mapping[str, Mapping[str, Any]] = {
    **_DISK,
    "ContainerPort": {"protocol": "TCP"},
    "ServicePort": {"protocol": "TCP"},
    "GRPCAction": {"service": ""},
    "RBDVolumeSource": _RBD,
    "RBDPersistentVolumeSource": _RBD,
    "ScaleIOVolumeSource": _SCALE_IO,
    "ScaleIOPersistentVolumeSource": _SCALE_IO,
    "ISCSIVolumeSource": _ISCSI,
    "ISCSIPersistentVolumeSource": _ISCSI,
    "LocalObjectReference": _NAMED,
    "ConfigMapEnvSource": _NAMED,
    "ConfigMapKeySelector": _NAMED,
    "ConfigMapProjection": _NAMED,
    "ConfigMapVolumeSource": _NAMED,
    "SecretEnvSource": _NAMED,
    "SecretKeySelector": _NAMED,
    "SecretProjection": _NAMED,
}
_TOLERATIONS = ("v1", "v1beta1", "v1beta2")


def _declared() -> Iterator[tuple[tuple[str, str], Any]]:
    for type_name, fields in _BY_TYPE.items():
        for field, value in fields.items():
            yield (_CORE + type_name, field), value
    for version in _TOLERATIONS:
        yield (f"io.k8s.api.resource.{version}.DeviceToleration", "operator"), "Equal"


# (definition, field) -> default
DECLARED: Mapping[tuple[str, str], Any] = dict(_declared())
