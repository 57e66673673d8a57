"""Kernel settings of a pod: their names, and whose they are when the pod shares a namespace."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.repeats import repeated

_MAX_NAME = 253
_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_NAME = f"^({_SEGMENT}[\\./])*{_SEGMENT}$"
_name = re.compile(_NAME)
_NET_SETTINGS = "net."
_IPC_SETTINGS = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_IPC_SETTING = "kernel.sem"


def check_sysctls(found: Found, sysctls: Any, spec: Object, path: str, *, lenient: bool) -> None:
    """`lenient`: whether settings of the node's own namespaces are let pass."""
    again = repeated(sysctl.get("name", "") for sysctl in sysctls)
    for position, sysctl in enumerate(sysctls):
        here, name = f"{path}[{position}].name", sysctl.get("name", "")
        if not name:
            found.append(required(here))
        elif len(name) > _MAX_NAME or not _name.match(name):
            detail = f"must have at most {_MAX_NAME} characters and match regex {_NAME}"
            found.append(invalid(here, name, detail))
        elif position in again:
            found.append(duplicate(here, name))
        shared = None if lenient else shared_namespace(name, spec)
        if shared is not None:
            found.append(invalid(here, name, f"may not be specified when '{shared}' is true"))


def shared_namespace(setting: str, spec: Object) -> str | None:
    """The field by which a pod takes the node's own namespace, to which the setting belongs."""
    dotted = setting.replace("/", ".")
    if spec.get("hostNetwork") and dotted.startswith(_NET_SETTINGS):
        return "hostNetwork"
    if spec.get("hostIPC") and (dotted == _IPC_SETTING or dotted.startswith(_IPC_SETTINGS)):
        return "hostIPC"
    return None
