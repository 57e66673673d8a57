"""apiregistration.k8s.io/v1: apiservices, which hand API groups to other servers."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import column, dig, items, number, table, text
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    with_status,
)

APIREGISTRATION = Group("apiregistration.k8s.io", "io.k8s.kube-aggregator.pkg.apis.apiregistration")

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
    if dig(obj, "spec", "service") is None:
        obj["status"] = {"conditions": [dict(_LOCAL_CONDITION)]}
    else:
        obj["status"] = {}


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    group, version = text(spec, "group"), text(spec, "version")
    name = text(obj, "metadata", "name")
    expected = f"{version}.{group}"
    if name and name != expected:
        found.append(
            invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{expected}"')
        )
    if not version:
        found.append(required("spec.version"))
    for field, largest in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = number(spec, field)
        if not 0 < value <= largest:
            found.append(
                invalid(f"spec.{field}", value, f"must be positive and less than {largest}")
            )
    service = spec.get("service")
    if isinstance(service, dict):
        found.extend(
            required(f"spec.service.{field}")
            for field in ("namespace", "name")
            if not service.get(field)
        )
        if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
            found.append(
                invalid(
                    "spec.insecureSkipTLSVerify",
                    True,
                    "may not be true if caBundle is present",
                )
            )
    return found


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
        namespaced=False,
        categories=("api-extensions",),
        subresources=(STATUS,),
        name_rule=path_segment,
        strategy=with_status(
            defaults=_defaults,
            create=_prepare_for_create,
            update=split_status_and_metadata,
            validate=_validate,
            unconditional_update=False,
            generation=False,
        ),
        columns=table(
            column("Service", _service, "The service that serves the API."),
            column("Available", _available, "Whether it can be reached."),
        ),
    ),
)
