"""Security contexts of pods and of their containers."""

from __future__ import annotations

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.pod_containers import each_container
from kapiserver.resources.validation.formats import Found, check_choice, check_id
from kapiserver.resources.validation.internal_pods import CONTAINER_SECURITY, PROFILE
from kapiserver.resources.validation.internals import internal
from kapiserver.resources.validation.paths import check_descending
from kapiserver.resources.validation.pod_os import check_windows_options
from kapiserver.resources.validation.pod_tolerance import Tolerance
from kapiserver.resources.validation.sysctls import check_sysctls

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_GROUP_CHANGES = ("Always", "OnRootMismatch")
_GROUP_MERGES = ("Merge", "Strict")
_LABEL_CHANGES = ("MountOption", "Recursive")
_PROC_MOUNTS = ("Default", "Unmasked")
_MAX_PROFILE_PATH = 4095
_OWN_USERS = "when `hostUsers` is false"


def check_pod_security(
    found: Found, context: Object, spec: Object, path: str, *, node_sysctls: bool
) -> None:
    """`node_sysctls`: whether settings of the node's own namespaces are let pass."""
    get = context.get
    check_id(found, get("fsGroup"), f"{path}.fsGroup")
    check_id(found, get("runAsUser"), f"{path}.runAsUser")
    check_id(found, get("runAsGroup"), f"{path}.runAsGroup")
    for position, group in enumerate(get("supplementalGroups") or ()):
        check_id(found, group, f"{path}.supplementalGroups[{position}]")
    if settings := get("sysctls"):
        check_sysctls(found, settings, spec, f"{path}.sysctls", lenient=node_sysctls)
    check_choice(found, get("fsGroupChangePolicy"), _GROUP_CHANGES, f"{path}.fsGroupChangePolicy")
    _check_seccomp(found, get("seccompProfile"), f"{path}.seccompProfile")
    _check_windows(found, context, path)
    _check_app_armor(found, get("appArmorProfile"), f"{path}.appArmorProfile")
    check_choice(
        found, get("supplementalGroupsPolicy"), _GROUP_MERGES, f"{path}.supplementalGroupsPolicy"
    )
    check_choice(found, get("seLinuxChangePolicy"), _LABEL_CHANGES, f"{path}.seLinuxChangePolicy")


def check_container_security(found: Found, context: Object, path: str, host_users: bool) -> None:
    get = context.get
    check_id(found, get("runAsUser"), f"{path}.runAsUser")
    check_id(found, get("runAsGroup"), f"{path}.runAsGroup")
    mount = get("procMount")
    if mount is not None:
        if mount not in _PROC_MOUNTS:
            found.append(unsupported(f"{path}.procMount", mount, _PROC_MOUNTS))
        if host_users and mount == "Unmasked":
            detail = "`hostUsers` must be false to use `Unmasked`"
            found.append(invalid(f"{path}.procMount", mount, detail))
    _check_seccomp(found, get("seccompProfile"), f"{path}.seccompProfile")
    if get("allowPrivilegeEscalation") is False:
        if get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.append(invalid(path, internal(context, CONTAINER_SECURITY), detail))
        added = (get("capabilities") or {}).get("add") or ()
        if "CAP_SYS_ADMIN" in added:
            detail = (
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                "CAP_SYS_ADMIN"
            )
            found.append(invalid(path, internal(context, CONTAINER_SECURITY), detail))
    _check_windows(found, context, path)
    _check_app_armor(found, get("appArmorProfile"), f"{path}.appArmorProfile")


def _check_windows(found: Found, context: Object, path: str) -> None:
    options = context.get("windowsOptions")
    if options is not None:
        check_windows_options(found, options, f"{path}.windowsOptions")


def _check_profile_type(found: Found, kind: str, path: str, field: str) -> None:
    if not kind:
        found.append(required(f"{path}.type", f"type is required when {field} is set"))
    elif kind not in _PROFILES:
        found.append(unsupported(f"{path}.type", kind, _PROFILES))


def _check_seccomp(found: Found, profile: Object | None, path: str) -> None:
    if profile is None:
        return
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    field = f"{path}.localhostProfile"
    _check_profile_type(found, kind, path, "seccompProfile")
    if kind == "Localhost":
        if local is None:
            found.append(required(field, "must be set when seccomp type is Localhost"))
        else:
            check_descending(found, local, field)
    elif local is not None:
        detail = "can only be set when seccomp type is Localhost"
        found.append(invalid(field, internal(profile, PROFILE), detail))


def _check_app_armor(found: Found, profile: Object | None, path: str) -> None:
    if profile is None:
        return
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    field = f"{path}.localhostProfile"
    if kind != "Localhost":
        _check_profile_type(found, kind, path, "appArmorProfile")
        if local is not None and kind in _PROFILES:
            detail = "can only be set when AppArmor type is Localhost"
            found.append(invalid(field, local, detail))
        return
    if not local:
        found.append(required(field, "must be set when AppArmor type is Localhost"))
    elif local != local.strip():
        found.append(invalid(field, local, "must not be padded with whitespace"))
    if len((local or "").encode()) > _MAX_PROFILE_PATH:
        found.append(too_long(field, _MAX_PROFILE_PATH))


def check_host_users(found: Found, spec: Object, path: str, tolerance: Tolerance) -> None:
    """A user namespace of its own goes with no other namespace of the node."""
    if spec.get("hostUsers") is not False:
        return
    for field, shown in (
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ):
        tolerated = field == "hostNetwork" and tolerance.own_users_on_node_network
        if spec.get(field) and not tolerated:
            found.append(forbidden(f"{path}.{shown}", _OWN_USERS))
    for here, container in each_container(spec, path):
        if container.get("volumeDevices") and not tolerance.devices_of_own_users:
            found.append(forbidden(f"{here}.volumeDevices", _OWN_USERS))
