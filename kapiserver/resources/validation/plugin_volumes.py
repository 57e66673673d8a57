"""Volume sources of storage systems, most of them kept for old manifests: what must be there."""

from __future__ import annotations

from collections.abc import Callable

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required, too_long
from kapiserver.resources.names import LABEL_MAX
from kapiserver.resources.validation.formats import Found, check_subdomain, in_range
from kapiserver.resources.validation.paths import check_descending

Check = Callable[[Found, Object, str], None]


def _needs(*fields: str) -> Check:
    def check(found: Found, source: Object, path: str) -> None:
        found += [required(f"{path}.{field}") for field in fields if not source.get(field)]

    return check


def _check_nfs(found: Found, source: Object, path: str) -> None:
    _needs("server", "path")(found, source, path)
    where = source.get("path", "")
    if not where.startswith("/"):
        found.append(invalid(f"{path}.path", where, "must be an absolute path"))


def _check_git(found: Found, source: Object, path: str) -> None:
    _needs("repository")(found, source, path)
    check_descending(found, source.get("directory", ""), f"{path}.directory")


def check_driver(found: Found, driver: str, path: str) -> None:
    if not driver:
        found.append(required(path))
    if len(driver) > LABEL_MAX:
        found.append(too_long(path, LABEL_MAX))
    problems: Found = []
    check_subdomain(problems, driver.lower(), path)
    found += problems


def _check_csi(found: Found, source: Object, path: str) -> None:
    check_driver(found, source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None and not secret.get("name"):
        found.append(required(f"{path}.nodePublishSecretRef.name"))


def _check_partitioned(identity: str) -> Check:
    needs = _needs(identity)

    def check(found: Found, source: Object, path: str) -> None:
        needs(found, source, path)
        partition = source.get("partition", 0)
        if not 0 <= partition <= 255:
            found.append(invalid(f"{path}.partition", partition, in_range(1, 255)))

    return check


def _check_iscsi(found: Found, source: Object, path: str) -> None:
    _needs("targetPortal", "iqn")(found, source, path)
    name = source.get("iqn", "")
    if name and not name.startswith(("iqn", "eui", "naa")):
        detail = "must be valid format starting with iqn, eui, or naa"
        found.append(invalid(f"{path}.iqn", name, detail))
    lun = source.get("lun", 0)
    if not 0 <= lun <= 255:
        found.append(invalid(f"{path}.lun", lun, in_range(0, 255)))
    authenticates = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if authenticates and source.get("secretRef") is None:
        found.append(required(f"{path}.secretRef"))


def _check_fc(found: Found, source: Object, path: str) -> None:
    names, ids = source.get("targetWWNs"), source.get("wwids")
    if not names and not ids:
        detail = "must specify either targetWWNs or wwids, but not both"
        found.append(required(f"{path}.targetWWNs", detail))
    if names and ids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        found.append(invalid(f"{path}.targetWWNs", names, detail))
    if names and source.get("lun") is None:
        found.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))


PLUGIN_SOURCES: dict[str, Check] = {
    "gitRepo": _check_git,
    "gcePersistentDisk": _check_partitioned("pdName"),
    "awsElasticBlockStore": _check_partitioned("volumeID"),
    "nfs": _check_nfs,
    "iscsi": _check_iscsi,
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _needs(),
    "rbd": _needs("monitors", "image"),
    "cinder": _needs("volumeID"),
    "cephfs": _needs("monitors"),
    "quobyte": _needs("registry", "volume"),
    "fc": _check_fc,
    "flexVolume": _needs("driver"),
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _needs("diskName", "diskURI"),
    "storageos": _needs("volumeName"),
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "csi": _check_csi,
}
