"""apiextensions.k8s.io/v1: customresourcedefinitions, which add resources at run time."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import invalid, required
from kapiserver.resources.printing import PLAIN, dig, items, text
from kapiserver.resources.strategies import (
    set_default,
    split_status_and_metadata,
    unchanging,
    with_status,
)

APIEXTENSIONS = Group(
    "apiextensions.k8s.io", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"
)


def _defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.get("names")
    if isinstance(names, dict) and text(names, "kind"):
        set_default(names, "singular", text(names, "kind").lower())
        set_default(names, "listKind", text(names, "kind") + "List")
    conversion = spec.setdefault("conversion", {})
    set_default(conversion, "strategy", "None")
    service = dig(conversion, "webhook", "clientConfig", "service")
    if isinstance(service, dict):
        set_default(service, "port", 443)


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    """Versions that objects were stored in are remembered from the first one on."""
    stored = [text(v, "name") for v in items(obj, "spec", "versions") if v.get("storage") is True]
    obj["status"] = {
        "conditions": [],
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": stored,
    }


def _prepare_for_update(obj: Object, context: WriteContext) -> None:
    split_status_and_metadata(obj, context)
    old = context.old
    if old is None or context.subresource == "status":
        return
    stored = list(items(old, "status", "storedVersions"))
    added = [
        text(v, "name")
        for v in items(obj, "spec", "versions")
        if v.get("storage") is True and text(v, "name") not in stored
    ]
    if added:
        obj["status"] = {**(old.get("status") or {}), "storedVersions": stored + added}


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    group, plural = text(spec, "group"), text(spec, "names", "plural")
    name = text(obj, "metadata", "name")
    if not group:
        found.append(required("spec.group"))
    expected = f"{plural}.{group}"
    if name and name != expected:
        found.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    for field in ("plural", "kind"):
        if not text(spec, "names", field):
            found.append(required(f"spec.names.{field}"))
    versions = items(spec, "versions")
    if sum(version.get("storage") is True for version in versions) != 1:
        found.append(
            invalid(
                "spec.versions", versions, "must have exactly one version marked as storage version"
            )
        )
    found.extend(
        required(f"spec.versions[{position}].schema.openAPIV3Schema", "schemas are required")
        for position, version in enumerate(versions)
        if not dig(version, "schema", "openAPIV3Schema")
    )
    return found


_STAYS = unchanging("spec.group", "spec.names.plural")
_STAYS_ONCE_SERVED = unchanging("spec.names.kind", "spec.scope")


def _validate_update(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found = [*_STAYS(obj, context)]
    if any(
        condition.get("type") == "Established" and condition.get("status") == "True"
        for condition in items(context.old, "status", "conditions")
    ):
        found.extend(_STAYS_ONCE_SERVED(obj, context))
    return found


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    APIEXTENSIONS.resource(
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(STATUS,),
        strategy=with_status(
            defaults=_defaults,
            create=_prepare_for_create,
            update=_prepare_for_update,
            validate=_validate,
            validate_update=_validate_update,
            unconditional_update=False,
        ),
        columns=PLAIN,
    ),
)
