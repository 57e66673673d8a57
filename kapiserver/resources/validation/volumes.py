"""Volumes of a pod: names, and one source for each."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kapiserver.resources.names import dns1123_label, dns1123_subdomain
from kapiserver.resources.pod_containers import each_container
from kapiserver.resources.schema.quantity import quantity_value
from kapiserver.resources.validation.claims import check_claim_template
from kapiserver.resources.validation.containers import PULL_POLICIES
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.keys import check_downward, check_keys, check_mode
from kapiserver.resources.validation.paths import check_no_backsteps
from kapiserver.resources.validation.plugin_volumes import PLUGIN_SOURCES, check_portal
from kapiserver.resources.validation.pod_tolerance import STRICT, Tolerance
from kapiserver.resources.validation.projected import check_projected

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)


def check_volumes(
    found: Found, volumes: Any, path: str, *, pod_name: str, tolerance: Tolerance = STRICT
) -> dict[str, Object]:
    """Answers with the well-formed volumes by name: only they can be mounted."""
    good: dict[str, Object] = {}
    created = {
        f"{pod_name}-{volume.get('name', '')}"
        for volume in (volumes if pod_name else ())
        if "ephemeral" in volume
    }
    for position, volume in enumerate(volumes):
        here = f"{path}[{position}]"
        name = volume.get("name", "")
        before = len(found)
        _check_source(found, volume, here, pod_name, tolerance)
        if not name:
            found.append(required(f"{here}.name"))
        else:
            found += [invalid(f"{here}.name", name, problem) for problem in dns1123_label(name)]
        if name in good:
            found.append(duplicate(f"{here}.name", name))
        if len(found) == before:
            good[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            found.append(invalid(f"{here}.persistentVolumeClaim.claimName", claim, detail))
    return good


def _check_source(
    found: Found, volume: Object, path: str, pod_name: str, tolerance: Tolerance
) -> None:
    count = 0
    for kind, check in _SOURCES.items() if len(volume) != 2 else _only(volume):
        source = volume.get(kind)
        if source is None:
            continue
        count += 1
        if count > 1:
            detail = "may not specify more than 1 volume type"
            found.append(forbidden(f"{path}.{_SECOND_NAMES.get(kind, kind)}", detail))
        else:
            here = f"{path}.{_PATHS.get(kind, kind)}"
            if kind == "image" and not (source.get("reference") or tolerance.unnamed_images):
                found.append(required(f"{here}.reference"))
            if kind == "projected":
                check_projected(found, source, here, lenient=tolerance.token_paths)
            else:
                check(found, source, here)
            if kind == "ephemeral" and pod_name and volume.get("name"):
                _check_claim_name(found, volume["name"], pod_name, f"{path}.name")
        if kind == "iscsi":
            check_portal(found, source, path, volume.get("name", ""))
    if count == 0:
        found.append(required(path, "must specify a volume type"))


def _check_claim_name(found: Found, name: str, pod_name: str, path: str) -> None:
    """Of the claim that an ephemeral volume creates."""
    claim = f"{pod_name}-{name}"
    for problem in dns1123_subdomain(claim):
        found.append(invalid(path, name, f'PVC name "{claim}": {problem}'))


def _only(volume: Object) -> list[tuple[str, Any]]:
    """The usual case, a name and one source, without a look at all the others."""
    return [(kind, _SOURCES[kind]) for kind in volume if kind in _SOURCES]


def _check_empty_dir(found: Found, source: Object, path: str) -> None:
    limit = source.get("sizeLimit")
    if limit is not None and (quantity_value(str(limit)) or 0) < 0:
        detail = "SizeLimit field must be a valid resource quantity"
        found.append(forbidden(f"{path}.sizeLimit", detail))


def check_host_path(found: Found, source: Object, path: str) -> None:
    where = source.get("path", "")
    if not where:
        found.append(required(f"{path}.path"))
        return
    check_no_backsteps(found, where, f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        found.append(unsupported(f"{path}.type", kind, _HOST_PATH_TYPES))


def _check_secret(found: Found, source: Object, path: str) -> None:
    if not source.get("secretName"):
        found.append(required(f"{path}.secretName"))
    check_mode(found, source.get("defaultMode"), f"{path}.defaultMode")
    check_keys(found, source.get("items") or (), f"{path}.items")


def _check_config_map(found: Found, source: Object, path: str) -> None:
    if not source.get("name"):
        found.append(required(f"{path}.name"))
    check_mode(found, source.get("defaultMode"), f"{path}.defaultMode")
    check_keys(found, source.get("items") or (), f"{path}.items")


def _check_claim(found: Found, source: Object, path: str) -> None:
    if not source.get("claimName"):
        found.append(required(f"{path}.claimName"))


def _check_downward(found: Found, source: Object, path: str) -> None:
    check_mode(found, source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or ():
        check_downward(found, item, path)


def _check_ephemeral(found: Found, source: Object, path: str) -> None:
    template = source.get("volumeClaimTemplate")
    if template is None:
        found.append(required(f"{path}.volumeClaimTemplate"))
    else:
        check_claim_template(found, template, f"{path}.volumeClaimTemplate")


def _check_image(found: Found, source: Object, path: str) -> None:
    policy = source.get("pullPolicy", "")
    if policy not in PULL_POLICIES:
        here = f"{path}.pullPolicy"
        found.append(unsupported(here, policy, PULL_POLICIES) if policy else required(here))


def check_file_volumes(found: Found, spec: Object, path: str) -> None:
    """Files that variables come from are in volumes that the pod's containers write themselves."""
    volumes: dict[str, Object] | None = None
    for here, container in each_container(spec, path):
        for position, variable in enumerate(container.get("env") or ()):
            reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
            if reference is None:
                continue
            if volumes is None:
                volumes = {each.get("name", ""): each for each in spec.get("volumes") or ()}
            name = reference.get("volumeName", "")
            where = f"{here}.env[{position}].valueFrom.fileKeyRef.volumeName"
            if name not in volumes:
                found.append(not_found(where, name))
            elif volumes[name].get("emptyDir") is None:
                detail = "referenced volume must be of type emptyDir"
                found.append(invalid(where, name, detail))


# In the order in which kube-apiserver looks for them: the first one counts.
_OWN_SOURCES = {
    "emptyDir": _check_empty_dir,
    "hostPath": check_host_path,
    "secret": _check_secret,
    "persistentVolumeClaim": _check_claim,
    "downwardAPI": _check_downward,
    "configMap": _check_config_map,
    "projected": check_projected,
    "ephemeral": _check_ephemeral,
    "image": _check_image,
}
_ORDER = (
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
)
_SOURCES = {kind: {**_OWN_SOURCES, **PLUGIN_SOURCES}[kind] for kind in _ORDER}
# Paths that differ from the field's name, as kube-apiserver reports them.
_PATHS = {"gcePersistentDisk": "persistentDisk"}
_SECOND_NAMES = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}
