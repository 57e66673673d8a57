"""Volume sources of storage systems, most of them kept for old manifests: what must be there."""

from __future__ import annotations

import re
from collections.abc import Callable

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required, too_long, unsupported
from kapiserver.resources.names import LABEL_MAX, dns1123_label, dns1123_subdomain
from kapiserver.resources.validation.formats import Found, in_range
from kapiserver.resources.validation.paths import check_descending

Check = Callable[[Found, Object, str], None]

_SCSI_NAMES = (
    ("iqn", re.compile(r"iqn\.\d{4}-\d{2}\.[0-9A-Za-z.-]+:[^,;*&$|\s]+\Z", re.ASCII)),
    ("eui", re.compile(r"^eui.[0-9A-Za-z]{16}\Z")),
    ("naa", re.compile(r"^naa.[0-9A-Za-z]{32}\Z")),
)
BAD_SCSI_NAME = "must be valid format"
_UNKNOWN_SCSI_NAME = f"{BAD_SCSI_NAME} starting with iqn, eui, or naa"
_TOO_LONG_PORTAL = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
    "iscsi.initiatorName is specified."
)
_MAX_PORTAL = 64
_host_port = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*):[^:\[\]]*")
_CACHING = ("None", "ReadOnly", "ReadWrite")
_DISK_KINDS = ("Dedicated", "Managed", "Shared")


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
        return
    if len(driver) > LABEL_MAX:
        found.append(too_long(path, LABEL_MAX))
    found += [invalid(path, driver, problem) for problem in dns1123_subdomain(driver.lower())]


