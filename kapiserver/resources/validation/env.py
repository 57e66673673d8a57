"""Environment variables of containers, and references to fields and keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid, required, unsupported
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.schema.quantity import canonical_quantity
from kapiserver.resources.validation.formats import (
    Found,
    check_label,
    check_subdomain,
    config_key,
    environment_name,
)
from kapiserver.resources.validation.labels import check_qualified
from kapiserver.resources.validation.paths import check_descending

_ONE_AT_A_TIME = "may not have more than one field specified at a time"
_ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
# What the downward API knows at all; which of it is allowed depends on the place.
_KNOWN_FIELDS = frozenset(
    (*_ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase")
)
_MAPS = ("metadata.annotations", "metadata.labels")
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_PAGES = ("requests.hugepages-", "limits.hugepages-")
_SIZES = (
    "1",
    "1k",
    "1M",
    "1G",
    "1T",
    "1P",
    "1E",
    "1Ki",
    "1Mi",
    "1Gi",
    "1Ti",
    "1Pi",
    "1Ei",
)
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1", "cpu"),
    "memory": (_SIZES, ", ".join(_SIZES), "memory"),
    "ephemeral-storage": (_SIZES, ", ".join(_SIZES), "local ephemeral storage"),
    "hugepages": (_SIZES, ", ".join(_SIZES), "hugepages"),
}


def check_env(found: Found, variables: Any, path: str) -> None:
    for position, variable in enumerate(variables):
        name = variable.get("name", "")
        if not name:
            found.append(required(f"{path}[{position}].name"))
        elif problems := environment_name(name):
            here = f"{path}[{position}].name"
            found += [invalid(here, name, problem) for problem in problems]
        source = variable.get("valueFrom")
        if source is not None:
            _check_source(found, variable, source, f"{path}[{position}].valueFrom")


def _check_source(found: Found, variable: Object, source: Object, path: str) -> None:
    count = 0
    for kind, check in _SOURCES.items():
        reference = source.get(kind)
        if reference is not None:
            count += 1
            check(found, reference, f"{path}.{kind}")
    if count == 0:
        detail = (
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
            "`secretKeyRef` or `fileKeyRef`"
        )
        found.append(invalid(path, "", detail))
    elif variable.get("value"):
        found.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        found.append(invalid(path, "", _ONE_AT_A_TIME))


def check_env_from(found: Found, sources: Any, path: str) -> None:
    for position, source in enumerate(sources):
        here = f"{path}[{position}]"
        prefix = source.get("prefix", "")
        if prefix:
            found += [
                invalid(f"{here}.prefix", prefix, problem) for problem in environment_name(prefix)
            ]
        count = 0
        for kind in ("configMapRef", "secretRef"):
            reference = source.get(kind)
            if reference is not None:
                count += 1
                _check_referred(found, reference.get("name", ""), f"{here}.{kind}.name")
        if count == 0:
            detail = "must specify one of: `configMapRef` or `secretRef`"
            found.append(invalid(path, "", detail))
        elif count > 1:
            found.append(invalid(path, "", _ONE_AT_A_TIME))


def _check_referred(found: Found, name: str, path: str) -> None:
    """Names were always looked at as prefixes here: they may end in a dash."""
    if not name:
        found.append(required(path))
        return
    whole = f"{name[:-2]}a" if len(name) > 1 and name.endswith("-") else name
    found += [invalid(path, name, problem) for problem in dns1123_subdomain(whole)]


def _check_key(found: Found, reference: Object, path: str) -> None:
    check_subdomain(found, reference.get("name", ""), f"{path}.name")
    key = reference.get("key", "")
    if not key:
        found.append(required(f"{path}.key"))
    else:
        found += [invalid(f"{path}.key", key, problem) for problem in config_key(key)]


def _check_file_key(found: Found, reference: Object, path: str) -> None:
    key, volume, file = (reference.get(f, "") for f in ("key", "volumeName", "path"))
    if not key:
        found.append(required(f"{path}.key"))
    else:
        found += [invalid(f"{path}.key", key, problem) for problem in environment_name(key)]
    if not volume:
        found.append(required(f"{path}.volumeName"))
    else:
        check_label(found, volume, f"{path}.volumeName")
    if not file:
        found.append(required(f"{path}.path"))
    else:
        check_descending(found, file, f"{path}.path")


def _check_env_field(found: Found, reference: Object, path: str) -> None:
    check_field_ref(found, reference, path, _ENV_FIELDS)


def check_field_ref(found: Found, reference: Object, path: str, allowed: Collection[str]) -> None:
    version, field = reference.get("apiVersion", ""), reference.get("fieldPath", "")
    if not version:
        found.append(required(f"{path}.apiVersion"))
        return
    if not field:
        found.append(required(f"{path}.fieldPath"))
        return
    name, subscript = _split(field)
    problem = _unknown_field(version, field, name, subscript)
    if problem:
        detail = f"error converting fieldPath: {problem}"
        found.append(invalid(f"{path}.fieldPath", field, detail))
    elif subscript is not None:
        key = subscript.lower() if name == "metadata.annotations" else subscript
        check_qualified(found, key, path)
    elif name not in allowed:
        found.append(unsupported(f"{path}.fieldPath", name, allowed))


def _split(field: str) -> tuple[str, str | None]:
    """`metadata.labels['a']` is a field with a subscript."""
    name, bracket, rest = field.partition("['")
    if bracket and rest.endswith("']"):
        return name, rest[:-2]
    return ("spec.nodeName" if field == "spec.host" else field), None


def _unknown_field(version: str, field: str, name: str, subscript: str | None) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if subscript is not None:
        return "" if name in _MAPS else f"field label does not support subscript: {field}"
    return "" if name in _KNOWN_FIELDS else f"field label not supported: {field}"


def _check_env_resource(found: Found, reference: Object, path: str) -> None:
    check_resource_ref(found, reference, path, in_volume=False)


def check_resource_ref(found: Found, reference: Object, path: str, *, in_volume: bool) -> None:
    name = reference.get("resource", "")
    if in_volume and not reference.get("containerName"):
        found.append(required(f"{path}.containerName"))
    elif not name:
        found.append(required(f"{path}.resource"))
    elif name not in _RESOURCES and not name.startswith(_PAGES):
        found.append(unsupported(f"{path}.resource", name, _RESOURCES))
    divisor = canonical_quantity(str(reference.get("divisor") or "0"))
    if divisor == "0" or not (name in _RESOURCES or name.startswith(_PAGES)):
        return
    kind = _DIVISORS["hugepages" if name.startswith(_PAGES) else name.partition(".")[2]]
    allowed, listed, label = kind
    if divisor not in allowed:
        detail = f"only divisor's values {listed} are supported with the {label} resource"
        found.append(invalid(f"{path}.divisor", name, detail))


_SOURCES = {
    "fieldRef": _check_env_field,
    "resourceFieldRef": _check_env_resource,
    "configMapKeyRef": _check_key,
    "secretKeyRef": _check_key,
    "fileKeyRef": _check_file_key,
}
