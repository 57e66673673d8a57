"""Annotations of pods that mean something: most are forms that fields have replaced since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid
from kapiserver.resources.pod_containers import containers_of, each_container
from kapiserver.resources.validation.formats import MAX_INT32, Found
from kapiserver.resources.validation.paths import check_descending
from kapiserver.resources.validation.scheduling import check_tolerations

APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
APP_ARMOR_ADVICE = 'deprecated since v1.30; use the "appArmorProfile" field instead'
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
MIRROR = "kubernetes.io/config.mirror"
_TOLERATIONS = "scheduler.alpha.kubernetes.io/tolerations"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_LOCALHOST = "localhost/"
_APP_ARMOR_TYPES = {"runtime/default": "RuntimeDefault", "unconfined": "Unconfined"}
_SECCOMP_TYPES = {**_APP_ARMOR_TYPES, "docker/default": "RuntimeDefault"}
_TYPES = {"apparmor": _APP_ARMOR_TYPES, "seccomp": _SECCOMP_TYPES}


def check_pod_annotations(
    found: Found,
    annotations: Mapping[str, str],
    spec: Object,
    path: str,
    old: Mapping[str, str] | None = None,
) -> None:
    """`old` are the annotations that these replace: a wrong cost that was let in may stay."""
    mirror = annotations.get(MIRROR)
    if mirror is not None and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        found.append(invalid(f"{path}[{MIRROR}]", mirror, detail))
    if tolerations := annotations.get(_TOLERATIONS):
        _check_tolerations(found, tolerations, path)
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not _is_int32(cost):
        before = (old or {}).get(_DELETION_COST)
        if before is None or _is_int32(before):
            found.append(invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))
    for key, value in annotations.items():
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            _check_seccomp(found, value, f"{path}.{key}")
    names: set[str] | None = None
    for key, value in annotations.items():
        if not key.startswith(APP_ARMOR):
            continue
        if names is None:
            names = {container.get("name", "") for container in containers_of(spec)}
        name = key.removeprefix(APP_ARMOR)
        if name not in names:
            found.append(invalid(f"{path}[{key}]", name, "container not found"))
        if value and value not in _APP_ARMOR_TYPES and not value.startswith(_LOCALHOST):
            detail = f'invalid AppArmor profile name: "{value}"'
            found.append(invalid(f"{path}[{key}]", value, detail))


def _is_int32(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    # the canonical form only: no plus, no leading zeros
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and text != "0"):
        return False
    return -MAX_INT32 - 1 <= int(text[:12]) <= MAX_INT32 and len(text) <= 11


def _check_tolerations(found: Found, text: str, path: str) -> None:
    try:
        tolerations: Any = orjson.loads(text)
        if not isinstance(tolerations, list) or not all(isinstance(t, dict) for t in tolerations):
            raise ValueError("json: cannot unmarshal value into []v1.Toleration")
    except ValueError as error:
        found.append(invalid(path, _TOLERATIONS, str(error)))
        return
    check_tolerations(found, tolerations, f"{path}.{_TOLERATIONS}")


def _check_seccomp(found: Found, profile: str, path: str) -> None:
    if profile in _SECCOMP_TYPES:
        return
    if profile.startswith(_LOCALHOST):
        check_descending(found, profile.removeprefix(_LOCALHOST), path)
    else:
        found.append(invalid(path, profile, "must be a valid seccomp profile"))


def app_armor_profile(annotation: str | None) -> Object | None:
    """The profile that an annotation stands for; None when it stands for none."""
    if not annotation:
        return None
    if annotation in _APP_ARMOR_TYPES:
        return {"type": _APP_ARMOR_TYPES[annotation]}
    local = annotation.removeprefix(_LOCALHOST)
    # the field would be refused with such a path
    if local == annotation or not local or local != local.strip():
        return None
    return {"type": "Localhost", "localhostProfile": local}


def check_annotated_fields(found: Found, annotations: Any, spec: Object, path: str) -> None:
    """Who gives a profile in both forms gives the same one."""
    if not annotations:
        return
    context = spec.get("securityContext") or {}
    if SECCOMP_POD in annotations:
        here = f"{path}.securityContext.seccompProfile"
        _check_same(found, annotations[SECCOMP_POD], context.get("seccompProfile"), here, "seccomp")
    prefixed = any(key.startswith((SECCOMP_CONTAINER, APP_ARMOR)) for key in annotations)
    for where, container in each_container(spec, path) if prefixed else ():
        profile = (container.get("securityContext") or {}).get("seccompProfile")
        annotation = annotations.get(SECCOMP_CONTAINER + container.get("name", ""))
        here = f"{where}.securityContext.seccompProfile"
        _check_same(found, annotation, profile, here, "seccomp")
    if (spec.get("os") or {}).get("name") == "windows":
        return
    for where, container in each_container(spec, path) if prefixed else ():
        profile = (container.get("securityContext") or {}).get("appArmorProfile")
        profile = profile or context.get("appArmorProfile")
        annotation = annotations.get(APP_ARMOR + container.get("name", ""))
        here = f"{where}.securityContext.appArmorProfile"
        _check_same(found, annotation, profile, here, "apparmor")


def _check_same(found: Found, annotation: str | None, profile: Any, path: str, kind: str) -> None:
    if annotation is None or profile is None:
        return
    given = profile.get("type", "")
    if given != "Localhost" and given not in _APP_ARMOR_TYPES.values():
        return  # no type to compare with
    local = annotation.removeprefix(_LOCALHOST)
    expected = "Localhost" if local != annotation else _TYPES[kind].get(annotation)
    if given != expected:
        detail = f"{kind} type in annotation and field must match"
        found.append(forbidden(f"{path}.type", detail))
    elif expected == "Localhost" and profile.get("localhostProfile") != local:
        detail = f"{kind} profile in annotation and field must match"
        found.append(forbidden(f"{path}.localhostProfile", detail))


def check_changed_annotations(found: Found, new: Object, old: Object) -> None:
    """Of a pod, through whichever endpoint they are written."""
    after = (new.get("metadata") or {}).get("annotations") or {}
    before = (old.get("metadata") or {}).get("annotations") or {}
    if after != before:
        _check_stay(found, after, before)
    if after:
        check_pod_annotations(found, after, new.get("spec") or {}, "metadata.annotations", before)


def _check_stay(found: Found, after: Mapping[str, str], before: Mapping[str, str]) -> None:
    for key, had in before.items():
        if (kind := _fixed(key)) and after.get(key) != had:
            detail = f"may not remove or update {kind}"
            found.append(forbidden(f"metadata.annotations[{key}]", detail))
    for key in after:
        if key not in before and (kind := _fixed(key)):
            found.append(forbidden(f"metadata.annotations[{key}]", f"may not add {kind}"))


def _fixed(key: str) -> str:
    if key == MIRROR:
        return "mirror pod annotation"
    return "AppArmor annotations" if key.startswith(APP_ARMOR) else ""