def _check_csi(found: Found, source: Object, path: str) -> None:
    check_driver(found, source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is None:
        return
    name, here = secret.get("name", ""), f"{path}.nodePublishSecretRef.name"
    if not name:
        found.append(required(here))
    else:
        found += [invalid(f"{path}.name", name, why) for why in dns1123_subdomain(name)]


def _check_partitioned(identity: str) -> Check:
    needs = _needs(identity)

    def check(found: Found, source: Object, path: str) -> None:
        needs(found, source, path)
        partition = source.get("partition", 0)
        if not 0 <= partition <= 255:
            found.append(invalid(f"{path}.partition", partition, in_range(1, 255)))

    return check


def _check_iscsi(found: Found, source: Object, path: str) -> None:
    _needs("targetPortal")(found, source, path)
    if not source.get("iqn"):
        found.append(required(f"{path}.iqn"))
    else:
        check_scsi_name(found, source["iqn"], f"{path}.iqn")
    lun = source.get("lun", 0)
    if not 0 <= lun <= 255:
        found.append(invalid(f"{path}.lun", lun, in_range(0, 255)))
    secret = source.get("secretRef")
    authenticates = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if authenticates and secret is None:
        found.append(required(f"{path}.secretRef"))
    if source.get("initiatorName") is not None:
        check_scsi_name(found, source["initiatorName"], f"{path}.initiatorname")


def check_scsi_name(found: Found, name: str, path: str, unknown: str = _UNKNOWN_SCSI_NAME) -> None:
    """`unknown`: what is said of a name of none of the kinds."""
    for prefix, form in _SCSI_NAMES:
        if name.startswith(prefix):
            if not form.search(name):
                found.append(invalid(path, name, BAD_SCSI_NAME))
            return
    found.append(invalid(path, name, unknown))


def check_portal(found: Found, source: Object, path: str, volume_name: str) -> None:
    """Kubelets name the initiator's interface after both."""
    portal = source.get("targetPortal", "")
    if source.get("initiatorName") is not None and len(f"{volume_name}:{portal}") > _MAX_PORTAL:
        found.append(invalid(f"{path}.name", volume_name, _TOO_LONG_PORTAL))


def _check_fc(found: Found, source: Object, path: str) -> None:
    names, ids, lun = source.get("targetWWNs"), source.get("wwids"), source.get("lun")
    if not names and not ids:
        detail = "must specify either targetWWNs or wwids, but not both"
        found.append(required(f"{path}.targetWWNs", detail))
    if names and ids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        found.append(invalid(f"{path}.targetWWNs", names, detail))
    if names and lun is None:
        found.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
    elif names and lun is not None and not 0 <= lun <= 255:
        found.append(invalid(f"{path}.lun", lun, in_range(0, 255)))


def _check_quobyte(found: Found, source: Object, path: str) -> None:
    registry = source.get("registry", "")
    detail = "must be a host:port pair or multiple pairs separated by commas"
    if not registry:
        found.append(required(f"{path}.registry", detail))
    elif len(source.get("tenant", "")) > LABEL_MAX + 1:
        too_big = "must be a UUID and may not exceed a length of 64 characters"
        found.append(required(f"{path}.tenant", too_big))
    else:
        for pair in registry.split(","):
            if not _host_port.fullmatch(pair):
                found.append(invalid(f"{path}.registry", registry, detail))
    _needs("volume")(found, source, path)


def _check_flocker(found: Found, source: Object, path: str) -> None:
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    if not name and not uuid:
        found.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        found.append(invalid(path, "resource", detail))
    if "/" in name:
        found.append(invalid(f"{path}.datasetName", name, "must not contain '/'"))


def _check_flex(found: Found, source: Object, path: str) -> None:
    _needs("driver")(found, source, path)
    for key in source.get("options") or ():
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            found.append(invalid(f"{path}.options[{key}]", key, detail))


def _check_azure_disk(found: Found, source: Object, path: str) -> None:
    uri, kind, caching = (source.get(f, "") for f in ("diskURI", "kind", "cachingMode"))
    _needs("diskName", "diskURI")(found, source, path)
    if caching and caching not in _CACHING:
        found.append(unsupported(f"{path}.cachingMode", caching, _CACHING))
    if kind and kind not in _DISK_KINDS:
        found.append(unsupported(f"{path}.kind", kind, _DISK_KINDS))
    # a managed disk is named by its place among subscriptions, any other by where its blob is
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        choices = (
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
            "microsoft.compute/disks/{disk-id}",
        )
        found.append(unsupported(f"{path}.diskURI", uri, choices))
    elif kind and kind != "Managed" and not uri.startswith("https://"):
        choices = ("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",)
        found.append(unsupported(f"{path}.diskURI", uri, choices))


def _check_storage_os(found: Found, source: Object, path: str) -> None:
    name, namespace = source.get("volumeName", ""), source.get("volumeNamespace", "")
    if not name:
        found.append(required(f"{path}.volumeName"))
    else:
        found += [invalid(f"{path}.volumeName", name, why) for why in dns1123_label(name)]
    if namespace:
        here = f"{path}.volumeNamespace"
        found += [invalid(here, namespace, why) for why in dns1123_label(namespace)]
    _check_secret_named(found, source, path)


def _check_secret_named(found: Found, source: Object, path: str) -> None:
    secret = source.get("secretRef")
    if secret is not None and not secret.get("name"):
        found.append(required(f"{path}.secretRef.name"))


def _check_cinder(found: Found, source: Object, path: str) -> None:
    _needs("volumeID")(found, source, path)
    _check_secret_named(found, source, path)


PLUGIN_SOURCES: dict[str, Check] = {
    "gitRepo": _check_git,
    "gcePersistentDisk": _check_partitioned("pdName"),
    "awsElasticBlockStore": _check_partitioned("volumeID"),
    "nfs": _check_nfs,
    "iscsi": _check_iscsi,
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _check_flocker,
    "rbd": _needs("monitors", "image"),
    "cinder": _check_cinder,
    "cephfs": _needs("monitors"),
    "quobyte": _check_quobyte,
    "fc": _check_fc,
    "flexVolume": _check_flex,
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _check_azure_disk,
    "storageos": _check_storage_os,
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "csi": _check_csi,
}
