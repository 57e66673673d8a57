"""apiextensions.k8s.io/v1: customresourcedefinitions, which add resources at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.errors import Cause
from kapiserver.resources.declare import STATUS, Group
from kapiserver.resources.definition import ALL_METADATA, Object, ResourceDefinition, WriteContext
from kapiserver.resources.field_errors import shown
from kapiserver.resources.printing import (
    CREATED_AT,
    NAME,
    column,
    dig,
    items,
    text,
    value_at,
)
from kapiserver.resources.strategies import set_default, split_status, with_status
from kapiserver.resources.validation.crd_formats import is_known
from kapiserver.resources.validation.crd_spec import (
    check_definition_status,
    check_definition_update,
    check_new_definition,
)
from kapiserver.resources.validation.crd_structural import all_schemas

APIEXTENSIONS = Group(
    "apiextensions.k8s.io",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    any_finalizers=True,
)


def _defaults(obj: Object, context: WriteContext) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = text(names, "kind")
    if kind:
        if not names.get("singular"):
            names["singular"] = kind.lower()
        if not names.get("listKind"):
            names["listKind"] = f"{kind}List"
    set_default(spec, "conversion", {"strategy": "None"})
    service = dig(spec, "conversion", "webhook", "clientConfig", "service")
    if isinstance(service, dict):
        set_default(service, "port", 443)


def _stored_version(obj: Object) -> list[str]:
    """The version that objects are stored in: the first that says so."""
    return [text(v, "name") for v in items(obj, "spec", "versions") if v.get("storage")][:1]


def _prepare_for_create(obj: Object, context: WriteContext) -> None:
    """Versions that objects were stored in are remembered from the first one on."""
    obj["status"] = {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": _stored_version(obj),
    }


def _prepare_for_update(obj: Object, context: WriteContext) -> None:
    split_status(obj, context)
    old = context.old
    if old is None or context.subresource == "status":
        return
    known = items(old, "status", "storedVersions")
    added = [name for name in _stored_version(obj) if name not in known]
    if added:
        obj["status"] = {**(old.get("status") or {}), "storedVersions": known + added}


def _validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
    found: list[Cause] = []
    if context.old is None:
        check_new_definition(found, obj)
    elif context.subresource == "status":
        check_definition_status(found, obj)
    else:
        check_definition_update(found, obj, context.old)
    return found


def _unknown_formats(obj: Any) -> dict[str, None]:
    return {
        schema["format"]: None
        for version in items(obj, "spec", "versions")
        for schema in all_schemas(dig(version, "schema", "openAPIV3Schema"))
        if schema.get("type") == "string" and not is_known(schema.get("format") or "uri")
    }


def _warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    """Formats of strings that nobody looks at; those of the old object were told of before."""
    if context.subresource == "status":
        return ()
    known = _unknown_formats(context.old)
    return [
        f"unrecognized format {shown(name)}" for name in _unknown_formats(obj) if name not in known
    ]


def _version_names(obj: Object, now: float) -> str:
    """All of them, as kube-apiserver prints them, whatever it says of the column."""
    return ",".join(sorted(text(version, "name") for version in items(obj, "spec", "versions")))


_STRATEGY = with_status(
    defaults=_defaults,
    create=_prepare_for_create,
    update=_prepare_for_update,
    status_keeps=ALL_METADATA,
    validate=_validate,
    warnings=_warnings,
    unconditional_update=False,
    complete=True,
)

DEFINITIONS: tuple[ResourceDefinition, ...] = (
    APIEXTENSIONS.resource(
        "CustomResourceDefinition",
        "customresourcedefinitions",
        upstream_folder="apiextensions.k8s.io/customresourcedefinitions",
        hash_version="v1beta1",
        namespaced=False,
        short=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(STATUS,),
        strategy=_STRATEGY,
        columns=(
            NAME,
            column("Group", value_at("spec", "group"), "API group"),
            column("Scope", value_at("spec", "scope"), "Cluster/Namespaced"),
            column("Versions", _version_names, "Served versions"),
            CREATED_AT,
        ),
    ),
)
