"""What a pod may not ask for on the operating system that it names, and Windows host processes."""

from __future__ import annotations

import re

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.pod_containers import each_container
from kapiserver.resources.validation.formats import Found, check_subdomain

_SYSTEMS = ("linux", "windows")
_ON_LINUX = "windows options cannot be set for a linux pod"
_ON_WINDOWS = "cannot be set for a windows pod"
# In the order in which kube-apiserver looks at them, to which those of the spec itself belong too.
_LINUX_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "hostUsers",
    "hostPID",
    "hostIPC",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "shareProcessNamespace",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_OF_SPEC = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
_NO_POINTERS = ("hostPID", "hostIPC", "sysctls")
_LINUX_CONTAINER = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)
_MAX_SPEC = 64 * 1024
_MAX_DOMAIN = 256
_MAX_USER = 104
_control = re.compile(r"[\x00-\x1f\x7f]")
_net_bios = re.compile(r'[^\\/:\*\?"<>|\.][^\\/:\*\?"<>|]{0,14}')
_dots = re.compile(r"[\. ]+")
_bad_in_user = re.compile(r'["/\\:;|=,\+\*\?<>@\[\]]')


def check_system(found: Found, spec: Object, path: str) -> None:
    system = spec.get("os")
    if system is None:
        return
    name = system.get("name", "")
    if not name:
        found.append(required(f"{path}.os.name"))
    elif name not in _SYSTEMS:
        found.append(unsupported(f"{path}.os", name, _SYSTEMS))
    elif name == "linux":
        _check_linux(found, spec, path)
    else:
        _check_windows(found, spec, path)


def _check_linux(found: Found, spec: Object, path: str) -> None:
    if (spec.get("securityContext") or {}).get("windowsOptions") is not None:
        found.append(forbidden(f"{path}.securityContext.windowsOptions", _ON_LINUX))
    for here, container in each_container(spec, path):
        if (container.get("securityContext") or {}).get("windowsOptions") is not None:
            found.append(forbidden(f"{here}.securityContext.windowsOptions", _ON_LINUX))


def _check_windows(found: Found, spec: Object, path: str) -> None:
    for field in _LINUX_POD:
        of_spec = field in _OF_SPEC
        holder = spec if of_spec else spec.get("securityContext") or {}
        if _is_set(holder, field):
            here = path if of_spec else f"{path}.securityContext"
            found.append(forbidden(f"{here}.{field}", _ON_WINDOWS))
    for here, container in each_container(spec, path):
        context = container.get("securityContext") or {}
        for field in _LINUX_CONTAINER:
            if _is_set(context, field):
                found.append(forbidden(f"{here}.securityContext.{field}", _ON_WINDOWS))


def _is_set(holder: Object, field: str) -> bool:
    value = holder.get(field)
    return bool(value) if field in _NO_POINTERS else value is not None


def check_host_process(found: Found, spec: Object, path: str) -> None:
    """Either all containers of a pod are host processes or none."""
    of_pod = _host_process(spec)
    any_host = any_other = False
    for here, container in each_container(spec, path):
        own = _host_process(container)
        if own is not None and of_pod is not None and own != of_pod:
            detail = (
                "pod hostProcess value must be identical if both are specified, was "
                f"{'true' if of_pod else 'false'}"
            )
            where = f"{here}.securityContext.windowsOptions.hostProcess"
            found.append(invalid(where, own, detail))
        if of_pod if own is None else own:
            any_host = True
        else:
            any_other = True
    if not any_host:
        return
    if any_other:
        detail = (
            "If pod contains any hostProcess containers then all containers must be HostProcess "
            "containers"
        )
        found.append(invalid(path, "", detail))
    if not spec.get("hostNetwork"):
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        found.append(invalid(f"{path}.hostNetwork", False, detail))


def _host_process(holder: Object) -> bool | None:
    options = (holder.get("securityContext") or {}).get("windowsOptions") or {}
    value: bool | None = options.get("hostProcess")
    return value


def check_windows_options(found: Found, options: Object, path: str) -> None:
    name, text = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
    if name is not None:
        check_subdomain(found, name, f"{path}.gmsaCredentialSpecName")
    if text is not None:
        here = f"{path}.gmsaCredentialSpec"
        if not text:
            found.append(invalid(here, text, "gmsaCredentialSpec cannot be an empty string"))
        elif len(text.encode()) > _MAX_SPEC:
            detail = "gmsaCredentialSpec size must be under 64 KiB"
            found.append(invalid(here, text, detail))
    user = options.get("runAsUserName")
    if user is not None:
        _check_user(found, user, f"{path}.runAsUserName")


def _check_user(found: Found, name: str, path: str) -> None:
    def wrong(detail: str) -> None:
        found.append(invalid(path, name, f"runAsUserName{detail}"))

    if not name:
        wrong(" cannot be an empty string")
        return
    if _control.search(name):
        wrong(" cannot contain control characters")
        return
    parts = name.split("\\")
    if len(parts) > 2:
        wrong(" cannot contain more than one backslash")
        return
    domain, user = parts if len(parts) == 2 else ("", parts[0])
    if len(parts) == 2:
        if len(domain) >= _MAX_DOMAIN:
            wrong("'s Domain length must be under 256 characters")
        if not _net_bios.fullmatch(domain) and dns1123_subdomain(domain.lower()):
            wrong("'s Domain doesn't match the NetBios nor the DNS format")
    if not user:
        wrong("'s User cannot be empty")
    elif len(user) > _MAX_USER:
        wrong("'s User length must not be longer than 104 characters")
    if _dots.fullmatch(user):
        wrong("'s User cannot contain only periods or spaces")
    if _bad_in_user.search(user):
        wrong("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
