"""Where containers mount the volumes of their pod. Some findings name the list and not the entry:
that is how kube-apiserver reports them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.paths import check_descending, goes_up

Volumes = Mapping[str, Object]  # the well-formed volumes of a pod by name

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIONS = ("Disabled", "Enabled", "IfPossible")


def check_mounts(found: Found, container: Object, path: str, volumes: Volumes) -> None:
    mounts = container.get("volumeMounts") or ()
    devices = container.get("volumeDevices") or ()
    if mounts:
        _check_mounts(found, container, mounts, devices, f"{path}.volumeMounts", volumes)
    if devices:
        _check_devices(found, mounts, devices, f"{path}.volumeDevices", volumes)


def _check_mounts(
    found: Found, container: Object, mounts: Any, devices: Any, path: str, volumes: Volumes
) -> None:
    points: set[str] = set()
    device_paths = {device.get("name", ""): device.get("devicePath", "") for device in devices}
    for position, mount in enumerate(mounts):
        name, point = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            found.append(required(f"{path}[{position}].name"))
        volume = volumes.get(name)
        if volume is None:
            found.append(not_found(f"{path}[{position}].name", name))
        if not point:
            found.append(required(f"{path}[{position}].mountPath"))
        if point in points:
            found.append(invalid(f"{path}[{position}].mountPath", point, "must be unique"))
        points.add(point)
        if device_paths:
            _check_overlap(found, name, point, device_paths, f"{path}[{position}]", "Devices")
        if len(mount) > 2:
            _check_options(found, container, mount, path, position, volume)


def _check_overlap(
    found: Found, name: str, point: str, others: dict[str, str], path: str, kind: str
) -> None:
    field = "mountPath" if kind == "Devices" else "devicePath"
    if name in others:
        detail = f"must not already exist in volume{kind}"
        found.append(invalid(f"{path}.name", name, detail))
    if point in others.values():
        detail = f"must not already exist as a path in volume{kind}"
        found.append(invalid(f"{path}.{field}", point, detail))


def _check_options(
    found: Found, container: Object, mount: Object, path: str, position: int, volume: Object | None
) -> None:
    here = f"{path}[{position}]"
    sub_path, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    if sub_path:
        check_descending(found, sub_path, f"{path}.subPath")
    if expression:
        if sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            found.append(invalid(f"{here}.subPathExpr", expression, detail))
        check_descending(found, expression, f"{path}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        field = f"{path}.mountPropagation"
        if propagation not in _PROPAGATIONS:
            found.append(unsupported(field, propagation, _PROPAGATIONS))
        privileged = (container.get("securityContext") or {}).get("privileged")
        if propagation == "Bidirectional" and not privileged:
            detail = "Bidirectional mount propagation is available only to privileged containers"
            found.append(forbidden(field, detail))
    recursion = mount.get("recursiveReadOnly")
    if recursion is not None:
        _check_recursion(found, mount, recursion, f"{path}.recursiveReadOnly")


def _check_recursion(found: Found, mount: Object, recursion: str, field: str) -> None:
    if recursion not in _RECURSIONS:
        found.append(unsupported(field, recursion, _RECURSIONS))
    elif recursion != "Disabled":
        if not mount.get("readOnly"):
            found.append(forbidden(field, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation") not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            found.append(forbidden(field, detail))


def _check_devices(found: Found, mounts: Any, devices: Any, path: str, volumes: Volumes) -> None:
    names: set[str] = set()
    paths: set[str] = set()
    mount_paths = {mount.get("name", ""): mount.get("mountPath", "") for mount in mounts}
    for position, device in enumerate(devices):
        here = f"{path}[{position}]"
        name, at = device.get("name", ""), device.get("devicePath", "")
        if not name:
            found.append(required(f"{here}.name"))
        if name in names:
            found.append(invalid(f"{here}.name", name, "must be unique"))
        volume = volumes.get(name)
        if volume is None:
            found.append(not_found(f"{here}.name", name))
        elif "persistentVolumeClaim" not in volume and "ephemeral" not in volume:
            detail = (
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for "
                "block mode"
            )
            found.append(invalid(f"{here}.name", name, detail))
        if not at:
            found.append(required(f"{here}.devicePath"))
        if at in paths:
            found.append(invalid(f"{here}.devicePath", at, "must be unique"))
        if goes_up(at):
            detail = "can not contain backsteps ('..')"
            found.append(invalid(f"{here}.devicePath", at, detail))
        else:
            paths.add(at)
        _check_overlap(found, name, at, mount_paths, here, "Mounts")
        if name:
            names.add(name)
