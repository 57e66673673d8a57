"""Short ways to write a resource table: an API group and constructors for common subresources.

In: the facts that differ. Out: complete ResourceDefinitions. Conventions that hold for every
built-in resource are applied here and nowhere else: the singular is the kind in lower case, a
list kind is the kind plus "List", schema names are package + version + kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kapiserver.resources.definition import (
    ALL_VERBS,
    ONLY_METADATA,
    OTHER_LABEL,
    Column,
    NameRule,
    Object,
    ResourceDefinition,
    Strategy,
    Subresource,
    Version,
)
from kapiserver.resources.names import dns1123_subdomain

Fields = Mapping[str, Callable[[Object], str]]

STATUS = Subresource("status", ("get", "patch", "update"))
SCALE = Subresource("scale", ("get", "patch", "update"), "Scale", "autoscaling", "v1")

PROXY_VERBS = ("create", "delete", "get", "patch", "update")
CONNECT_VERBS = ("create", "get")
VIRTUAL = ("create",)


@dataclass(frozen=True, slots=True)
class Group:
    """An API group and the package that its schema definitions live in."""

    name: str
    package: str
    any_finalizers: bool = False

    def version(
        self,
        name: str,
        kind: str,
        *,
        deprecated: str = "",
        to_storage: Callable[[Object], None] | None = None,
        from_storage: Callable[[Object], None] | None = None,
        listed: bool = True,
    ) -> Version:
        schema = f"{self.package}.{name}.{kind}"
        return Version(
            name=name,
            schema=schema,
            deprecated=deprecated,
            to_storage=to_storage,
            from_storage=from_storage,
            list_schema=f"{schema}List" if listed else "",
        )

    def resource(
        self,
        kind: str,
        plural: str,
        *,
        namespaced: bool = True,
        versions: tuple[Version, ...] = (),
        storage_version: str = "",
        deprecated: str = "",
        verbs: tuple[str, ...] = ALL_VERBS,
        short: tuple[str, ...] = (),
        categories: tuple[str, ...] = (),
        subresources: tuple[Subresource, ...] = (),
        strategy: Strategy | None = None,
        name_rule: NameRule = dns1123_subdomain,
        columns: tuple[Column, ...] = (),
        fields: Fields | None = None,
        selects_namespace: bool = True,
        field_refusal: str = "",
        row_cells: Callable[[Object, float], list[Any]] | None = None,
        row_conditions: Callable[[Object], list[Object]] | None = None,
        row_order: Callable[[Object], Any] | None = None,
        default_of: Callable[[Sequence[Object]], int | None] | None = None,
        storage_group: str | None = None,
        storage_plural: str | None = None,
        upstream_folder: str = "",
        hash_version: str = "",
        returns_deleted: bool = False,
        default_propagation: str = "Background",
        propagation_warning: str = "",
        virtual: bool = False,
    ) -> ResourceDefinition:
        """One resource. Without `versions` it has v1 alone."""
        listed = "list" in verbs
        served = versions or (self.version("v1", kind, deprecated=deprecated, listed=listed),)
        return ResourceDefinition(
            group=self.name,
            kind=kind,
            plural=plural,
            singular=kind.lower(),
            namespaced=namespaced,
            versions=served,
            storage_version=storage_version or served[0].name,
            verbs=verbs,
            short_names=short,
            categories=categories,
            list_kind=f"{kind}List" if listed else "",
            subresources=subresources,
            strategy=strategy or Strategy(),
            name_rule=name_rule,
            columns=columns,
            row_cells=row_cells,
            row_conditions=row_conditions,
            row_order=row_order,
            default_of=default_of,
            selectable_fields=fields or {},
            # cluster-wide kinds with labels of their own have no other
            selects_namespace=selects_namespace and (namespaced or not fields),
            field_refusal=field_refusal or (OTHER_LABEL if fields else ONLY_METADATA),
            storage_group=storage_group,
            storage_plural=storage_plural,
            upstream_folder=upstream_folder,
            any_finalizers=self.any_finalizers,
            hash_version=hash_version,
            returns_deleted=returns_deleted,
            default_propagation=default_propagation,
            propagation_warning=propagation_warning,
            virtual=virtual,
        )


def text_at(*path: str) -> Callable[[Object], str]:
    """A selectable field: the value at a path of the object, as field selectors spell it."""

    def value(obj: Object) -> str:
        found: object = obj
        for step in path:
            if not isinstance(found, dict):
                return ""
            found = found.get(step)
        if found is None:
            return ""
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)

    return value


def or_else(getter: Callable[[Object], str], default: str) -> Callable[[Object], str]:
    """A selectable field whose absence has a spelling: an absent boolean selects as "false"."""
    return lambda obj: getter(obj) or default
