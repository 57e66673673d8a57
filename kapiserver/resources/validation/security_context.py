"""Security contexts of pods and of their containers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.validation.formats import Found, check_id, check_subdomain
from kapiserver.resources.validation.paths import check_descending

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_GROUP_CHANGES = ("Always", "OnRootMismatch")
_GROUP_MERGES = ("Merge", "Strict")
_LABEL_CHANGES = ("MountOption", "Recursive")
_PROC_MOUNTS = ("Default", "Unmasked")
_MAX_PROFILE_PATH = 4095
_SYSCTL_MAX = 253
_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = f"^({_SEGMENT}[\\./])*{_SEGMENT}$"
_sysctl = re.compile(_SYSCTL)
# Which namespace a setting belongs to: shared with the node, it is the node's own.
_NET_SETTINGS = ("net.",)
_IPC_SETTINGS = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")


def check_pod_security(found: Found, context: Object, spec: Object, path: str) -> None:
    get = context.get
    check_id(found, get("fsGroup"), f"{path}.fsGroup")
    check_id(found, get("runAsUser"), f"{path}.runAsUser")
    check_id(found, get("runAsGroup"), f"{path}.runAsGroup")
    for position, group in enumerate(get("supplementalGroups") or ()):
        check_id(found, group, f"{path}.supplementalGroups[{position}]")
    for position, sysctl in enumerate(settings := get("sysctls") or ()):
        _check_sysctl(found, sysctl, settings[:position], spec, f"{path}.sysctls[{position}].name")
    for field, choices in (
        ("fsGroupChangePolicy", _GROUP_CHANGES),
        ("supplementalGroupsPolicy", _GROUP_MERGES),
        ("seLinuxChangePolicy", _LABEL_CHANGES),
    ):
        value = get(field)
        if value is not None and value not in choices:
            found.append(unsupported(f"{path}.{field}", value, choices))
    _check_shared(found, context, path)


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
    if get("allowPrivilegeEscalation") is False:
        if get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.append(invalid(path, context, detail))
        added = (get("capabilities") or {}).get("add") or ()
        if "CAP_SYS_ADMIN" in added:
            detail = (
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                "CAP_SYS_ADMIN"
            )
            found.append(invalid(path, context, detail))
    _check_shared(found, context, path)


def _check_shared(found: Found, context: Object, path: str) -> None:
    profile = context.get("seccompProfile")
    if profile is not None:
        _check_seccomp(found, profile, f"{path}.seccompProfile")
    profile = context.get("appArmorProfile")
    if profile is not None:
        _check_app_armor(found, profile, f"{path}.appArmorProfile")
    options = context.get("windowsOptions")
    if options is not None:
        _check_windows(found, options, f"{path}.windowsOptions")


def _check_profile_type(found: Found, kind: str, path: str, field: str) -> None:
    if not kind:
        found.append(required(f"{path}.type", f"type is required when {field} is set"))
    elif kind not in _PROFILES:
        found.append(unsupported(f"{path}.type", kind, _PROFILES))


def _check_seccomp(found: Found, profile: Object, path: str) -> None:
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
        found.append(invalid(field, profile, detail))


def _check_app_armor(found: Found, profile: Object, path: str) -> None:
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
    elif len(local) > _MAX_PROFILE_PATH:
        found.append(too_long(field, _MAX_PROFILE_PATH))


def _check_windows(found: Found, options: Object, path: str) -> None:
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        check_subdomain(found, name, f"{path}.gmsaCredentialSpecName")
    if options.get("gmsaCredentialSpec") == "":
        detail = "gmsaCredentialSpec cannot be an empty string"
        found.append(invalid(f"{path}.gmsaCredentialSpec", "", detail))
    if options.get("runAsUserName") == "":
        detail = "runAsUserName cannot be an empty string"
        found.append(invalid(f"{path}.runAsUserName", "", detail))


def _check_sysctl(
    found: Found, sysctl: Object, before: Sequence[Any], spec: Object, path: str
) -> None:
    name = sysctl.get("name", "")
    if not name:
        found.append(required(path))
    elif len(name) > _SYSCTL_MAX or not _sysctl.match(name):
        detail = f"must have at most {_SYSCTL_MAX} characters and match regex {_SYSCTL}"
        found.append(invalid(path, name, detail))
    elif any(other.get("name") == name for other in before):
        found.append(duplicate(path, name))
    dotted = name.replace("/", ".")
    if spec.get("hostNetwork") and dotted.startswith(_NET_SETTINGS):
        found.append(invalid(path, name, "may not be specified when 'hostNetwork' is true"))
    elif spec.get("hostIPC") and dotted.startswith(_IPC_SETTINGS):
        found.append(invalid(path, name, "may not be specified when 'hostIPC' is true"))


def check_host_users(found: Found, spec: Object, path: str) -> None:
    """A user namespace of its own goes with no other namespace of the node."""
    if spec.get("hostUsers") is not False:
        return
    for field, shown in (
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ):
        if spec.get(field):
            found.append(forbidden(f"{path}.{shown}", "when `pod.Spec.HostUsers` is false"))
