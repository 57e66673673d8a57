"""Storage version migrations: which resource is rewritten, and how far that has come."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import immutable, invalid, required
from kapiserver.resources.names import dns1035_label, dns1123_subdomain
from kapiserver.resources.validation.conditions import check_conditions, is_true
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.internals import Shape, internal, struct, text

_VERSION = "status.resourceVersion"
_CONDITIONS = "status.conditions"
_CONDITION_FIELDS = (
    "type",
    "status",
    "observedGeneration",
    "lastTransitionTime",
    "reason",
    "message",
)
_version = re.compile("[1-9][0-9]*")
# The type is kube-apiserver's own, the one inside has JSON names.
_SPEC: Shape = {
    "Resource": struct("resource", {"group": text("group"), "resource": text("resource")})
}


def check_migration(found: Found, spec: Object, old: Object | None) -> None:
    resource = spec.get("resource") or {}
    name, group = resource.get("resource", ""), resource.get("group", "")
    path = "spec.resource.resource"
    if not name:
        found.append(required(path, "resource is required to be set"))
    elif problems := dns1035_label(name):
        found.append(invalid(path, name, ",".join(problems)))
    if group and (problems := dns1123_subdomain(group)):
        found.append(invalid("spec.resource.group", group, ",".join(problems)))
    if old is not None and internal(spec, _SPEC) != internal(old, _SPEC):
        found.append(immutable("spec", internal(spec, _SPEC)))


def check_migration_status(found: Found, obj: Object, old: Object) -> None:
    status, before = obj.get("status") or {}, old.get("status") or {}
    version, was = status.get("resourceVersion", ""), before.get("resourceVersion", "")
    if not _version.fullmatch(version):
        detail = f"resource version is not well formed: {version}"
        found.append(invalid(_VERSION, version, detail))
    conditions = status.get("conditions") or []
    check_conditions(found, conditions, _CONDITIONS)
    if was and version != was:
        found.append(immutable(_VERSION, version))
    value = [_ordered(condition) for condition in conditions] or None
    found += [invalid(_CONDITIONS, value, detail) for detail in _contradictions(obj, old)]


def _ordered(condition: Object) -> Any:
    return {field: condition[field] for field in _CONDITION_FIELDS if field in condition}


def _contradictions(obj: Object, old: Object) -> list[str]:
    done, failed, running = (is_true(obj, kind) for kind in ("Succeeded", "Failed", "Running"))
    problems = []
    if done and failed:
        problems.append("Both success and failed conditions cannot be true at the same time")
    if done and running:
        problems.append("Running condition cannot be true when success condition is true")
    if failed and running:
        problems.append("Running condition cannot be true when failed condition is true")
    if is_true(old, "Succeeded") and not done:
        problems.append("Success condition cannot be set to false once it is true")
    if is_true(old, "Failed") and not failed:
        problems.append("Failed condition cannot be set to false once it is true")
    return problems
