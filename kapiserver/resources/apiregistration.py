"""apiregistration.k8s.io/v1: apiservices, which hand API groups to other servers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid, required, unsupported
from kapiserver.resources.names import dns1035_label, path_segment
from kapiserver.resources.printing import column, dig, items, number, table, text
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    with_status,
)
from kapiserver.resources.validation.formats import Found, check_subdomain, in_range

APIREGISTRATION = Group(
    "apiregistration.k8s.io", "io.k8s.kube-aggregator.pkg.apis.apiregistration", any_finalizers=True
)

_STATUSES = ("True", "False", "Unknown")
_LOCAL_CONDITION = {
    "type": "Available",
    "status": "True",
    "reason": "Local",
    "message": "Local APIServices are always available",
}


def _defaults(obj: Object, context: WriteContext) -> None:
    service = dig(obj, "spec", "service")
    if isinstance(service, dict):
        set_default(service, "port", 443)


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    """An API that this server serves itself is available from the start."""
    obj["status"] = {}
    if dig(obj, "spec", "service") is None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        obj["status"] = {"conditions": [{**_LOCAL_CONDITION, "lastTransitionTime": moment}]}


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.subresource == "status":
        for position, condition in enumerate(items(obj, "status", "conditions")):
            status = text(condition, "status")
            if status not in _STATUSES:
                path = f"status.conditions[{position}].status"
                found.append(unsupported(path, status, _STATUSES))
        return found
    spec = obj.get("spec") or {}
    _check_names(found, obj, text(spec, "group"), text(spec, "version"))
    for field, largest in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = number(spec, field)
        if not 0 < value <= largest:
            detail = f"must be positive and less than {largest}"
            found.append(invalid(f"spec.{field}", value, detail))
    _check_target(found, spec)
    return found


def _check_names(found: Found, obj: Object, group: str, version: str) -> None:
    name, expected = text(obj, "metadata", "name"), f"{version}.{group}"
    if name and not path_segment(name) and name != expected:
        detail = f'must be `spec.version+"."+spec.group`: "{expected}"'
        found.append(invalid("metadata.name", name, detail))
    if not group and version != "v1":
        detail = "only v1 may have an empty group and it better be legacy kube"
        found.append(required("spec.group", detail))
    if group:
        check_subdomain(found, group, "spec.group")
    found += [invalid("spec.version", version, problem) for problem in dns1035_label(version)]


def _check_target(found: Found, spec: Object) -> None:
    service, bundle = spec.get("service"), spec.get("caBundle") or ""
    skips = bool(spec.get("insecureSkipTLSVerify"))
    if service is None:
        if bundle:
            size = f"{len(bundle.rstrip('=')) * 3 // 4} bytes"
            detail = "local APIServices may not have a caBundle"
            found.append(invalid("spec.caBundle", size, detail))
        if skips:
            detail = "local APIServices may not have insecureSkipTLSVerify"
            found.append(invalid("spec.insecureSkipTLSVerify", True, detail))
        return
    found += [
        required(f"spec.service.{field}")
        for field in ("namespace", "name")
        if not service.get(field)
    ]
    port = number(service, "port")
    if not 1 <= port <= 65535:
        detail = f"port is not valid: {in_range(1, 65535)}"
        found.append(invalid("spec.service.port", port, detail))
    if skips and bundle:
        detail = "may not be true if caBundle is present"
        found.append(invalid("spec.insecureSkipTLSVerify", True, detail))


def _service(obj: Object, now: float) -> str:
    service = dig(obj, "spec", "service")
    if not service:
        return "Local"
    return f"{text(service, 'namespace')}/{text(service, 'name')}"


def _available(obj: Object, now: float) -> str:
    for condition in items(obj, "status", "conditions"):
        if condition.get("type") == "Available":
            status = text(condition, "status")
            reason = text(condition, "reason")
            return f"{status} ({reason})" if status != "True" and reason else status
    return "Unknown"


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    APIREGISTRATION.resource(
        "APIService",
        "apiservices",
        upstream_folder="apiregistration.k8s.io/apiservices",
        namespaced=False,
        categories=("api-extensions",),
        subresources=(STATUS,),
        name_rule=path_segment,
        strategy=with_status(
            defaults=_defaults,
            create=_prepare_for_create,
            update=split_status_and_metadata,
            validate=_validate,
            complete=True,
            unconditional_update=False,
            generation=False,
            status_keeps=ALL_METADATA,
        ),
        columns=table(
            column(
                "Service", _service, "The reference to the service that hosts this API endpoint."
            ),
            column("Available", _available, "Whether this service is available."),
        ),
    ),
)
